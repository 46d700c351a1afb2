package configs

import (
	"fmt"
	"strings"

	"roomline/internal/nearest"
)

// unknown reports a key or name that is none of those known.
func (d *decoder) unknown(path, key string, known []string, at position) {
	p := Problem{Path: join(path, short(key)), Found: short(key), Nearest: nearest.Word(key, known)}
	if text, was := moved[p.Path]; was {
		d.add(at, Problem{Path: p.Path, Found: p.Found, Text: text})
		return
	}
	if p.Nearest != "" {
		p.Text = fmt.Sprintf("unknown key; did you mean %q?", p.Nearest)
		defer func() { d.reported[join(path, p.Nearest)] = true }() // that it is missing goes without saying
	} else {
		p.Text = "unknown key; known here: " + strings.Join(known, ", ")
	}
	p.Expected = "one of: " + strings.Join(known, ", ")
	d.add(at, p)
}

// moved are keys of earlier releases, and what stands in their place.
var moved = map[string]string{
	"matrix.allow": "this key has become `permissions`: write there one line for each server or user of this list, like `example.org: dial`",
}

// short keeps what a user wrote within a line.
func short(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}
