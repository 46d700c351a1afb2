package permit

import (
	"strings"

	"roomline/signalling"
	"roomline/signalling/number"
)

// rules say which numbers may be dialled.
type rules struct {
	numbers    *number.Plan
	everywhere bool
	countries  map[string]bool // ISO 3166-1 alpha-2
	prefixes   []string        // with "+"
	inside     []string        // extensions, and prefixes of them ending in *
	deny       map[string]bool // names of classes
	emergency  bool            // may be called
}

func newRules(d Dialing, numbers *number.Plan) rules {
	r := rules{numbers: numbers, countries: map[string]bool{}, deny: map[string]bool{}}
	_, r.emergency = d.Trunk()
	for _, class := range d.Deny {
		r.deny[class] = true
	}
	for _, s := range d.Allow {
		switch {
		case s == "*":
			r.everywhere = true
		case strings.HasPrefix(s, "+"):
			r.prefixes = append(r.prefixes, s)
		case s[0] >= '0' && s[0] <= '9':
			r.inside = append(r.inside, s)
		default:
			r.countries[s] = true
		}
	}
	return r
}

// weigh says why a number may not be dialled, if so. A number that was not
// read as people's typing is would be read otherwise by the trunk.
func (r rules) weigh(n string) *refusal {
	if read, err := r.numbers.Parse(n); err != nil || read != n {
		return &refusal{ByNumber, signalling.Reason{Cause: signalling.InvalidNumber}}
	}
	class := r.numbers.Class(n)
	switch {
	case class == number.Emergency:
		return r.rescue(n)
	case !strings.HasPrefix(n, "+") && matching(r.inside, n):
		return nil
	case r.deny[class.String()]:
		return forbid(ByClass, "%s numbers are not allowed; ask your administrator to take %s out of dialing.deny", spoken(class), class)
	}
	return r.country(n)
}

// NoEmergency is what somebody in need is told where dialing.emergency is Block.
const NoEmergency = "this line cannot place emergency calls; use another phone"

// rescue lets emergency numbers through where a trunk is named for them, if
// they are dialled as the country dials them.
func (r rules) rescue(n string) *refusal {
	if r.emergency && r.numbers.IsEmergency(n) {
		return nil
	}
	return forbid(ByEmergency, NoEmergency)
}

func (r rules) country(n string) *refusal {
	if r.everywhere || !strings.HasPrefix(n, "+") || r.countries[r.numbers.CountryOf(n)] {
		return nil
	}
	for _, prefix := range r.prefixes {
		if strings.HasPrefix(n, prefix) {
			return nil
		}
	}
	name, code := r.numbers.Place(n)
	return forbid(ByCountry, "calls to %s are not allowed; ask your administrator to add %s to dialing.allow", name, code)
}

// spoken names a class as people do.
func spoken(c number.Class) string { return strings.ReplaceAll(c.String(), "-", " ") }

// matching tells whether a number is one of a list, in which * ends a prefix.
func matching(list []string, n string) bool {
	for _, s := range list {
		if prefix, open := strings.CutSuffix(s, "*"); s == n || open && strings.HasPrefix(n, prefix) {
			return true
		}
	}
	return false
}

// blocked are the callers who ring nobody.
type blocked struct {
	list      []string
	anonymous bool
}

func newBlocked(list []string) blocked {
	b := blocked{list: list}
	for _, s := range list {
		b.anonymous = b.anonymous || s == Anonymous
	}
	return b
}

func (b blocked) has(from signalling.Party) bool {
	if from.Hidden || from.Number == "" {
		return b.anonymous
	}
	return matching(b.list, from.Number)
}
