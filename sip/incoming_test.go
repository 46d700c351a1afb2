package sip

import (
	"strconv"
	"strings"
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/media"
	"roomline/signalling"
)

// A call in, as a telephonist would tell it.
func TestIncomingCall(t *testing.T) {
	b := newBed(t)
	b.send(b.text("INVITE", "+4930555;npdi", b.sdp("sendrecv", "8 0 9")))
	b.response("100 INVITE")
	in := <-b.board.calls
	if in.Via != "carrier" || in.To.Number != "+4930555" || in.From != (signalling.Party{Number: "+4940111", Name: "Bob"}) {
		t.Errorf("incoming %+v", in)
	}
	leg := in.Leg(b.box)
	if got := leg.Offers(); len(got) != 3 || got[0] != media.PCMA {
		t.Errorf("offers %v", got)
	}
	leg.Ring()
	leg.Ring()
	ringing := b.response("180")
	if ringing.Contact() == nil || tagOf(ringing.To().Params) == "" {
		t.Errorf("180\n%s", ringing)
	}
	leg.Answer(media.PCMU)
	res := b.response("200 INVITE")
	if tagOf(res.To().Params) != tagOf(ringing.To().Params) || res.GetHeader("Allow").Value() != allowList+", REFER" {
		t.Errorf("200\n%s", res)
	}
	b.ack(res, nil)
	b.event(signalling.Confirmed)
	heard := make(chan media.Packet, 20)
	leg.Media().SendTo(sink(heard))
	b.says(rtpOf(t, res.Body()), 5)
	select {
	case <-heard:
	case <-time.After(patience):
		t.Fatal("nothing was heard from the peer")
	}
	leg.Hangup(signalling.Reason{})
	bye := b.request("BYE")
	if tagOf(bye.To().Params) != b.tag || tagOf(bye.From().Params) != b.far {
		t.Errorf("BYE\n%s", bye)
	}
	b.reply(bye, 200, "OK", nil)
	b.gone()
	if want := "< INVITE > 100 Trying > 180 Ringing > 200 OK < ACK > BYE < 200 OK (BYE)"; b.ladder() != want {
		t.Errorf("ladder %s", b.ladder())
	}
}

func TestAudioFlowsBeforeTheAck(t *testing.T) {
	b := newBed(t)
	b.send(b.text("INVITE", "+4930555", b.sdp("sendrecv", "0")))
	leg := b.rung()
	leg.Answer(media.PCMU)
	res := b.response("200 INVITE")
	b.says(rtpOf(t, res.Body()), 5)
	b.ack(res, nil)
	b.event(signalling.Confirmed)
	for late := time.Now().Add(patience); leg.Media().Stats().Received == 0; {
		if time.Now().After(late) {
			t.Fatal("what was said before the ACK is lost")
		}
	}
}

func TestDelayedOffer(t *testing.T) {
	b := newBed(t)
	b.send(b.text("INVITE", "+4930555", nil))
	leg := b.rung()
	if leg.Offers() != nil {
		t.Errorf("offers %v", leg.Offers())
	}
	leg.Answer(media.PCMA)
	res := b.response("200 INVITE")
	b.ack(res, b.sdp("sendrecv", "8"))
	b.event(signalling.Confirmed)
	if leg.Media().Format() != media.PCMA {
		t.Errorf("format %s", leg.Media().Format())
	}
}

func TestDelayedOfferWithoutAnswer(t *testing.T) {
	b := newBed(t)
	b.send(b.text("INVITE", "+4930555", nil))
	b.rung().Answer(media.PCMA)
	b.ack(b.response("200 INVITE"), nil)
	b.reply(b.request("BYE"), 200, "OK", nil)
	b.ended(signalling.NoCodec)
}

func TestCallerGivesUp(t *testing.T) {
	for _, c := range []struct {
		reason string
		cause  signalling.Cause
	}{
		{"X-None: 1", signalling.Cancelled},
		{`Reason: SIP ;cause=200 ;text="Call completed elsewhere"`, signalling.Elsewhere},
	} {
		b := newBed(t)
		invite := b.text("INVITE", "+4930555", b.sdp("sendrecv", "0"))
		b.send(invite)
		b.rung().Ring()
		tag := tagOf(b.response("180").To().Params)
		cancel := strings.ReplaceAll(invite[:strings.Index(invite, "Content-Type")], "INVITE", "CANCEL")
		b.send(cancel + c.reason + "\r\nContent-Length: 0\r\n\r\n")
		b.response("200 CANCEL")
		res := b.response("487")
		if tagOf(res.To().Params) != tag {
			t.Errorf("the 487 has another tag:\n%s", res)
		}
		b.ack(res, nil)
		b.ended(c.cause)
	}
}

