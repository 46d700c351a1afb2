package command

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"roomline/signalling"
)

const (
	alice = "@alice:example.org"
	bob   = "@bob:example.org"
	ops   = "@ops:example.org"
	guest = "@guest:evil.org"
	carol = "@carol:example.org" // may only be called
)

// desk writes down what is wished.
type desk struct {
	calls  []signalling.Status
	past   []signalling.Record
	wishes []string
	fail   bool
}

func (d *desk) Calls() []signalling.Status  { return d.calls }
func (d *desk) Recent() []signalling.Record { return d.past }

func (d *desk) wish(format string, args ...any) bool {
	d.wishes = append(d.wishes, fmt.Sprintf(format, args...))
	return !d.fail
}

func (d *desk) Hangup(id string, s signalling.Side) bool { return d.wish("hangup %s %d", id, s) }
func (d *desk) Hold(id string, s signalling.Side, on bool) bool {
	return d.wish("hold %s %d %v", id, s, on)
}
func (d *desk) Press(id string, s signalling.Side, digits string) bool {
	return d.wish("press %s %d %s", id, s, digits)
}
func (d *desk) Transfer(id string, s signalling.Side, to signalling.Destination) bool {
	return d.wish("transfer %s %d to %s%s with %q %d", id, s, to.To.Number, to.To.User, to.With, to.WithSide)
}
func (d *desk) Place(user, room, number string) error {
	d.wish("place %s %s %s", user, room, number)
	return nil
}

type levels map[string]signalling.Level

func (l levels) May(user string, what signalling.Level) bool { return l[user] >= what }

type numbers struct{}

func (numbers) Parse(typed string) (string, error) {
	typed = strings.NewReplacer(" ", "", "-", "", "tel:", "").Replace(typed)
	if typed == "" || strings.Trim(typed, "+0123456789") != "" {
		return "", errors.New("not a telephone number")
	}
	return typed, nil
}
func (numbers) Format(n string) string { return strings.Replace(n, "+49", "+49 ", 1) }

// called is how people know a party in these tests.
func called(p signalling.Party) string {
	name := signalling.Visible(p.Name, 64)
	if name != "" && p.Number != "" {
		return name + " (" + numbers{}.Format(p.Number) + ")"
	}
	return signalling.Party{Number: numbers{}.Format(p.Number), Name: name, User: p.User}.Label()
}

func office() (*Operator, *desk) {
	d := &desk{}
	return &Operator{Desk: d, Placer: d, Numbers: numbers{}, Domain: "example.org", Name: called,
		May: levels{alice: signalling.Dial, bob: signalling.Dial, ops: signalling.Admin, carol: signalling.Receive}}, d
}

func talk(id, user string, side signalling.Side, number string) signalling.Status {
	person := signalling.End{Side: side, Via: signalling.Matrix, Party: signalling.Party{User: user}}
	phone := signalling.End{Side: signalling.B, Via: "trunk", Party: signalling.Party{Number: number}}
	c := signalling.Status{ID: id, State: signalling.Connected, Connected: time.Now().Add(-133 * time.Second), Ends: [2]signalling.End{person, phone}}
	if side == signalling.B {
		phone.Side, phone.Party.Name = signalling.A, "Wid\ngets\u202e"
		c.Ends = [2]signalling.End{phone, person}
	}
	return c
}

func says(t *testing.T, o *Operator, who Who, line string) string {
	t.Helper()
	c, err := Parse(line)
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return o.Do(who, c)
}

func (d *desk) wants(t *testing.T, wishes ...string) {
	t.Helper()
	if !slices.Equal(d.wishes, wishes) {
		t.Errorf("wished %q, expected %q", d.wishes, wishes)
	}
	d.wishes = nil
}

