//go:build interop

package trunk

import (
	"slices"
	"testing"

	"roomline/test/interop/rig"
)

// Asterisk knows session timers (RFC 4028): whoever calls, both agree on one, and
// on who refreshes.
func TestSessionTimersWithAsterisk(t *testing.T) {
	t.Parallel()
	g := open(t, with{trunks: "  a: {host: \"@NET@.3:5060\", numbers: [\"+4930111\"]}\n" +
		"  b: {host: \"127.7.0.1:5060\", numbers: [\"+4930222\"], session_expires: 20m}\n"})
	c := g.carrier(3)
	since := bed.Mark()
	line, err := c.Dial(g.number(650), "+493012345")
	ok(t, err)
	ok(t, line.WaitAnswered(g.ctx))
	ok(t, line.Hangup(g.ctx))
	g.record(1)
	agreed(t, since, g.number(650), "< INVITE 1200", "> 200 OK 1200;refresher=uac", "> 200 OK 1200;refresher=uas")

	since = bed.Mark()
	from := g.number(700)
	phone, err := bed.Originate(g.ctx, rig.Call{To: "+4930111", From: from, Do: "700", Via: "any", At: g.at(2) + ":5060"})
	ok(t, err)
	line, err = c.Wait(g.ctx)
	ok(t, err)
	line.Answer()
	_, err = phone.WaitAnswered(g.ctx)
	ok(t, err)
	ok(t, phone.Hangup(g.ctx))
	ok(t, line.WaitEnded(g.ctx))
	g.record(2)
	agreed(t, since, from, "> INVITE 1800", "< 200 OK 1200;refresher=uac", "< 200 OK 1200;refresher=uas")
}

// agreed fails unless Asterisk's log has the question, and one of the answers.
func agreed(t *testing.T, since rig.Mark, number, question string, answers ...string) {
	t.Helper()
	all, err := bed.SIPValues(since, number, "Session-Expires")
	ok(t, err)
	if !slices.Contains(all, question) || !slices.ContainsFunc(answers, func(a string) bool { return slices.Contains(all, a) }) {
		t.Errorf("Session-Expires: %q, want %q and one of %q", all, question, answers)
	}
	if all, err = bed.SIP(since, number); err != nil || !slices.Contains(all, "< BYE") && !slices.Contains(all, "> BYE") {
		t.Errorf("no BYE among %q: %v", all, err)
	}
}
