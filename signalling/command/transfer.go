package command

import (
	"strings"

	"roomline/signalling"
)

// transfer sends the other side of a call elsewhere.
func (o *Operator) transfer(who Who, s seat, c Command) (string, error) {
	if s.call.State != signalling.Connected {
		return "", Mistake("Only a call that was answered can be transferred.")
	}
	if c.Ask {
		return o.join(who, s, c)
	}
	to, err := o.destination(who, c.Target)
	if err != nil {
		return "", err
	}
	return o.done("Connecting "+o.Name(s.other())+" with "+o.Name(to)+". You are out as soon as that works.",
		o.Desk.Transfer(s.call.ID, s.mine.Side, signalling.Destination{To: to}))
}

// destination is a user or a number. Who is transferred to a number uses the
// trunks of who transfers, who has to be allowed to.
func (o *Operator) destination(who Who, target string) (signalling.Party, error) {
	if who.Mentioned != "" && !strings.HasPrefix(target, "@") {
		if _, err := o.Numbers.Parse(target); err != nil { // clients write a mention as a name
			target = who.Mentioned
		}
	}
	if strings.HasPrefix(target, "@") {
		return o.user(target)
	}
	if err := o.mayDial(who); err != nil {
		return signalling.Party{}, err
	}
	number, err := o.number(target)
	return signalling.Party{Number: number}, err
}

func (o *Operator) user(name string) (signalling.Party, error) {
	if !strings.Contains(name, ":") {
		name += ":" + o.Domain
	}
	if strings.ContainsAny(name, " /") || !o.May.May(name, signalling.Receive) {
		return signalling.Party{}, Mistake(short(name) + " cannot be called here.")
	}
	return signalling.Party{User: name}, nil
}

// join is a transfer whose target was asked first: it connects the far ends of
// two calls.
func (o *Operator) join(who Who, s seat, c Command) (string, error) {
	var others []seat
	for _, x := range o.seats(who, false) {
		if x.call.ID != s.call.ID && (c.Target == "" || o.is(x.other(), c.Target, who)) {
			others = append(others, x)
		}
	}
	switch {
	case len(others) == 0:
		return "", Mistake("--ask joins two calls of yours, and there is no second one: call whom you want to ask first, speak, then say it again. Without --ask the call is transferred at once.")
	case len(others) > 1:
		return "", Mistake("You have several other calls. Add the number of the one to join:\n" + o.list(others))
	case others[0].call.State != signalling.Connected:
		return "", Mistake(o.Name(others[0].other()) + " has not answered yet.")
	}
	x := others[0]
	to := signalling.Destination{To: x.other(), With: x.call.ID, WithSide: x.mine.Side}
	return o.done("Connecting "+o.Name(s.other())+" with "+o.Name(x.other())+". You are out as soon as that works.",
		o.Desk.Transfer(s.call.ID, s.mine.Side, to))
}

// is tells whether a party is the one that was typed.
func (o *Operator) is(p signalling.Party, typed string, who Who) bool {
	if number, err := o.Numbers.Parse(typed); err == nil {
		return number == p.Number
	}
	if strings.HasPrefix(typed, "@") && !strings.Contains(typed, ":") {
		typed += ":" + o.Domain
	}
	return p.User != "" && (p.User == typed || p.User == who.Mentioned)
}