func TestCommandsOfOneCall(t *testing.T) {
	for line, want := range map[string]struct{ wish, said string }{
		"!hangup":               {"hangup C1 0", "Hung up: +49 30."},
		"!hangup c1":            {"hangup C1 0", "Hung up: +49 30."},
		"!hold":                 {"hold C1 0 true", "+49 30 is on hold. !resume takes the call back."},
		"!resume":               {"hold C1 0 false", "You talk with +49 30 again."},
		"!dtmf 12#":             {"press C1 0 12#", "Pressed 12#."},
		"!transfer +49 40":      {`transfer C1 0 to +4940 with "" 0`, "Connecting +49 30 with +49 40. You are out as soon as that works."},
		"!transfer @carol":      {`transfer C1 0 to @carol:example.org with "" 0`, "Connecting +49 30 with @carol:example.org. You are out as soon as that works."},
		"!transfer @x:evil.org": {"", "@x:evil.org cannot be called here."},
		"!transfer nobody":      {"", `"nobody": not a telephone number.`},
		"!transfer --ask":       {"", "--ask joins two calls of yours, and there is no second one: call whom you want to ask first, speak, then say it again. Without --ask the call is transferred at once."},
		"!dial +49 40":          {"place @alice:example.org  +4940", "Your client rings; answer it, and +49 40 is called."},
		"!dial tel:+49-40":      {"place @alice:example.org  +4940", "Your client rings; answer it, and +49 40 is called."},
		"!dial":                 {"", "Which number? It is written !dial <number>"},
		"!dial x":               {"", `"x": not a telephone number.`},
		"!calls":                {"", "C1: @alice:example.org talks 2:13 with +49 30"},
		"!why":                  {"", "None of your calls failed lately."},
		"!why zz":               {"", "No call of yours that ended lately is called zz."},
		"!help hold":            {"", "!hold: puts the other side on hold.\nExample: !hold"},
		"!hangup q":             {"", "You have no such call. !calls lists yours."},
	} {
		o, d := office()
		d.calls = []signalling.Status{talk("C1", alice, signalling.A, "+4930"), talk("C2", bob, signalling.B, "+4931")}
		if got := says(t, o, Who{User: alice, Room: "!room"}, line); got != want.said {
			t.Errorf("%s is answered %q, expected %q", line, got, want.said)
		}
		if want.wish == "" {
			d.wants(t)
		} else {
			d.wants(t, want.wish)
		}
	}
}

// T25: who may not is told so in one sentence, and nothing happens.
func TestRefused(t *testing.T) {
	o, d := office()
	d.calls = []signalling.Status{talk("C1", alice, signalling.A, "+4930"), talk("C2", guest, signalling.B, "+4931"), talk("C3", carol, signalling.B, "+4932")}
	for _, line := range []string{"!dial +49 40", "!hangup", "!calls", "!why", "!transfer 1", "!hold", "!dtmf 1"} {
		if got := says(t, o, Who{User: guest}, line); got != "You may not use this telephone gateway. Its administrator can allow it." {
			t.Errorf("%s is answered %q", line, got)
		}
	}
	for _, line := range []string{"!dial +49 40", "!transfer +49 40"} {
		if got := says(t, o, Who{User: carol}, line); got != "You may be called here, but not place calls. The gateway's administrator can allow it." {
			t.Errorf("%s is answered %q", line, got)
		}
	}
	if got := says(t, o, Who{User: carol}, "!hangup c1"); got != "You have no such call. !calls lists yours." {
		t.Errorf("another's call: %q", got)
	}
	d.wants(t)
	if got := says(t, o, Who{User: carol}, "!hangup"); got != "Hung up: Widgets (+49 32)." {
		t.Errorf("who is only called hangs up: %q", got)
	}
	d.wants(t, "hangup C3 1")
}

func TestAdminSeesAll(t *testing.T) {
	o, d := office()
	if got := says(t, o, Who{User: ops}, "!calls"); got != "Nobody has a call now." {
		t.Error(got)
	}
	d.calls = []signalling.Status{talk("AB1", alice, signalling.A, "+4930"), talk("AB2", bob, signalling.B, "+4931")}
	d.calls[1].State = signalling.Alerting
	d.calls = append(d.calls, talk("AB3", ops, signalling.A, "+4932"))
	d.calls[2].State = signalling.Ending
	if got := says(t, o, Who{User: ops}, "!calls"); got != "AB1: @alice:example.org talks 2:13 with +49 30\nAB2: Widgets (+49 31) calls @bob:example.org" {
		t.Error(got)
	}
	if got := says(t, o, Who{User: ops}, "!hangup ab"); !strings.HasPrefix(got, "Several calls begin with ab:\nAB1:") {
		t.Error(got)
	}
	if got := says(t, o, Who{User: ops}, "!hangup"); got != "You have no call now." {
		t.Error(got)
	}
	says(t, o, Who{User: ops}, "!hangup ab2")
	d.wants(t, "hangup AB2 0")
	d.fail = true
	if got := says(t, o, Who{User: ops}, "!hangup ab2"); got != "That did not work: the call is over, or busy with what it was told before." {
		t.Error(got)
	}
}

