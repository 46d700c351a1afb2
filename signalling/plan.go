package signalling

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Matrix is the name under which the Matrix side brings and takes calls; no
// trunk may have it.
const Matrix = "matrix"

// Inbound sends calls from a trunk to Matrix users: one, or whoever is in a
// room, or several users and rooms at once, the first of which to answer has the
// call; or on to another trunk.
type Inbound struct {
	To    string   `yaml:"to"`    // the number called, E.164 or as the trunk writes it; with Via also "+49*" or "*"
	Trunk string   `yaml:"trunk"` // only calls from this trunk; empty: from any
	User  string   `yaml:"user"`  // the Matrix user to ring
	Users []string `yaml:"users"` // Matrix users to ring at once
	Room  string   `yaml:"room"`  // the room to ring in; with user only that user there
	Rooms []string `yaml:"rooms"` // rooms to ring in at once, beside users
	Via   string   `yaml:"via"`   // the trunk that the call is passed on by, to the number called; instead of users and rooms
}

// who lists the users a rule rings by name.
func (r Inbound) who() []string {
	if r.User != "" {
		return []string{r.User}
	}
	return r.Users
}

// group tells whether a rule rings several at once, or may.
func (r Inbound) group() bool { return len(r.Users)+len(r.Rooms) > 0 }

// Outbound sends calls from a room to a trunk.
type Outbound struct {
	Match string `yaml:"match"` // "+49*" a prefix, "*" everything, else the whole number
	Trunk string `yaml:"trunk"`
}

// Plan is the dial plan: two tables, in each of which the first match wins.
// A call from a trunk never reaches an outbound rule (toll fraud): only an
// inbound one that names both trunks passes it on.
type Plan struct {
	Inbound  []Inbound  `yaml:"inbound"`
	Outbound []Outbound `yaml:"outbound"`
}

// Validate says which rule cannot work and why.
func (p Plan) Validate() error {
	var errs []error
	for i, r := range p.Inbound {
		if r.To == "" {
			errs = append(errs, fmt.Errorf("inbound[%d].to: expected the number that is called", i))
		}
		if r.Via != "" {
			errs = append(errs, r.passes(i))
			continue
		}
		errs = append(errs, r.rings(i)...)
	}
	for i, r := range p.Outbound {
		if r.Match == "" || strings.Contains(strings.TrimSuffix(r.Match, "*"), "*") {
			errs = append(errs, fmt.Errorf("outbound[%d].match: expected a number, or a prefix ending in *, found %q", i, r.Match))
		}
		if r.Trunk == "" {
			errs = append(errs, fmt.Errorf("outbound[%d].trunk: expected the name of a trunk", i))
		}
	}
	return errors.Join(errs...)
}

// passes says what is wrong with a rule that leads to another trunk: from which
// one has to be named, so that nothing goes round in circles, and no call of
// a stranger's trunk goes out by accident (toll fraud).
func (r Inbound) passes(i int) error {
	switch {
	case r.group() || r.User != "" || r.Room != "":
		return fmt.Errorf("inbound[%d].via: expected no users or rooms beside it", i)
	case r.To != "" && strings.Contains(strings.TrimSuffix(r.To, "*"), "*"):
		return fmt.Errorf("inbound[%d].to: expected a number, or a prefix ending in *, found %q", i, r.To)
	case r.Trunk == "" || r.Trunk == r.Via:
		return fmt.Errorf("inbound[%d].trunk: expected the trunk that the calls come from, other than %q", i, r.Via)
	}
	return nil
}

