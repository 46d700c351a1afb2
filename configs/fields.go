package configs

import (
	"encoding"
	"reflect"
	"strings"
	"time"
)

// field is a key of a section.
type field struct {
	name  string
	index []int
}

// inline is the field of a section that holds the keys which the user chooses,
// beside those that are known.
func inline(t reflect.Type) (field, bool) {
	for _, f := range reflect.VisibleFields(t) {
		if _, options, _ := strings.Cut(f.Tag.Get("yaml"), ","); options == "inline" && f.Type.Kind() == reflect.Map {
			return field{"", f.Index}, true
		}
	}
	return field{}, false
}

// fields are the keys of a struct type in the order of its fields.
func fields(t reflect.Type) []field {
	var out []field
	for _, f := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if f.IsExported() && name != "-" && options != "inline" && len(f.Index) == 1 {
			if name == "" {
				name = strings.ToLower(f.Name)
			}
			out = append(out, field{name, f.Index})
		}
	}
	return out
}

func names(fs []field) []string {
	out := make([]string, len(fs))
	for i := range fs {
		out[i] = fs[i].name
	}
	return out
}

// isScalar tells whether a type is written as a single value.
func isScalar(t reflect.Type) bool {
	if reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return true
	}
	switch t.Kind() {
	case reflect.Struct, reflect.Map, reflect.Slice:
		return false
	}
	return true
}

func isDuration(t reflect.Type) bool { return t == reflect.TypeFor[time.Duration]() }

// Keys are the paths of all keys, with <name> for what the user names and []
// for the items of lists: "trunks.<name>.host", "routes.inbound[].to".
func Keys() []string { return keys("", reflect.TypeFor[Config]()) }

func keys(path string, t reflect.Type) []string {
	switch {
	case isScalar(t):
		return []string{path}
	case t.Kind() == reflect.Map:
		return keys(path+".<name>", t.Elem())
	case t.Kind() == reflect.Slice && isScalar(t.Elem()):
		return []string{path}
	case t.Kind() == reflect.Slice:
		return keys(path+"[]", t.Elem())
	}
	var out []string
	if f, has := inline(t); has {
		out = keys(path, t.FieldByIndex(f.index).Type)
	}
	for _, f := range fields(t) {
		out = append(out, keys(join(path, f.name), t.FieldByIndex(f.index).Type)...)
	}
	return out
}
