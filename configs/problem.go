package configs

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one mistake in the file and where it is.
type Problem struct {
	File     string `json:"file"`
	Line     int    `json:"line"`   // from 1
	Column   int    `json:"column"` // from 1, in characters
	Path     string `json:"path,omitempty"`
	Text     string `json:"text"` // what is wrong, in one sentence
	Expected string `json:"expected,omitempty"`
	Found    string `json:"found,omitempty"`   // as it stands in the file; never a secret
	Nearest  string `json:"nearest,omitempty"` // what may have been meant
}

// String is the problem as an editor can jump to it: file:line:column: text.
func (p Problem) String() string {
	where := fmt.Sprintf("%s:%d:%d: ", p.File, p.Line, p.Column)
	if p.Path != "" {
		where += p.Path + ": "
	}
	return where + p.Text
}

// Problems are all mistakes of a file in the order of its lines.
type Problems []Problem

// Error gives each problem its line.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i := range p {
		lines[i] = p[i].String()
	}
	return strings.Join(lines, "\n")
}

func (d *decoder) sorted() Problems {
	slices.SortStableFunc(d.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	if d.dropped > 0 {
		last := d.problems[len(d.problems)-1]
		d.problems = append(d.problems, Problem{File: d.name, Line: last.Line, Column: last.Column,
			Text: fmt.Sprintf("and %d more mistakes", d.dropped)})
	}
	return d.problems
}

// maxProblems is how many are told at once; nobody reads more.
const maxProblems = 100

// position is where something stands in the file.
type position struct{ line, column int }

// add reports a problem, without what the environment and secret files hold.
func (d *decoder) add(at position, p Problem) {
	d.reported[p.Path] = true
	if len(d.problems) == maxProblems {
		d.dropped++
		return
	}
	p.File, p.Line, p.Column = d.name, max(at.line, 1), max(at.column, 1)
	p.Text, p.Expected, p.Found = d.conceal(p.Text), d.conceal(p.Expected), d.conceal(p.Found)
	d.problems = append(d.problems, p)
}

// expected reports that something else was expected at a path.
func (d *decoder) expected(at position, path, expected, found string) {
	p := Problem{Path: path, Expected: expected, Found: found, Text: "expected " + expected}
	if found != "" {
		p.Text += ", found " + found
	}
	d.add(at, p)
}

// conceal puts back the names of what was put in their place.
func (d *decoder) conceal(text string) string {
	for value, shown := range d.hidden {
		text = strings.ReplaceAll(text, value, shown)
	}
	return text
}

// hide keeps a value out of every problem's text.
func (d *decoder) hide(value, shown string) {
	if len(value) > 2 {
		d.hidden[value] = shown
	}
}
