//go:build interop

package trunk

import (
	"testing"
	"time"

	"roomline/signalling"
	"roomline/test/interop/rig"
)

// softphone runs baresip at host .5 of the gate's network, which is trunk a.
func (g *gate) softphone(hz float64, account string) *rig.Softphone {
	g.t.Helper()
	p, err := rig.NewSoftphone(g.ctx, g.t.TempDir(), g.at(5), "+4930111", hz, account)
	ok(g.t, err)
	g.t.Cleanup(p.Close)
	return p
}

// softphonesRTP is where baresip's audio comes from, whatever it says in SDP: it
// has its key, so it is heard there.
const softphonesRTP = "127.0.0.1"

const telephone = "  a: {host: \"@NET@.5:5060\", numbers: [\"+4930111\"], srtp: required}\n"

// baresip, which insists on SRTP, calls a telephone at Asterisk: both hear each
// other, and nobody on the way does.
func TestSoftphoneCalls(t *testing.T) {
	t.Parallel()
	g := open(t, with{trunks: telephone + "  b: {host: \"" + pbx + ":5060\", numbers: [\"+4930222\"]}\n"})
	wire, err := rig.Tap(g.at(2), softphonesRTP)
	ok(t, err)
	t.Cleanup(wire.Close)
	p := g.softphone(450, ";mediaenc=srtp-mand")
	ok(t, p.Do("dial", "sip:"+g.number(650)+"@"+g.at(2)+":5060"))
	phone, err := bed.WaitCall(g.ctx, g.number(650))
	ok(t, err)
	_, err = phone.WaitAnswered(g.ctx)
	ok(t, err)
	g.until("three seconds of audio", func() bool { n, _, _ := wire.Overheard(); return n > 150 })
	ok(t, p.Do("hangup", ""))
	heardBy(t, g, phone)
	heard, err := p.Heard(g.ctx)
	ok(t, err)
	hears(t, "baresip", heard, 650, 1200*time.Millisecond)
	nothingPlain(t, wire, 650)
	if r := g.record(1); r.Cause != signalling.NormalClearing.String() {
		t.Errorf("%+v", r)
	}
}

// baresip is called, puts the caller on hold and takes him back, and the caller
// hears and is told of each.
func TestSoftphoneIsCalledAndHolds(t *testing.T) {
	t.Parallel()
	g := open(t, with{trunks: telephone + "  b: {host: \"@NET@.3:5060\", numbers: [\"+4930222\"]}\n"})
	wire, err := rig.Tap(softphonesRTP, g.at(2))
	ok(t, err)
	t.Cleanup(wire.Close)
	p := g.softphone(800, ";mediaenc=srtp-mand")
	line, err := g.carrier(3).Dial("+4930111", "+493012345")
	ok(t, err)
	ok(t, line.WaitAnswered(g.ctx))
	talk(t, g, line, 800)
	ok(t, p.Do("hold", ""))
	held, n, err := line.Request(g.ctx, "INVITE", 0)
	ok(t, err)
	if held.Direction() != "sendonly" {
		t.Errorf("the carrier was told %s", held.Direction())
	}
	if tone := line.Listen(g.ctx, time.Second).Tone(800); tone.Present > 300*time.Millisecond {
		t.Errorf("on hold the carrier hears %v", tone)
	}
	ok(t, p.Do("resume", ""))
	back, _, err := line.Request(g.ctx, "INVITE", n)
	ok(t, err)
	if back.Direction() != "sendrecv" {
		t.Errorf("the carrier was told %s", back.Direction())
	}
	talk(t, g, line, 800)
	ok(t, line.Hangup(g.ctx))
	heard, err := p.Heard(g.ctx)
	ok(t, err)
	hears(t, "baresip", heard, 450, 1200*time.Millisecond)
	nothingPlain(t, wire, 800)
}
