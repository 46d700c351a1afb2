//go:build interop

package trunk

import (
	"os"
	"testing"
	"time"

	"roomline/test/interop/rig"
)

// Asterisk that takes and sends digits by INFO only, or as tones only: they come
// from and go to a carrier that sends telephone-events, and is sent tones.
func TestKeysInEveryWay(t *testing.T) {
	for user, way := range map[string]string{"any-info": "info", "any-inband": "auto"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			g := open(t, with{account: true, trunks: "  a: {host: \"@NET@.3:5060\", numbers: [\"+4930111\"], dtmf: inband}\n" +
				"  b: {host: \"127.7.0.1:5060\", numbers: [\"+4930222\"], dtmf: " + way + ", username: " + user +
				", password: " + os.Getenv("BED_SIP_SECRET") + "}\n"})
			c := g.carrier(3)
			line, err := c.Dial(g.number(650), "+493012345")
			ok(t, err)
			ok(t, line.WaitAnswered(g.ctx))
			phone, err := bed.WaitCall(g.ctx, g.number(650))
			ok(t, err)
			line.Play(450)
			var got []byte
			for _, digit := range []byte("19*#") {
				line.Press(digit)
				line.Listen(g.ctx, 400*time.Millisecond)
			}
			heard, err := phone.WaitDigits(g.ctx, 4)
			ok(t, err)
			for _, d := range heard {
				got = append(got, d.Key)
			}
			if string(got) != "19*#" {
				t.Errorf("Asterisk heard %q", got)
			}
			ok(t, line.Hangup(g.ctx))

			_, err = bed.Originate(g.ctx, rig.Call{To: "+4930111", From: g.number(700), Do: "digits", Via: user, At: g.at(2) + ":5060"})
			ok(t, err)
			line, err = c.Wait(g.ctx)
			ok(t, err)
			line.Answer()
			if got := line.Listen(g.ctx, 7*time.Second).Digits(); got != "0123456789*#ABCD" {
				t.Errorf("the carrier heard %q", got)
			}
			ok(t, line.Hangup(g.ctx))
		})
	}
}
