//go:build interop

package trunk

import (
	"os"
	"strings"
	"testing"
	"time"

	"roomline/signalling"
	"roomline/test/interop/rig"
)

// trunksOf are the trunks a, a carrier of the test's own, and b, Asterisk, which
// knows the gateway by a user name where there is one.
func trunksOf(user string) string {
	b := "  a: {host: \"@NET@.3:5060\", numbers: [\"+4930111\"]}\n  b: {host: \"127.7.0.1:5060\", numbers: [\"+4930222\"]"
	if user != "" {
		b += ", username: " + user + ", password: " + os.Getenv("BED_SIP_SECRET")
	}
	return b + "}\n"
}

// heardWell is enough of a tone, on a machine where Asterisk gets little time.
const heardWell = 400 * time.Millisecond

// ladder is what crossed the borders of a call: "a < INVITE".
func ladder(r signalling.Record) string {
	var s []string
	for _, m := range r.Ladder {
		arrow := " < "
		if m.Sent {
			arrow = " > "
		}
		s = append(s, m.Leg+arrow+m.Text)
	}
	return strings.Join(s, "\n")
}

// livekit/sip 813, 102: a caller hears the announcement of a network that never
// answers, and the call counts as unanswered.
func TestAnnouncement(t *testing.T) {
	t.Parallel()
	g := open(t, with{trunks: trunksOf("")})
	line, err := g.carrier(3).Dial("+493023125622", "+493012345")
	ok(t, err)
	hears(t, "the caller", line.Listen(g.ctx, 3*time.Second), 425, heardWell)
	ok(t, line.WaitEnded(g.ctx))
	r := g.record(1)
	if r.Cause != signalling.Unallocated.String() || r.Audio != signalling.NotAnswered || r.TalkMS != 0 {
		t.Errorf("%+v", r)
	}
	if steps := ladder(r); !strings.Contains(steps, "a > 183 Session Progress") || strings.Contains(steps, "a > 180") || strings.Contains(steps, "200") {
		t.Errorf("ladder:\n%s", steps)
	}
}

// A call goes from its network's tone to the telephone's without a break in the
// dialog, and both ways.
func TestToneAndAnswer(t *testing.T) {
	t.Parallel()
	g := open(t, with{trunks: trunksOf("")})
	line, err := g.carrier(3).Dial("+493023125619", "+493012345")
	ok(t, err)
	line.Play(450)
	hears(t, "the caller", line.Listen(g.ctx, 1900*time.Millisecond), 425, heardWell)
	ok(t, line.WaitAnswered(g.ctx))
	hears(t, "the caller", line.Listen(g.ctx, 2*time.Second), 1000, heardWell)
	ok(t, line.Hangup(g.ctx))
	if r := g.record(1); r.Audio != signalling.BothWays || r.TalkMS == 0 {
		t.Errorf("%+v", r)
	}
}

// A caller is heard before the answer, and so are its digits: a machine that
// wants a code before it answers.
func TestDigitsBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	g := open(t, with{trunks: trunksOf("")})
	c := g.carrier(3)
	line, err := c.Dial("+493023125623", "+493012345")
	ok(t, err)
	_, _, err = line.WaitFor(g.ctx, "a 183", 0, func(m rig.Message) bool { return m.Status() == "183" })
	ok(t, err)
	for _, digit := range "12" {
		line.Press(byte(digit))
		line.Listen(g.ctx, 300*time.Millisecond)
	}
	ok(t, line.WaitAnswered(g.ctx))
	hears(t, "the caller", line.Listen(g.ctx, 2*time.Second), 1000, heardWell)
	ok(t, line.Hangup(g.ctx))
}

// Asterisk that will have nothing but reliable responses, in both roles.
func TestReliableAtAsterisk(t *testing.T) {
	t.Parallel()
	g := open(t, with{account: true, trunks: trunksOf("any-rel")})
	c := g.carrier(3)
	line, err := c.Dial("+493023125619", "+493012345")
	ok(t, err)
	hears(t, "the caller", line.Listen(g.ctx, 1800*time.Millisecond), 425, heardWell)
	ok(t, line.WaitAnswered(g.ctx))
	hears(t, "the caller", line.Listen(g.ctx, 2*time.Second), 1000, heardWell)
	ok(t, line.Hangup(g.ctx))
	if steps := ladder(g.record(1)); !strings.Contains(steps, "b > PRACK") || !strings.Contains(steps, "b < 200 OK (PRACK)") {
		t.Errorf("ladder:\n%s", steps)
	}

	phone, err := bed.Originate(g.ctx, rig.Call{To: "+4930111", From: g.number(700), Do: "700", Via: "any-rel", At: g.at(2) + ":5060"})
	ok(t, err)
	line, err = c.Wait(g.ctx)
	ok(t, err)
	line.Provide("180 Ringing")
	line.Listen(g.ctx, 200*time.Millisecond) // two responses at once may change places on the way
	line.Early("183 Session Progress")
	line.Listen(g.ctx, time.Second)
	line.Answer()
	_, err = phone.WaitAnswered(g.ctx)
	ok(t, err)
	line.Play(450)
	hears(t, "the carrier", line.Listen(g.ctx, 2*time.Second), 700, heardWell)
	ok(t, phone.Hangup(g.ctx))
	if steps := ladder(g.record(2)); strings.Count(steps, "b < PRACK") != 2 {
		t.Errorf("ladder:\n%s", steps)
	}
}