// In a telephone's room commands are for the call of that room.
func TestInTheTelephoneRoom(t *testing.T) {
	o, d := office()
	d.calls = []signalling.Status{talk("C1", alice, signalling.A, "+4930"), talk("C2", alice, signalling.B, "+4931")}
	if got := says(t, o, Who{User: alice, Room: "!r", Call: "C2", Number: "+4931"}, "!hangup"); got != "Hung up: Widgets (+49 31)." {
		t.Error(got)
	}
	d.wants(t, "hangup C2 1")
	if got := says(t, o, Who{User: alice, Room: "!r", Number: "+4939"}, "!hangup"); got != "No call goes on in this room. !calls lists yours." {
		t.Error(got)
	}
	d.wants(t)
	says(t, o, Who{User: alice, Room: "!r", Number: "+4939"}, "!dial")
	d.wants(t, "place @alice:example.org !r +4939")
	if got := says(t, o, Who{User: alice}, "!hold"); !strings.HasPrefix(got, "You have several calls.") {
		t.Error(got)
	}
}

// --ask joins the two far ends, whichever call the command is for.
func TestAttendedTransfer(t *testing.T) {
	two := func() []signalling.Status {
		return []signalling.Status{talk("C1", alice, signalling.B, "+4930"), talk("C2", alice, signalling.A, "+4931"), talk("C3", bob, signalling.A, "+4932")}
	}
	for _, tt := range []struct {
		who        Who
		line, wish string
	}{
		{Who{User: alice}, "!transfer --ask", `transfer C1 1 to +4931 with "C2" 0`},
		{Who{User: alice}, "!transfer +49 31 --ask", `transfer C1 1 to +4931 with "C2" 0`},
		{Who{User: alice}, "!transfer +49 30 --ask", `transfer C2 0 to +4930 with "C1" 1`},
		{Who{User: alice, Call: "C2"}, "!transfer --ask", `transfer C2 0 to +4930 with "C1" 1`},
		{Who{User: alice, Call: "C2"}, "!transfer +49 32 --ask", ""},
		{Who{User: bob}, "!transfer --ask", ""},
	} {
		o, d := office()
		d.calls = two()
		said := says(t, o, tt.who, tt.line)
		if tt.wish == "" {
			if d.wants(t); !strings.HasPrefix(said, "--ask joins two calls") {
				t.Errorf("%s: %s", tt.line, said)
			}
			continue
		}
		d.wants(t, tt.wish)
	}
	o, d := office()
	d.calls = two()
	d.calls[1].State = signalling.Alerting
	if got := says(t, o, Who{User: alice, Call: "C1"}, "!transfer --ask"); got != "+49 31 has not answered yet." {
		t.Error(got)
	}
	if got := says(t, o, Who{User: alice, Call: "C2"}, "!transfer 1"); got != "Only a call that was answered can be transferred." {
		t.Error(got)
	}
	if got := says(t, o, Who{User: alice, Call: "C2"}, "!dtmf 1"); got != "That is possible only while you talk, and +49 31 has not answered yet." {
		t.Error(got)
	}
	d.wants(t)
}

// A client writes a mention as a name.
func TestMention(t *testing.T) {
	o, d := office()
	d.calls = []signalling.Status{talk("C1", alice, signalling.A, "+4930")}
	says(t, o, Who{User: alice, Mentioned: bob}, "!transfer Bob the builder")
	d.wants(t, `transfer C1 0 to @bob:example.org with "" 0`)
	says(t, o, Who{User: alice, Mentioned: bob}, "!transfer +49 40")
	d.wants(t, `transfer C1 0 to +4940 with "" 0`)
}

