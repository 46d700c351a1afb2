package configs

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"roomline/signalling/matrix"
	"roomline/signalling/number"
)

// asIs is the number_format of a trunk whose numbers are written by hand.
const asIs = "asis"

// numbers rewrites the file's telephone numbers as calls carry them, so that
// "030 23125701" and "+493023125701" are one number. Short ones stay.
func (d *decoder) numbers(c *Config) {
	plan, err := number.New(c.Dialing.Country)
	if err != nil {
		return // reported at dialing.country
	}
	for _, name := range slices.Sorted(maps.Keys(c.Trunks)) {
		t := c.Trunks[name]
		d.trunkNumbers(plan, join("trunks", name), &t)
		c.Trunks[name] = t
	}
	d.contactNumbers(plan, c.Contacts)
	d.callers(c, plan)
	d.roomNumbers(c, plan)
	for i := range c.Routes.Inbound {
		r := &c.Routes.Inbound[i]
		if !c.leadsHere(*r) { // else only its "+" may be missing
			r.To = d.number(plan, fmt.Sprintf("routes.inbound[%d].to", i), r.To)
		}
	}
	for i := range c.Routes.Outbound {
		if r := &c.Routes.Outbound[i]; !strings.Contains(r.Match, "*") {
			r.Match = d.number(plan, fmt.Sprintf("routes.outbound[%d].match", i), r.Match)
		}
	}
}

// trunkNumbers leaves the caller id as it stands where the trunk wants that,
// and where it is a word.
func (d *decoder) trunkNumbers(plan *number.Plan, path string, t *Trunk) {
	if t.NumberFormat == asIs && t.CallerID == "" && len(t.Numbers) > 0 {
		t.CallerID = t.Numbers[0]
	}
	if n, err := plan.Parse(t.CallerID); err == nil && t.NumberFormat != asIs {
		t.CallerID = n
	}
	for i, n := range t.Numbers {
		t.Numbers[i] = d.number(plan, fmt.Sprintf("%s.numbers[%d]", path, i), n)
	}
}

// contactNumbers gives contacts the names that calls carry, in place.
func (d *decoder) contactNumbers(plan *number.Plan, contacts matrix.Contacts) {
	for _, text := range slices.Sorted(maps.Keys(contacts)) {
		path := join("contacts", text)
		n := d.number(plan, path, text)
		if n == text {
			continue
		}
		if _, twice := contacts[n]; twice {
			d.found(path, fmt.Sprintf("expected each number once, found %q again", n))
		}
		contacts[n] = contacts[text]
		d.at[join("contacts", n)] = d.where(path)
		delete(contacts, text)
	}
}

// roomNumbers holds the numbers of rooms to who could have one: where rooms are
// telephones' their own ids say which.
func (d *decoder) roomNumbers(c *Config, plan *number.Plan) {
	for _, id := range slices.Sorted(maps.Keys(c.Rooms)) {
		r := c.Rooms[id]
		path := join("rooms", id) + ".number"
		switch {
		case r.Number == "":
			continue
		case id == matrix.EveryRoom:
			d.found(path, "expected a number only where a single room is named")
		case c.Matrix.Account.User == "":
			d.found(path, "expected matrix.account as well: the rooms of an application service call the number of the telephone in them")
		}
		r.Number = d.number(plan, path, r.Number)
		c.Rooms[id] = r
	}
}

// number reads one number, and reports it if nobody could dial it.
func (d *decoder) number(plan *number.Plan, path, text string) string {
	n, err := plan.Parse(text)
	if err == nil {
		return n
	}
	if !errors.Is(err, number.ErrEmpty) && !d.known(path) { // an empty one is reported by its owner
		wanted := "a telephone number as it is dialled in " + plan.Country()
		why := strings.TrimPrefix(err.Error(), number.ErrInvalid.Error()+": ")
		d.add(d.where(path), Problem{Path: path, Expected: wanted, Found: text, Text: fmt.Sprintf("expected %s, found %q: %s", wanted, text, why)})
	}
	return text
}
