package configs

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"

	"roomline/internal/database"
	"roomline/internal/secret"
)

// maxSecret bounds a file that holds a secret, and any expanded value, in bytes.
const maxSecret = 64 << 10

// source is where values come from that do not stand in the file.
type source struct {
	env  func(name string) (string, bool)
	dir  string // relative names of secret files are taken from here
	file func(name string) (string, error)
	stat func(name string) (fs.FileInfo, error) // nil: nothing is known of files
}

// expand replaces each ${NAME} by the environment variable of that name; $${
// stands for ${ itself.
func (d *decoder) expand(path string, n *yaml.Node) (string, bool) {
	var b strings.Builder
	rest := n.Value
	for {
		before, after, found := strings.Cut(rest, "${")
		if !found {
			b.WriteString(rest)
			return b.String(), true
		}
		if escaped, ok := strings.CutSuffix(before, "$"); ok {
			b.WriteString(escaped + "${")
			rest = after
			continue
		}
		name, tail, closed := strings.Cut(after, "}")
		value, ok := d.variable(path, n, name, closed)
		if !ok {
			return "", false
		}
		b.WriteString(before + value)
		if b.Len() > maxSecret {
			d.expected(place(n), path, "at most 64 KiB once variables are filled in", "")
			return "", false
		}
		rest = tail
	}
}

func (d *decoder) variable(path string, n *yaml.Node, name string, closed bool) (string, bool) {
	if !closed || !isName(name) {
		d.expected(place(n), path, "${NAME} with letters, digits and _ ($${ for ${ itself)", "")
		return "", false
	}
	value, ok := d.from.env(name)
	if !ok {
		d.add(place(n), Problem{Path: path, Text: fmt.Sprintf("the environment variable %s is not set", name)})
		return "", false
	}
	d.hide(value, "${"+name+"}")
	return value, true
}

// isName tells whether s can be the name of a variable (POSIX.1-2017 XBD §8.1).
func isName(s string) bool {
	for i, r := range s {
		if r != '_' && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (r < '0' || r > '9' || i == 0) {
			return false
		}
	}
	return s != ""
}

// secret sets a secret, which may be in a file of its own.
func (d *decoder) secret(path string, n *yaml.Node, text string, v reflect.Value) {
	if name, ok := strings.CutPrefix(text, "file:"); ok {
		var err error
		if text, err = d.fromFile(name); err != nil {
			d.add(place(n), Problem{Path: path, Text: fmt.Sprintf("the secret's file cannot be read: %v", err)})
			return
		}
	}
	v.SetString(text)
	if v.Type() == reflect.TypeFor[database.Address]() && !strings.Contains(text, "://") {
		return // the name of a file
	}
	d.hide(text, "••••")
	if text == n.Value && (v.Type() == reflect.TypeFor[secret.Value]() || database.Address(text).String() != text) {
		d.plain = append(d.plain, path)
	}
}

// fromFile reads a secret and drops the one line end that editors add.
func (d *decoder) fromFile(name string) (string, error) {
	if !filepath.IsAbs(name) {
		name = filepath.Join(d.from.dir, name)
	}
	text, err := d.from.file(name)
	text = strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
	var bad *fs.PathError
	switch {
	case errors.As(err, &bad):
		return "", fmt.Errorf("%s: %w", name, bad.Err)
	case err != nil:
		return "", err
	case text == "":
		return "", fmt.Errorf("%s is empty", name)
	}
	return text, nil
}
