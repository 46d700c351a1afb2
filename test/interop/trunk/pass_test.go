//go:build interop

package trunk

import (
	"testing"
	"time"

	"roomline/signalling"
	"roomline/test/interop/rig"
)

// A telephone at a carrier calls one at Asterisk, and the other way round: each
// hears the other's tone, and the record says so.
func TestTrunkToTrunk(t *testing.T) {
	t.Parallel()
	g := open(t, with{trunks: "  a: {host: \"@NET@.3:5060\", numbers: [\"+4930111\"]}\n  b: {host: \"127.7.0.1:5060\", numbers: [\"+4930222\"]}\n"})
	c := g.carrier(3)
	t.Run("to Asterisk", func(t *testing.T) {
		line, err := c.Dial(g.number(650), "+493012345")
		ok(t, err)
		ok(t, line.WaitAnswered(g.ctx))
		phone, err := bed.WaitCall(g.ctx, g.number(650))
		ok(t, err)
		talk(t, g, line, 650)
		ok(t, line.Hangup(g.ctx))
		heardBy(t, g, phone)
		if r := g.record(1); r.Cause != signalling.NormalClearing.String() {
			t.Errorf("%+v", r)
		}
	})
	t.Run("from Asterisk", func(t *testing.T) {
		phone, err := bed.Originate(g.ctx, rig.Call{To: "+4930111", From: g.number(700), Do: "700", Via: "any", At: g.at(2) + ":5060"})
		ok(t, err)
		line, err := c.Wait(g.ctx)
		ok(t, err)
		line.Provide("180 Ringing")
		line.Answer()
		_, err = phone.WaitAnswered(g.ctx)
		ok(t, err)
		talk(t, g, line, 700)
		ok(t, phone.Hangup(g.ctx))
		ok(t, line.WaitEnded(g.ctx))
		heardBy(t, g, phone)
		g.record(2)
	})
}

// talk lets both ends of a call play their tones, and fails unless the carrier
// hears the other.
func talk(t *testing.T, g *gate, line *rig.Line, hz float64) {
	t.Helper()
	line.Play(450)
	hears(t, "the carrier", line.Listen(g.ctx, 2*time.Second), hz, 1200*time.Millisecond)
}

// heardBy fails unless a telephone at Asterisk, whose call has ended, heard the
// carrier.
func heardBy(t *testing.T, g *gate, phone *rig.Phone) {
	t.Helper()
	_, _, err := phone.WaitEnded(g.ctx)
	ok(t, err)
	heard, err := phone.Heard(g.ctx)
	ok(t, err)
	hears(t, "the telephone", heard, 450, 1200*time.Millisecond)
}

// SIPp's own scenarios, through the gateway; they take any OPTIONS for a call.
func TestSIPpThroughUs(t *testing.T) {
	t.Parallel()
	g := open(t, with{trunks: "  a: {host: \"@NET@.3:5060\", keepalive: 0s, numbers: [\"+4930111\"]}\n  b: {host: \"@NET@.4:5060\", keepalive: 0s, numbers: [\"+4930222\"]}\n"})
	callee := g.sipp(4, "", "-sn", "uas", "-m", "20")
	caller := g.sipp(3, "", "-sn", "uac", "-m", "20", "-r", "20", "-d", "200", "-s", "+4930222", "@NET@.2:5060")
	caller.wait()
	callee.wait()
	all, err := g.WaitRecords(g.ctx, 20)
	ok(t, err)
	for _, r := range all {
		if r.Cause != signalling.NormalClearing.String() {
			t.Errorf("%+v", r)
		}
	}
}