func TestWeDecline(t *testing.T) {
	for _, c := range []struct {
		cause  signalling.Cause
		status int
	}{{signalling.Rejected, 603}, {signalling.Busy, 486}, {signalling.NoAnswer, 480}, {signalling.Unallocated, 404}, {signalling.ShuttingDown, 503}} {
		t.Run(c.cause.String(), func(t *testing.T) {
			b := newBed(t)
			invite := b.text("INVITE", "+4930555", b.sdp("sendrecv", "0"))
			b.send(invite)
			b.rung().Hangup(signalling.Reason{Cause: c.cause})
			b.response(strconv.Itoa(c.status))
			b.gone()
			b.send(invite) // repeated: the same refusal, no second call
			b.response(strconv.Itoa(c.status))
			if len(b.board.calls) > 0 {
				t.Error("a repeated INVITE became a second call")
			}
		})
	}
}

func TestSwitchboardRefuses(t *testing.T) {
	b := newBed(t)
	b.board.refuse.Store(&signalling.Reason{Cause: signalling.Congestion})
	b.send(b.text("INVITE", "+4930555", b.sdp("sendrecv", "0")))
	checkLater(t, b.response("503"))
	b.board.refuse.Store(&signalling.Reason{Cause: signalling.Unallocated})
	b.id = newTag()
	b.send(b.text("INVITE", "+4930555", b.sdp("sendrecv", "0")))
	b.response("404")
}

func checkLater(t *testing.T, res *sipmsg.Response) {
	t.Helper()
	if n, err := strconv.Atoi(res.GetHeader("Retry-After").Value()); err != nil || n < 5 || n > 15 {
		t.Errorf("Retry-After %d", n)
	}
}

func TestDrain(t *testing.T) {
	b := newBed(t)
	leg, _ := b.connected()
	b.agent.Drain()
	live := b.peer.id
	b.id, b.far = newTag(), ""
	invite := b.text("INVITE", "+4930555", b.sdp("sendrecv", "0"))
	b.send(invite)
	checkLater(t, b.response("503"))
	b.send(b.text("OPTIONS", "+4930555", nil))
	b.response("503 OPTIONS")
	leg.Hangup(signalling.Reason{Cause: signalling.ShuttingDown}) // a call that is up ends properly
	bye := b.request("BYE")
	if bye.CallID().Value() != live {
		t.Errorf("BYE\n%s", bye)
	}
	b.reply(bye, 200, "OK", nil)
	b.gone()
}

func TestNoAck(t *testing.T) {
	b := newBed(t, func(_ *TrunkConfig, x *timing) {
		x.t1, x.t2, x.ack = 20*time.Millisecond, 80*time.Millisecond, 400*time.Millisecond
	})
	b.send(b.text("INVITE", "+4930555", b.sdp("sendrecv", "0")))
	b.rung().Answer(media.PCMU)
	for range 4 {
		b.response("200 INVITE")
	}
	b.reply(b.request("BYE"), 200, "OK", nil)
	b.ended(signalling.PeerTimeout)
}

func TestHangupBeforeTheAck(t *testing.T) {
	b := newBed(t)
	b.send(b.text("INVITE", "+4930555", b.sdp("sendrecv", "0")))
	leg := b.rung()
	leg.Answer(media.PCMU)
	res := b.response("200 INVITE")
	leg.Hangup(signalling.Reason{})
	b.never("BYE", 100*time.Millisecond) // RFC 3261 §15
	b.ack(res, nil)
	b.reply(b.request("BYE"), 200, "OK", nil)
	b.gone()
}

func TestRepeatedInvite(t *testing.T) {
	b := newBed(t)
	invite := b.text("INVITE", "+4930555", b.sdp("sendrecv", "0"))
	b.send(invite)
	b.rung().Ring()
	b.response("180")
	b.send(invite)
	b.response("180")
	if len(b.board.calls) > 0 {
		t.Error("a repeated INVITE became a second call")
	}
	b.send(b.text("INVITE", "+4930555", b.sdp("sendrecv", "0"))) // the same call with another branch
	b.response("482")
}

func TestNoPortsLeft(t *testing.T) {
	b := newBed(t)
	b.ports.Close()
	b.send(b.text("INVITE", "+4930555", b.sdp("sendrecv", "0")))
	b.rung()
	checkLater(t, b.response("503"))
	b.ended(signalling.Congestion)
}
