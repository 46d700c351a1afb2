//go:build interop

package trunk

import (
	"strings"
	"testing"

	"roomline/signalling"
)

// What Asterisk cannot be brought to send: SIPp calls SIPp through the gateway,
// and every message on both sides is as its scenario says.
func TestFlows(t *testing.T) {
	for name, f := range map[string]struct {
		caller, called string // scenarios; "" is SIPp's own
		more           []string
		check          func(t *testing.T, caller, called string) // what both saw
	}{
		"late 200 of a second fork": {caller: "", called: "forks-uas", more: []string{"-d", "1500"}},
		"lost ACK": {caller: "lost-ack-uac", check: func(t *testing.T, caller, _ string) {
			if n := strings.Count(caller, "SIP/2.0 200 OK\r\n"); n < 3 { // two of the INVITE's, at least, and BYE's
				t.Errorf("200 came %d times", n)
			}
		}},
		"repeated INVITE": {caller: "repeated-uac", called: "slow-uas", check: func(t *testing.T, _, called string) {
			if n := strings.Count(called, "\nINVITE sip:"); n != 1 {
				t.Errorf("INVITE was passed on %d times", n)
			}
		}},
		"broken descriptions": {caller: "sdp-uac"},
		"glare of two holds":  {caller: "hold-uac", called: "glare-uas"},
		"session timers":      {caller: "timer-uac", called: "timer-uas"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := open(t, with{trunks: "  a: {host: \"@NET@.3:5060\", numbers: [\"+4930111\"]}\n  b: {host: \"@NET@.4:5060\", numbers: [\"+4930222\"]}\n"})
			own := []string{"-m", "1"}
			called := g.sipp(4, f.called, args(f.called, "uas", own)...)
			caller := g.sipp(3, f.caller, append(args(f.caller, "uac", own), append(f.more, "-s", "+4930222", "@NET@.2:5060")...)...)
			caller.wait()
			called.wait()
			if r := g.record(1); r.Cause != signalling.NormalClearing.String() {
				t.Errorf("%+v", r)
			}
			if f.check != nil {
				f.check(t, caller.messages(), called.messages())
			}
		})
	}
}

// args are those of a run: SIPp's own scenario where none is named.
func args(scenario, own string, more []string) []string {
	if scenario == "" {
		return append([]string{"-sn", own}, more...)
	}
	return more
}
