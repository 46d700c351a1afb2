package command

import (
	"fmt"
	"strings"
	"time"

	"roomline/signalling"
)

// Operator follows commands. Its methods may be called from any goroutine.
type Operator struct {
	Desk    Desk
	Placer  Placer
	Book    Book // nil: a room's number is that of its telephone
	Keys    Keys // nil: nothing is encrypted
	May     Permissions
	Numbers Numbers
	Domain  string                        // of users who are named without their server
	Name    func(signalling.Party) string // how people know a party
}

// Do follows a command and returns what to say to the person. Refusals say why
// in one sentence.
func (o *Operator) Do(who Who, c Command) string {
	text, err := o.follow(who, c)
	if err != nil {
		return err.Error()
	}
	return text
}

func (o *Operator) follow(who Who, c Command) (string, error) {
	if c.Verb == Help {
		return Explain(c.Topic, o.Book != nil), nil
	}
	if !o.May.May(who.User, signalling.Receive) {
		return "", Mistake("You may not use this telephone gateway. Its administrator can allow it.")
	}
	switch c.Verb {
	case Dial:
		return o.dial(who, c)
	case Calls:
		return o.calls(who), nil
	case Why:
		return o.why(who, c.Call)
	case Assign:
		return o.assign(who, c)
	case Verify, Trust, Devices:
		return o.keys(who, c)
	}
	s, err := o.seat(who, c)
	if err != nil {
		return "", err
	}
	switch c.Verb {
	case Hangup:
		return o.done("Hung up: "+o.Name(s.other())+".", o.Desk.Hangup(s.call.ID, s.mine.Side))
	case Transfer:
		return o.transfer(who, s, c)
	}
	if s.call.State != signalling.Connected {
		return "", Mistake("That is possible only while you talk, and " + o.Name(s.other()) + " has not answered yet.")
	}
	switch c.Verb {
	case Hold:
		return o.done(o.Name(s.other())+" is on hold. !resume takes the call back.", o.Desk.Hold(s.call.ID, s.mine.Side, true))
	case Resume:
		return o.done("You talk with "+o.Name(s.other())+" again.", o.Desk.Hold(s.call.ID, s.mine.Side, false))
	default:
		return o.done("Pressed "+c.Digits+".", o.Desk.Press(s.call.ID, s.mine.Side, c.Digits))
	}
}

// done is the answer to what the desk took on, or did not.
func (o *Operator) done(text string, ok bool) (string, error) {
	if !ok {
		return "", Mistake("That did not work: the call is over, or busy with what it was told before.")
	}
	return text, nil
}

// dial rings the person's own client first, and then the number.
func (o *Operator) dial(who Who, c Command) (string, error) {
	if err := o.mayDial(who); err != nil {
		return "", err
	}
	number := who.Number
	if c.Target != "" {
		var err error
		if number, err = o.number(c.Target); err != nil {
			return "", err
		}
	}
	if number == "" {
		return "", Mistake("Which number? It is written " + Dial.spelling().usage)
	}
	room := who.Room
	if number != who.Number && !who.Anywhere {
		room = "" // this one is another telephone's
	}
	if err := o.Placer.Place(who.User, room, number); err != nil {
		return "", Mistake("The call cannot be placed: " + err.Error() + ".")
	}
	return "Your client rings; answer it, and " + o.Numbers.Format(number) + " is called.", nil
}

// assign says, sets or takes the number of a room.
func (o *Operator) assign(who Who, c Command) (string, error) {
	switch {
	case o.Book == nil:
		return "", Mistake("A room's number is that of its telephone. Only where the gateway is an ordinary account can it be set.")
	case c.Target == "" && who.Number == "":
		return "This room has no number. " + Assign.spelling().example + " would set one.", nil
	case c.Target == "":
		return "A call in this room calls " + o.Numbers.Format(who.Number) + ", and so does !dial alone.", nil
	}
	if err := o.mayDial(who); err != nil {
		return "", err
	}
	number, said := "", "This room has no number any more."
	if !strings.EqualFold(c.Target, None) {
		var err error
		if number, err = o.number(c.Target); err != nil {
			return "", err
		}
		said = "From now on a call in this room calls " + o.Numbers.Format(number) + ", and so does !dial alone."
	}
	if err := o.Book.Assign(who.Room, number); err != nil {
		return "", Mistake("The number of this room stays as it is: " + err.Error() + ".")
	}
	return said, nil
}

func (o *Operator) mayDial(who Who) error {
	if !o.May.May(who.User, signalling.Dial) {
		return Mistake("You may be called here, but not place calls. The gateway's administrator can allow it.")
	}
	return nil
}

func (o *Operator) number(typed string) (string, error) {
	number, err := o.Numbers.Parse(typed)
	if err != nil {
		return "", Mistake(fmt.Sprintf("%q: %v.", short(typed), err))
	}
	return number, nil
}

func (o *Operator) calls(who Who) string {
	admin := o.May.May(who.User, signalling.Admin)
	all := o.seats(who, admin)
	switch {
	case len(all) == 0 && admin:
		return "Nobody has a call now."
	case len(all) == 0:
		return "You have no call now."
	}
	return o.list(all)
}

// list writes a line for each call.
func (o *Operator) list(all []seat) string {
	lines := make([]string, 0, len(all))
	for _, s := range all {
		lines = append(lines, fmt.Sprintf("%s: %s %s %s", s.call.ID, o.Name(s.mine.Party), o.doing(s), o.Name(s.other())))
	}
	return strings.Join(lines, "\n")
}

// doing says what goes on between a side and the other.
func (o *Operator) doing(s seat) string {
	switch s.call.State {
	case signalling.Connected:
		if s.mine.Held {
			return "has on hold"
		}
		return "talks " + signalling.Clock(time.Since(s.call.Connected)) + " with"
	}
	if s.mine.Side == s.call.Ends[0].Side {
		return "calls"
	}
	return "is called by"
}
