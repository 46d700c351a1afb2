package sip

import (
	"testing"
	"time"

	"roomline/media"
	"roomline/signalling"
	"roomline/signalling/legtest"
)

// Legs keep the promises of signalling.Leg, whatever state they are in.
func TestConformance(t *testing.T) {
	t.Parallel()
	brief := func(c *TrunkConfig, x *timing) {
		c.Transfer, c.ConnectTimeout = transferRefer, 300*time.Millisecond
		x.refer, x.bye, x.cancel, x.linger = 200*time.Millisecond, 200*time.Millisecond, 200*time.Millisecond, 200*time.Millisecond
	}
	for name, c := range map[string]struct {
		side signalling.Side
		make func(*bed) signalling.Leg
	}{
		"dialled, no answer": {signalling.B, func(b *bed) signalling.Leg { return b.dial("+4930123") }},
		"dialled, ringing": {signalling.B, func(b *bed) signalling.Leg {
			leg := b.dial("+4930123")
			b.reply(b.request("INVITE"), 180, "Ringing", nil)
			b.event(signalling.Ringing)
			return leg
		}},
		"dialled, answered": {signalling.B, func(b *bed) signalling.Leg {
			leg, _ := b.answered()
			return leg
		}},
		"brought, ringing": {signalling.A, func(b *bed) signalling.Leg {
			b.send(b.text("INVITE", "+4930555", b.sdp("sendrecv", "0")))
			return b.rung()
		}},
		"brought, no ACK": {signalling.A, func(b *bed) signalling.Leg {
			b.send(b.text("INVITE", "+4930555", b.sdp("sendrecv", "0")))
			leg := b.rung()
			leg.Answer(media.PCMU)
			b.response("200 INVITE")
			return leg
		}},
		"brought, answered": {signalling.A, func(b *bed) signalling.Leg {
			leg, _ := b.connected()
			return leg
		}},
	} {
		t.Run(name, func(t *testing.T) {
			legtest.Run(t, c.side, func(t *testing.T, in *signalling.Inbox) signalling.Leg {
				b := newBed(t, brief, func(_ *TrunkConfig, x *timing) { x.ack = 300 * time.Millisecond })
				b.box = in
				return c.make(b)
			})
		})
	}
}
