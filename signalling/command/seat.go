package command

import (
	"strings"

	"roomline/signalling"
)

// seat is a side of a call that somebody may command.
type seat struct {
	call signalling.Status
	mine signalling.End
}

// other is whom the side talks to.
func (s seat) other() signalling.Party {
	if s.call.Ends[0].Side == s.mine.Side {
		return s.call.Ends[1].Party
	}
	return s.call.Ends[0].Party
}

// seats are the sides that somebody may command: one's own, or with
// permission everybody's. Of a call between others the caller's is taken.
func (o *Operator) seats(who Who, everybody bool) []seat {
	var all []seat
	for _, c := range o.Desk.Calls() {
		side, own := c.SideOf(who.User)
		switch {
		case c.State >= signalling.Ending:
		case own && side == c.Ends[1].Side:
			all = append(all, seat{c, c.Ends[1]})
		case own || everybody:
			all = append(all, seat{c, c.Ends[0]})
		}
	}
	return all
}

// seat is the call that a command is for: the one that is named, else the
// room's, else the only one.
func (o *Operator) seat(who Who, c Command) (seat, error) {
	id := c.Call
	all := o.seats(who, id != "" && o.May.May(who.User, signalling.Admin))
	if id == "" {
		id = who.Call
	}
	if len(all) == 2 && id == "" && c.Ask { // they are joined: one is as good as the other
		if c.Target != "" && o.is(all[0].other(), c.Target, who) {
			return all[1], nil
		}
		return all[0], nil
	}
	var fit []seat
	for _, s := range all {
		if strings.HasPrefix(strings.ToLower(s.call.ID), strings.ToLower(id)) {
			fit = append(fit, s)
		}
	}
	switch {
	case len(fit) == 1 && (who.Number == "" || id != ""):
		return fit[0], nil
	case who.Number != "" && id == "":
		return seat{}, Mistake("No call goes on in this room. !calls lists yours.")
	case len(fit) > 1 && id == "":
		return seat{}, Mistake("You have several calls. Say it in the room of the one you mean, or hang up by id:\n" + o.list(fit))
	case len(fit) > 1:
		return seat{}, Mistake("Several calls begin with " + short(id) + ":\n" + o.list(fit))
	case id != "":
		return seat{}, Mistake("You have no such call. !calls lists yours.")
	}
	return seat{}, Mistake("You have no call now.")
}
