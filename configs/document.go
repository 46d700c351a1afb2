package configs

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// document decodes the file's one YAML document into c. It tells whether there
// is one, so that looking for what is missing makes sense.
func (d *decoder) document(data []byte, c *Config) bool {
	if len(data) > maxFile {
		d.expected(position{}, "", "at most 1 MiB", "")
		return false
	}
	root, err := d.tree(data)
	switch {
	case err != nil:
		d.syntax(data, err)
		return false
	case root != nil:
		d.value("", root, reflect.ValueOf(c).Elem())
		return root.Kind == yaml.MappingNode
	}
	return true
}

// tree parses the text; nil without an error is an empty file.
func (d *decoder) tree(data []byte) (*yaml.Node, error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	if err := dec.Decode(&second); err == nil {
		d.expected(place(&second), "", "one YAML document", "a second one")
	} else if !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(doc.Content) == 0 {
		return nil, nil
	}
	return doc.Content[0], nil
}

// syntax reports what the YAML parser said. It names the line at the beginning
// of its message, and quotes text of the file that may be a secret.
func (d *decoder) syntax(data []byte, err error) {
	msg := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 1
	if rest, ok := strings.CutPrefix(msg, "line "); ok {
		if number, text, ok := strings.Cut(rest, ": "); ok {
			line, _ = strconv.Atoi(number)
			msg = text
		}
	}
	d.add(position{line, indent(data, line)}, Problem{Text: "this is not YAML: " + unquoted(msg)})
}

// unquoted drops what stands between quotation marks.
func unquoted(msg string) string {
	open := strings.IndexAny(msg, "'\"`")
	if open < 0 {
		return msg
	}
	if end := strings.LastIndexByte(msg, msg[open]); end > open {
		return msg[:open] + "…" + msg[end+1:]
	}
	return msg[:open] + "…"
}

// indent is the column in which a line's text begins.
func indent(data []byte, line int) int {
	for range line - 1 {
		_, data, _ = bytes.Cut(data, []byte("\n"))
	}
	text, _, _ := bytes.Cut(data, []byte("\n"))
	return utf8.RuneCount(text) - utf8.RuneCount(bytes.TrimLeft(text, " \t")) + 1
}

func place(n *yaml.Node) position { return position{n.Line, n.Column} }
