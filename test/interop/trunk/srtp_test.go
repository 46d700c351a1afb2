//go:build interop

package trunk

import (
	"strings"
	"testing"
	"time"

	"roomline/signalling"
	"roomline/test/interop/rig"
)

const pbx = "127.7.0.1"

// encrypting is a gate between a plain carrier, which is a, and Asterisk under
// one of its accounts, which is b. more goes on in b's configuration.
func encrypting(t *testing.T, account, host, more string) *gate {
	return open(t, with{
		account: true,
		sip:     "  listen: [\"udp://@NET@.2:5060\", \"tcp://@NET@.2:5060\", \"tls://@NET@.2:5061\"]\n  tls: {certificate: \"@TLS@/gateway.crt\", key: \"@TLS@/gateway.key\"}\n",
		trunks: "  a: {host: \"@NET@.3:5060\", numbers: [\"+4930111\"]}\n  b: {host: \"" + host + "\", numbers: [\"+4930222\"], username: " + account +
			", password: \"${BED_SIP_SECRET}\"" + more + "}\n",
	})
}

// overhears listens on the way between the gateway and Asterisk, both ways.
func overhears(t *testing.T, g *gate) (out, in *rig.Wire) {
	t.Helper()
	out, err := rig.Tap(g.at(2), pbx)
	ok(t, err)
	t.Cleanup(out.Close)
	in, err = rig.Tap(pbx, g.at(2))
	ok(t, err)
	t.Cleanup(in.Close)
	return out, in
}

// nothingPlain fails unless much passed on a wire, and nothing that anybody
// could hear: not one packet of the size of a plain one, and none of the tones.
func nothingPlain(t *testing.T, w *rig.Wire, tones ...float64) {
	t.Helper()
	packets, plain, sound := w.Overheard()
	if packets < 100 || plain > 0 {
		t.Errorf("%d packets of RTP passed, %d of them plain", packets, plain)
	}
	for _, hz := range tones {
		if tone := sound.Tone(hz); tone.Present > 200*time.Millisecond {
			t.Errorf("%g Hz can be overheard: %v", hz, tone)
		}
	}
}

// bothWays calls Asterisk from the carrier and the carrier from Asterisk; both
// ends hear each other, each time.
func bothWays(t *testing.T, g *gate, account, at string) {
	c := g.carrier(3)
	line, err := c.Dial(g.number(650), "+493012345")
	ok(t, err)
	ok(t, line.WaitAnswered(g.ctx))
	phone, err := bed.WaitCall(g.ctx, g.number(650))
	ok(t, err)
	talk(t, g, line, 650)
	ok(t, line.Hangup(g.ctx))
	heardBy(t, g, phone)
	phone, err = bed.Originate(g.ctx, rig.Call{To: "+4930111", From: g.number(700), Do: "700", Via: account, At: at})
	ok(t, err)
	line, err = c.Wait(g.ctx)
	ok(t, err)
	line.Answer()
	_, err = phone.WaitAnswered(g.ctx)
	ok(t, err)
	talk(t, g, line, 700)
	ok(t, phone.Hangup(g.ctx))
	ok(t, line.WaitEnded(g.ctx))
	heardBy(t, g, phone)
	for _, r := range []signalling.Record{g.record(1), g.record(2)} {
		if r.Cause != signalling.NormalClearing.String() {
			t.Errorf("%+v", r)
		}
	}
}

// Where the transport is TLS audio is encrypted without being asked for, and
// nobody on the way hears a word (R6, RFC 4568).
func TestEncryptedOverTLS(t *testing.T) {
	t.Parallel()
	g := encrypting(t, "any-sdes", pbx+":5061", ", transport: tls, tls: {ca: \"@TLS@/ca.crt\"}")
	out, in := overhears(t, g)
	bothWays(t, g, "any-sdes", g.at(2)+":5061;transport=tls")
	nothingPlain(t, out, 450)
	nothingPlain(t, in, 650, 700)
}

// An exchange that treats us as a browser: DTLS-SRTP over ICE, of which ours is
// the lite half.
func TestWebRTCTrunk(t *testing.T) {
	t.Parallel()
	g := encrypting(t, "any-web", pbx+":5061", ", transport: tls, tls: {ca: \"@TLS@/ca.crt\"}, webrtc: true")
	out, in := overhears(t, g)
	bothWays(t, g, "any-web", g.at(2)+":5061;transport=tls")
	nothingPlain(t, out, 450)
	nothingPlain(t, in, 650, 700)
}

// Optional encryption meets an exchange that encrypts if it can (RFC 8643), one
// that demands it from us, and one that does not know it.
func TestEncryptedWhereBothCan(t *testing.T) {
	t.Parallel()
	t.Run("hopeful", func(t *testing.T) {
		t.Parallel()
		g := encrypting(t, "any-hopeful", pbx+":5060", ", srtp: optional")
		out, in := overhears(t, g)
		bothWays(t, g, "any-hopeful", g.at(2)+":5060")
		nothingPlain(t, out, 450)
		nothingPlain(t, in, 650, 700)
	})
	t.Run("plain", func(t *testing.T) {
		t.Parallel()
		g := open(t, with{trunks: "  a: {host: \"@NET@.3:5060\", numbers: [\"+4930111\"]}\n  b: {host: \"" + pbx + ":5060\", numbers: [\"+4930222\"], srtp: optional}\n"})
		out, _ := overhears(t, g)
		bothWays(t, g, "any", g.at(2)+":5060")
		if packets, plain, _ := out.Overheard(); plain < packets/2 || plain < 50 {
			t.Errorf("%d of %d packets are plain", plain, packets)
		}
	})
}

// An exchange that demands encryption is refused where srtp is off, and the
// other way round; both times the record says why.
func TestNoCallWithoutEncryption(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ account, srtp, out string }{
		"they demand it": {"any-sdes", "off", "it may ask for encrypted audio: srtp is off"},
		"we demand it":   {"any-plain", "required", "it may not take encrypted audio: srtp is required"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := encrypting(t, c.account, pbx+":5060", ", srtp: "+c.srtp)
			carrier := g.carrier(3)
			line, err := carrier.Dial(g.number(650), "+493012345")
			ok(t, err)
			ok(t, line.WaitEnded(g.ctx))
			if r := g.record(1); r.Cause != signalling.NoCodec.String() || !strings.Contains(r.Detail, c.out) {
				t.Errorf("%+v", r)
			}
			phone, err := bed.Originate(g.ctx, rig.Call{To: "+4930111", From: g.number(700), Do: "700", Via: c.account, At: g.at(2) + ":5060"})
			ok(t, err)
			_, cause, err := phone.WaitEnded(g.ctx)
			ok(t, err)
			if cause != 58 && cause != 88 { // bearer capability not available; incompatible destination: 488
				t.Errorf("the exchange was refused with cause %d", cause)
			}
		})
	}
}
