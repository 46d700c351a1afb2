package configs

import (
	"encoding"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Effective writes the whole configuration as YAML, defaults included and
// secrets masked.
func (c *Config) Effective(w io.Writer) error {
	enc := yaml.NewEncoder(w)
	enc.SetIndent(2)
	if err := enc.Encode(node(reflect.ValueOf(c).Elem())); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	return enc.Close()
}

// node is v as it would stand in the file.
func node(v reflect.Value) *yaml.Node {
	switch {
	case isScalar(v.Type()):
		return scalarNode(v)
	case v.Kind() == reflect.Struct:
		return sectionNode(v)
	case v.Kind() == reflect.Map:
		return namedNode(v)
	}
	n := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	for i := range v.Len() {
		item := node(v.Index(i))
		if item.Kind != yaml.ScalarNode {
			n.Style = 0
		}
		n.Content = append(n.Content, item)
	}
	return n
}

func sectionNode(v reflect.Value) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	if f, has := inline(v.Type()); has {
		n = namedNode(v.FieldByIndex(f.index))
	}
	for _, f := range fields(v.Type()) {
		n.Content = append(n.Content, text(f.name, true), node(v.FieldByIndex(f.index)))
	}
	return n
}

func namedNode(v reflect.Value) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	names := v.MapKeys()
	slices.SortFunc(names, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	for _, name := range names {
		n.Content = append(n.Content, text(name.String(), true), node(v.MapIndex(name)))
	}
	return n
}

// scalarNode masks secrets, because their MarshalText does.
func scalarNode(v reflect.Value) *yaml.Node {
	if m, ok := v.Interface().(encoding.TextMarshaler); ok {
		b, err := m.MarshalText()
		if err != nil {
			return text("cannot be written: "+err.Error(), false)
		}
		return text(string(b), false)
	}
	if isDuration(v.Type()) {
		return text(brief(time.Duration(v.Int())), true)
	}
	return text(fmt.Sprint(v.Interface()), v.Kind() != reflect.String)
}

// text is a scalar; bare ones need no quotation marks, others get them where
// they would be read as something else.
func text(s string, bare bool) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(strings.ReplaceAll(s, "${", "$${"))
	if bare {
		n.Tag = ""
	}
	return n
}

// brief writes a duration without units that are zero: 1m, not 1m0s.
func brief(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