func TestWhy(t *testing.T) {
	o, d := office()
	at := time.Date(2026, 11, 23, 14, 3, 0, 0, time.UTC)
	record := func(user, id, cause, detail string, audio signalling.Verdict) signalling.Record {
		return signalling.Record{User: user, ID: id, Start: at, Cause: cause, Q850: 1, Detail: detail, Trunk: "asterisk", EndedBy: "called", Sentence: "It\u202e ended.", Audio: audio}
	}
	d.past = []signalling.Record{
		record("", "LOST", "busy", "", signalling.NotAnswered),
		record(bob, "DEAF", "normal_clearing", "", signalling.OnlyCallerHeard),
		record(alice, "GOOD", "normal_clearing", "", signalling.BothWays),
		record(alice, "BAD", "unallocated", "404 Not\u202e Found", signalling.NotAnswered),
		record(alice, "OLD", "busy", "486 Busy Here", signalling.NotAnswered),
	}
	want := "Call BAD, 14:03 UTC: It ended.\nCause: unallocated (Q.850 1), on the side of the called.\nThe trunk asterisk said: 404 Not Found.\n" +
		"What to do: Check the number. If it is right, the trunk may want another form of it: see number_format of the trunk."
	if got := says(t, o, Who{User: alice}, "!why"); got != want {
		t.Errorf("got %s", got)
	}
	for line, part := range map[string]string{"!why old": "486 Busy Here", "!why GOOD": "normal clearing", "!why deaf": "No call of yours"} {
		if got := says(t, o, Who{User: alice}, line); !strings.Contains(got, part) {
			t.Errorf("%s: %s", line, got)
		}
	}
	if got := says(t, o, Who{User: bob}, "!why"); !strings.Contains(got, "Only the caller was heard") {
		t.Error(got)
	}
	if got := says(t, o, Who{User: ops}, "!why deaf"); !strings.Contains(got, "Only the caller was heard") {
		t.Error(got)
	}
	if got := says(t, o, Who{User: ops}, "!why"); got != "None of your calls failed lately." {
		t.Error(got)
	}
}

// Every cause has its line, and every line its cause.
func TestFixesAreComplete(t *testing.T) {
	for _, c := range signalling.Causes() {
		if _, ok := fixes[c.String()]; !ok {
			t.Errorf("no fix for %v", c)
		}
	}
}

// book is what rooms were given.
type book struct {
	rooms map[string]string
	fixed bool
}

func (b *book) Assign(room, number string) error {
	if b.fixed {
		return errors.New("the configuration gives it one")
	}
	b.rooms[room] = number
	return nil
}

// A room's number is said, set and forgotten by who may dial.
func TestAssign(t *testing.T) {
	for _, c := range []struct {
		user, line, has, said, kept string
		fixed                       bool
	}{
		{alice, "!number", "", "This room has no number. !number +49 30 1234567 would set one.", "-", false},
		{carol, "!number", "+4930", "A call in this room calls +49 30, and so does !dial alone.", "-", false},
		{alice, "!number +49 40 1", "", "From now on a call in this room calls +49 401, and so does !dial alone.", "+49401", false},
		{alice, "!number NONE", "+4930", "This room has no number any more.", "", false},
		{alice, "!number hello", "", `"hello": not a telephone number.`, "-", false},
		{alice, "!number 1", "", "The number of this room stays as it is: the configuration gives it one.", "-", true},
		{carol, "!number 1", "", "You may be called here, but not place calls. The gateway's administrator can allow it.", "-", false},
		{guest, "!number", "", "You may not use this telephone gateway. Its administrator can allow it.", "-", false},
	} {
		o, _ := office()
		b := &book{map[string]string{"!r": "-"}, c.fixed}
		o.Book = b
		order, err := Parse(c.line)
		if err != nil {
			t.Fatal(err)
		}
		if got := o.Do(Who{User: c.user, Room: "!r", Number: c.has}, order); got != c.said || b.rooms["!r"] != c.kept {
			t.Errorf("%s %s: %q, and the room has %q", c.user, c.line, got, b.rooms["!r"])
		}
	}
	o, _ := office()
	if got := o.Do(Who{User: alice, Room: "!r"}, Command{Verb: Assign, Target: "1"}); !strings.HasPrefix(got, "A room's number is that of its telephone.") {
		t.Error(got)
	}
}

// Where a room is nobody's telephone in particular, any number is called from it.
func TestDialAnywhere(t *testing.T) {
	o, d := office()
	o.Do(Who{User: alice, Room: "!r", Number: "+4930", Anywhere: true}, Command{Verb: Dial, Target: "+4940"})
	o.Do(Who{User: alice, Room: "!r", Number: "+4930"}, Command{Verb: Dial, Target: "+4940"})
	if want := []string{"place " + alice + " !r +4940", "place " + alice + "  +4940"}; !slices.Equal(d.wishes, want) {
		t.Errorf("%q", d.wishes)
	}
}
