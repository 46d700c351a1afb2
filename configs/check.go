package configs

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"roomline/signalling/matrix"
)

// check asks each section's owner, then looks at what no owner sees.
func (d *decoder) check(c *Config) {
	d.numbers(c)
	d.owner("database", c.Database.Validate())
	d.owner("matrix", c.Matrix.Validate())
	for _, name := range slices.Sorted(maps.Keys(c.Trunks)) {
		d.owner(join("trunks", name), c.Trunks[name].Validate())
	}
	d.owner("dialing", c.Dialing.Validate())
	d.permissions(c)
	d.owner("routes", c.Routes.Validate())
	d.rooms(c)
	for _, n := range slices.Sorted(maps.Keys(c.Contacts)) {
		d.owner(join("contacts", n), c.Contacts[n].Validate())
	}
	d.owner("sip", c.SIP.Validate())
	d.owner("media", c.Media.Validate())
	d.owner("calls", c.Calls.Validate())
	d.owner("http", c.HTTP.Validate())
	d.owner("log", c.Log.Validate())
	d.trunkNames(c)
	d.emergency(c)
	d.music(c)
	d.routes(c)
	d.listeners(c)
}

// rooms asks each room's owner, and holds their names to what rooms have.
func (d *decoder) rooms(c *Config) {
	for _, id := range slices.Sorted(maps.Keys(c.Rooms)) {
		at := join("rooms", id)
		if !matrix.ValidRoom(id) {
			d.expected(d.where(at), join("rooms", short(id)), `a room id like "!abc:example.org", or "*" for all rooms`, "")
		}
		d.owner(at, c.Rooms[id].Validate())
	}
}

// owner reports what a section's owner found, each at the field it names.
func (d *decoder) owner(section string, err error) {
	for _, e := range leaves(err) {
		path, text := section, e.Error()
		if field, rest, ok := strings.Cut(text, ": "); ok && isPath(field) {
			path, text = section+"."+field, rest
		}
		if lender, ok := borrowed[path]; ok {
			path = lender
		}
		d.found(path, text)
	}
}

// borrowed are values that a section takes from another, where they stand in the file.
var borrowed = map[string]string{"matrix.ring_timeout": "calls.ring_timeout", "matrix.connect_timeout": "media.connect_timeout"}

// leaves takes joined errors apart.
func leaves(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	switch {
	case err == nil:
		return nil
	case !ok:
		return []error{err}
	}
	var out []error
	for _, e := range joined.Unwrap() {
		out = append(out, leaves(e)...)
	}
	return out
}

// isPath tells whether an error's first words name a field, as in "numbers[0]".
func isPath(s string) bool { return pathForm.MatchString(s) }

var pathForm = regexp.MustCompile(`^[a-z_]+(\[\d+\])?(\.[a-z_]+(\[\d+\])?)*$`)

// found reports a problem of a value unless its text was wrong already. Text
// of the form "expected …, found …" is told apart for machines.
func (d *decoder) found(path, text string) {
	if d.known(path) {
		return
	}
	if _, given := d.at[path]; !given {
		if rest, empty := strings.CutSuffix(text, `found ""`); empty {
			text = rest + "found nothing"
		}
	}
	p := Problem{Path: path, Text: text}
	if rest, ok := strings.CutPrefix(text, "expected "); ok {
		p.Expected, p.Found, _ = strings.Cut(rest, ", found ")
	}
	d.add(d.where(path), p)
}

// known tells whether a path, or the section it is in, was reported already.
func (d *decoder) known(path string) bool {
	for ; path != ""; path = parent(path) {
		if d.reported[path] {
			return true
		}
	}
	return false
}

// where is the position of a path, or of the section from which it is missing.
func (d *decoder) where(path string) position {
	for ; path != ""; path = parent(path) {
		if at, ok := d.at[path]; ok {
			return at
		}
	}
	return d.at[""]
}

// parent is the path without its last key or index.
func parent(path string) string { return path[:max(strings.LastIndexAny(path, ".["), 0)] }
