package configs

import (
	"fmt"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// decoder walks the file's nodes beside the types they are to fill, and
// remembers where everything stands.
type decoder struct {
	name     string
	from     source
	at       map[string]position
	reported map[string]bool // paths whose problem is known already
	problems Problems
	dropped  int               // problems beyond maxProblems
	plain    []string          // paths of secrets that are in the file itself
	hidden   map[string]string // what the environment and secrets hold, and what is shown for it
}

// value decodes n into v. It goes as deep as v's type, however deep n is.
func (d *decoder) value(path string, n *yaml.Node, v reflect.Value) {
	if _, known := d.at[path]; !known {
		d.at[path] = place(n)
	}
	switch {
	case !d.plainNode(path, n), n.Tag == "!!null": // the default stays
	case isScalar(v.Type()):
		d.scalar(path, n, v)
	case v.Kind() == reflect.Struct:
		d.mapping(path, n, d.section(v))
	case v.Kind() == reflect.Map:
		d.mapping(path, n, d.named(v))
	case v.Kind() == reflect.Slice:
		d.list(path, n, v)
	}
}

// plainNode refuses what would say one thing in two places, or change how a
// value is read. Names are left out: "&word" may be a password without quotes.
func (d *decoder) plainNode(path string, n *yaml.Node) bool {
	odd := ""
	switch {
	case n.Kind == yaml.AliasNode:
		odd = "an alias (*)"
	case n.Anchor != "":
		odd = "an anchor (&)"
	case n.Style&yaml.TaggedStyle != 0:
		odd = "a tag (!)"
	default:
		return true
	}
	d.expected(place(n), path, "the value itself", odd+`; put quotes around text that begins like this`)
	return false
}

// mapping decodes every key of n through enter, which gives the value to fill
// and what to do once it is filled.
func (d *decoder) mapping(path string, n *yaml.Node, enter func(path, key string, at position) (reflect.Value, func())) {
	if n.Kind != yaml.MappingNode {
		d.expected(place(n), path, "a section of keys", kind(n))
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, val := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode || !d.plainNode(path, key) {
			d.expected(place(key), path, "a key", kind(key))
			continue
		}
		at := join(path, key.Value)
		if line, twice := seen[key.Value]; twice {
			d.add(place(key), Problem{Path: at, Text: fmt.Sprintf("this key is given twice, first in line %d", line)})
			continue
		}
		seen[key.Value] = key.Line
		if v, done := enter(path, key.Value, place(key)); v.IsValid() {
			d.remember(at, key, val)
			d.value(at, val, v)
			done()
		}
	}
}

// remember keeps where a key's value stands; of a section, where its key does.
func (d *decoder) remember(path string, key, val *yaml.Node) {
	d.at[path] = place(val)
	if val.Kind != yaml.ScalarNode || val.Value == "" {
		d.at[path] = place(key)
	}
}

// section enters the fields of a struct.
func (d *decoder) section(v reflect.Value) func(string, string, position) (reflect.Value, func()) {
	known := fields(v.Type())
	return func(path, key string, at position) (reflect.Value, func()) {
		for _, f := range known {
			if f.name == key {
				return v.FieldByIndex(f.index), func() {}
			}
		}
		if f, has := inline(v.Type()); has {
			return d.named(v.FieldByIndex(f.index))(path, key, at)
		}
		d.unknown(path, key, names(known), at)
		return reflect.Value{}, nil
	}
}

// named enters the entries of a map whose keys the user chooses.
func (d *decoder) named(v reflect.Value) func(string, string, position) (reflect.Value, func()) {
	if v.IsNil() {
		v.Set(reflect.MakeMap(v.Type()))
	}
	return func(_, key string, _ position) (reflect.Value, func()) {
		e := entry(v.Type().Elem())
		return e, func() { v.SetMapIndex(reflect.ValueOf(key), e) }
	}
}

func (d *decoder) list(path string, n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.SequenceNode {
		d.expected(place(n), path, "a list like [a, b]", kind(n))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	for i, item := range n.Content {
		d.value(fmt.Sprintf("%s[%d]", path, i), item, v.Index(i))
	}
}

// kind names what stands where something else was expected.
func kind(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a section"
	case yaml.SequenceNode:
		return "a list"
	}
	return "a single value"
}

func join(path, key string) string { return strings.TrimPrefix(path+"."+key, ".") }
