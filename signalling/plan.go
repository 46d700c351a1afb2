package signalling

import (
	"errors"
	"fmt"
	"strings"
)

// Matrix is the name under which the Matrix side brings and takes calls; no
// trunk may have it.
const Matrix = "matrix"

// Inbound sends calls from a trunk to a Matrix user.
type Inbound struct {
	To    string `yaml:"to"`    // the number called, E.164 or as the trunk writes it
	Trunk string `yaml:"trunk"` // only calls from this trunk; empty: from any
	User  string `yaml:"user"`  // the Matrix user to ring
}

// Outbound sends calls from a room to a trunk.
type Outbound struct {
	Match string `yaml:"match"` // "+49*" a prefix, "*" everything, else the whole number
	Trunk string `yaml:"trunk"`
}

// Plan is the dial plan: two tables, in each of which the first match wins.
// A call from a trunk never reaches an outbound rule (toll fraud).
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
		if !strings.HasPrefix(r.User, "@") || !strings.Contains(r.User, ":") {
			errs = append(errs, fmt.Errorf("inbound[%d].user: expected a Matrix user like @alice:example.org, found %q", i, r.User))
		}
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

// Find implements Router.
func (p Plan) Find(in Incoming) (Target, Reason, bool) {
	if in.Via == Matrix {
		return p.out(in)
	}
	return p.in(in)
}

func (p Plan) out(in Incoming) (Target, Reason, bool) {
	for _, r := range p.Outbound {
		if matches(r.Match, in.To.Number) {
			return Target{Via: r.Trunk, To: in.To, From: in.From}, Reason{}, true
		}
	}
	return Target{}, Reason{Cause: NoRoute}, false
}

func (p Plan) in(in Incoming) (Target, Reason, bool) {
	for _, r := range p.Inbound {
		if (r.Trunk == "" || r.Trunk == in.Via) && sameNumber(r.To, in.To.Number) {
			to := in.To
			to.User = r.User
			return Target{Via: Matrix, To: to, From: in.From}, Reason{}, true
		}
	}
	return Target{}, Reason{Cause: Unallocated}, false
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
