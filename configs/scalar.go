package configs

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"roomline/internal/database"
	"roomline/internal/secret"
)

// scalar reads one value as the type of v wants it. The text is taken as it
// stands in the file, so that +49 and 007 are no numbers unless v is one.
func (d *decoder) scalar(path string, n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.ScalarNode {
		d.expected(place(n), path, wanted(v.Type()), kind(n))
		return
	}
	text, ok := d.expand(path, n)
	if !ok {
		return
	}
	if isSecret(v.Type()) {
		d.secret(path, n, text, v)
		return
	}
	if err := set(v, text); err != nil {
		d.expected(place(n), path, err.Error(), fmt.Sprintf("%.60q", n.Value))
	}
}

// isSecret tells whether a value may be in a file of its own, and is shown nowhere.
func isSecret(t reflect.Type) bool {
	return t == reflect.TypeFor[secret.Value]() || t == reflect.TypeFor[database.Address]()
}

// set parses text into v. The error says what is expected.
func set(v reflect.Value, text string) error {
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(text))
	}
	var err error
	switch {
	case isDuration(v.Type()):
		err = setDuration(v, text)
	case v.Kind() == reflect.String:
		v.SetString(text)
	case v.Kind() == reflect.Bool:
		err = setBool(v, text)
	case v.CanInt():
		var i int64
		if i, err = strconv.ParseInt(text, 10, v.Type().Bits()); err == nil {
			v.SetInt(i)
		}
	case v.CanUint():
		var u uint64
		if u, err = strconv.ParseUint(text, 10, v.Type().Bits()); err == nil {
			v.SetUint(u)
		}
	default:
		err = fmt.Errorf("no key is of type %v", v.Type())
	}
	if err != nil {
		return fmt.Errorf("%s", wanted(v.Type()))
	}
	return nil
}

func setDuration(v reflect.Value, text string) error {
	t, err := time.ParseDuration(strings.TrimSpace(text))
	if err == nil && t < 0 {
		err = strconv.ErrRange
	}
	v.SetInt(int64(max(t, 0)))
	return err
}

// setBool knows the words of YAML 1.2 §10.2.1.2, and no others.
func setBool(v reflect.Value, text string) error {
	if text != "true" && text != "false" {
		return strconv.ErrSyntax
	}
	v.SetBool(text == "true")
	return nil
}

// wanted says what a value of a type looks like.
func wanted(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[secret.Value]():
		return "a secret: text, ${VARIABLE} or file:PATH"
	case t == reflect.TypeFor[database.Address]():
		return "a file name, or a postgres:// URL: text, ${VARIABLE} or file:PATH"
	case isDuration(t):
		return "a duration like 30s or 1h30m"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() >= reflect.Int && t.Kind() <= reflect.Int64:
		return "a whole number"
	case t.Kind() >= reflect.Uint && t.Kind() <= reflect.Uint64:
		return "a whole number, not negative"
	}
	return "text"
}
