//go:build interop

package trunk

import (
	"strings"
	"testing"
	"time"

	"roomline/signalling"
	"roomline/test/interop/rig"
)

// Far ends that no real exchange can be made to be, of SIPp: forks that answer
// too late, PRACKs that are lost, CANCELs that cross the answer. SIPp takes any
// OPTIONS for a call.
func TestStrangeFarEnds(t *testing.T) {
	t.Parallel()
	g := open(t, with{limit: 2 * time.Minute, trunks: "  a: {host: \"@NET@.3:5060\", numbers: [\"+4930111\"]}\n" +
		"  b1: {host: \"@NET@.11:5060\", keepalive: 0s, numbers: [\"+49302221\"]}\n  b2: {host: \"@NET@.12:5060\", keepalive: 0s, numbers: [\"+49302222\"]}\n" +
		"  b3: {host: \"@NET@.13:5060\", keepalive: 0s, numbers: [\"+49302223\"]}\n  b4: {host: \"@NET@.14:5060\", keepalive: 0s, numbers: [\"+49302224\"]}\n  b5: {host: \"@NET@.15:5060\", keepalive: 0s, numbers: [\"+49302225\"]}\n",
		routes: "    - {to: \"+4930331\", trunk: a, via: b1}\n    - {to: \"+4930332\", trunk: a, via: b2}\n    - {to: \"+4930333\", trunk: a, via: b3}\n    - {to: \"+4930334\", trunk: a, via: b4}\n    - {to: \"+4930335\", trunk: a, via: b5}\n"})
	c := g.carrier(3)
	far := []*sipp{}
	for i, scenario := range []string{"uas-forked-200", "uas-forked-early", "uas-lost-prack", "uas-cancel-200", "uas-cancel-lost-487"} {
		far = append(far, g.sipp(11+i, scenario, "-m", "1"))
	}
	for _, number := range []string{"+4930331", "+4930332", "+4930333"} {
		line, err := c.Dial(number, "+493012345")
		ok(t, err)
		ok(t, line.WaitAnswered(g.ctx))
		line.Listen(g.ctx, 800*time.Millisecond)
		ok(t, line.Hangup(g.ctx))
	}
	for _, number := range []string{"+4930334", "+4930335"} { // S19, F33
		line, err := c.Dial(number, "+493012345")
		ok(t, err)
		_, _, err = line.WaitFor(g.ctx, "ringing", 0, rings)
		ok(t, err)
		ok(t, line.Cancel(g.ctx))
	}
	for _, s := range far {
		s.wait()
	}
	all, err := g.WaitRecords(g.ctx, 5)
	ok(t, err)
	for i, r := range all {
		if want := signalling.NormalClearing; i < 3 && r.Cause != want.String() || i >= 3 && r.Cause != signalling.Cancelled.String() {
			t.Errorf("%+v\n%s", r, ladder(r))
		}
		if i == 1 && strings.Count(ladder(r), "> PRACK") != 2 {
			t.Errorf("ladder:\n%s", ladder(r))
		}
	}
}

// Callers of SIPp: one that acknowledges late, one without an offer, one that
// gives up.
func TestStrangeCallers(t *testing.T) {
	t.Parallel()
	g := open(t, with{trunks: "  a: {host: \"@NET@.3:5060\", numbers: [\"+4930111\"]}\n  b: {host: \"@NET@.4:5060\", keepalive: 0s, numbers: [\"+4930222\"]}\n"})
	c := g.carrier(3)
	for _, scenario := range []string{"uac-late-prack", "uac-delayed-offer"} {
		caller := g.sipp(4, scenario, "-m", "1", "-s", "+4930111", "@NET@.2:5060")
		line, err := c.Wait(g.ctx)
		ok(t, err)
		line.Early("183 Session Progress")
		line.Listen(g.ctx, 100*time.Millisecond)
		line.Answer()
		caller.wait()
	}
	caller := g.sipp(4, "uac-cancel", "-m", "1", "-s", "+4930111", "@NET@.2:5060")
	line, err := c.Wait(g.ctx)
	ok(t, err)
	line.Provide("180 Ringing")
	caller.wait()
	ok(t, line.WaitEnded(g.ctx))
	if r := g.record(3); r.Cause != signalling.Cancelled.String() {
		t.Errorf("%+v", r)
	}
}

func rings(m rig.Message) bool { return m.Status() == "180" }