// rings says what is wrong with whom a rule rings.
func (r Inbound) rings(i int) (errs []error) {
	if !r.group() && r.User == "" && r.Room == "" || r.User != "" && !named(r.User, "@") {
		errs = append(errs, fmt.Errorf("inbound[%d].user: expected a Matrix user like @alice:example.org, found %q", i, r.User))
	}
	if key := "users"; len(r.Users)+len(r.Rooms) > maxHunt || r.group() && (r.User != "" || r.Room != "") {
		if len(r.Users) == 0 {
			key = "rooms"
		}
		errs = append(errs, fmt.Errorf("inbound[%d].%s: expected up to %d users and rooms, and neither user nor room beside them", i, key, maxHunt))
	}
	errs = append(errs, different(r.Users, "@", fmt.Sprintf("inbound[%d].users: expected different Matrix users like @alice:example.org", i))...)
	errs = append(errs, different(r.Rooms, "!", fmt.Sprintf("inbound[%d].rooms: expected different room ids like !abc:example.org", i))...)
	if r.Room != "" && !named(r.Room, "!") {
		errs = append(errs, fmt.Errorf("inbound[%d].room: expected a room's id like !abc:example.org, found %q", i, r.Room))
	}
	return errs
}

// different reports what in a list is no identifier of a kind, or is there twice.
func different(list []string, sigil, expected string) (errs []error) {
	for i, id := range list {
		if !named(id, sigil) || slices.Contains(list[:i], id) {
			errs = append(errs, fmt.Errorf("%s, found %q", expected, id))
		}
	}
	return errs
}

// named tells whether an identifier of Matrix is of a kind. Rooms of version
// 12 have no server in theirs (MSC4291).
func named(id, sigil string) bool {
	return strings.HasPrefix(id, sigil) && len(id) > 1 && (sigil == "!" || strings.Contains(id, ":"))
}

// Find implements Router.
func (p Plan) Find(in Incoming) (Target, Reason, bool) {
	if in.Via == Matrix {
		return p.out(in)
	}
	return p.in(in)
}

// out is a call of a Matrix user: to another user, to a number that is one of
// ours, which then needs no trunk, or by a trunk.
func (p Plan) out(in Incoming) (Target, Reason, bool) {
	if in.To.User != "" {
		return Target{Via: Matrix, To: in.To, From: in.From}, Reason{}, true
	}
	if r, ok := p.rule(in); ok && !slices.Contains(r.who(), in.From.User) {
		return r.target(in), Reason{}, true
	}
	for _, r := range p.Outbound {
		if matches(r.Match, in.To.Number) {
			return Target{Via: r.Trunk, To: in.To, From: in.From}, Reason{}, true
		}
	}
	return Target{}, Reason{Cause: NoRoute}, false
}

// in is a call from a trunk. It leads to a trunk again only where a rule for
// that very number and trunk says so (toll fraud).
func (p Plan) in(in Incoming) (Target, Reason, bool) {
	if r, ok := p.rule(in); ok {
		return r.target(in), Reason{}, true
	}
	return Target{}, Reason{Cause: Unallocated}, false
}

// rule is the first inbound rule for a number; a call of ours is of any trunk.
func (p Plan) rule(in Incoming) (Inbound, bool) {
	for _, r := range p.Inbound {
		if r.takes(in) {
			return r, true
		}
	}
	return Inbound{}, false
}

// takes tells whether a rule is for a call. What another trunk takes may be
// named by its beginning.
func (r Inbound) takes(in Incoming) bool {
	if r.Via != "" {
		return r.Trunk == in.Via && matches(r.To, in.To.Number)
	}
	return (r.Trunk == "" || in.Via == Matrix || r.Trunk == in.Via) && sameNumber(r.To, in.To.Number)
}

// target is whom a rule rings for a call.
func (r Inbound) target(in Incoming) Target {
	if r.Via != "" {
		return Target{Via: r.Via, To: in.To, From: in.From}
	}
	t := Target{Via: Matrix, To: in.To, From: in.From, Room: r.Room}
	var all []Target
	for _, user := range r.who() {
		one := t
		one.To.User = user
		all = append(all, one)
	}
	for _, room := range r.Rooms {
		one := t
		one.Room = room
		all = append(all, one)
	}
	if len(all) == 0 {
		return t
	}
	t, t.Also = all[0], all[1:]
	return t
}

func matches(pattern, number string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(number, prefix)
	}
	return sameNumber(pattern, number)
}

// sameNumber overlooks the "+" that trunks keep or drop as they please.
func sameNumber(a, b string) bool {
	return strings.TrimPrefix(a, "+") == strings.TrimPrefix(b, "+")
}
