package sip

import (
	"fmt"
	"strings"
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/media"
	"roomline/signalling"
)

// sure are the headers of a response that is sent reliably.
func sure(seq int) []string { return []string{"Require: 100rel", fmt.Sprintf("RSeq: %d", seq)} }

// Reliable responses are acknowledged in order and once; what is repeated is
// not looked at again, and what comes too early not at all (RFC 3262 §4).
func TestReliableResponses(t *testing.T) {
	b := newBed(t)
	b.dial("+4930123")
	invite := b.request("INVITE")
	if !lists(invite, reliably, "supported") || lists(invite, reliably, "require") {
		t.Errorf("INVITE\n%s", invite)
	}
	b.reply(invite, 180, "Ringing", nil, sure(7)...)
	prack := b.request("PRACK")
	if got := prack.GetHeader("RAck").Value(); got != fmt.Sprintf("7 %d INVITE", invite.CSeq().SeqNo) {
		t.Errorf("RAck: %s", got)
	}
	if tagOf(prack.To().Params) != b.tag || prack.CSeq().SeqNo != invite.CSeq().SeqNo+1 || prack.Recipient.Port != int(b.addr().Port()) {
		t.Errorf("PRACK\n%s", prack)
	}
	b.reply(prack, 200, "OK", nil)
	b.event(signalling.Ringing)
	b.heard("200 OK (PRACK)")
	b.reply(invite, 180, "Ringing", nil, sure(7)...)
	b.reply(invite, 183, "Session Progress", b.sdp("sendrecv", "0"), sure(9)...)
	b.never("PRACK", 50*time.Millisecond)
	b.reply(invite, 183, "Session Progress", b.sdp("sendrecv", "0"), sure(8)...)
	prack = b.request("PRACK")
	if got := prack.GetHeader("RAck").Value(); !strings.HasPrefix(got, "8 ") {
		t.Errorf("RAck: %s", got)
	}
	b.reply(prack, 200, "OK", nil)
	b.event(signalling.Early)
	b.reply(invite, 200, "OK", nil)
	b.event(signalling.Answered)
}

// A PRACK that had no 2xx is sent again with the next repetition; a challenge is
// answered.
func TestLostPrack(t *testing.T) {
	b := newBed(t, func(c *TrunkConfig, _ *timing) { c.Realm = "asterisk" })
	b.dial("+4930123")
	invite := b.request("INVITE")
	b.reply(invite, 180, "Ringing", nil, sure(1)...)
	b.reply(b.request("PRACK"), 500, "Server Internal Error", nil)
	b.heard("500 Server Internal Error (PRACK)")
	b.reply(invite, 180, "Ringing", nil, sure(1)...)
	b.reply(b.request("PRACK"), 407, "Proxy Authentication Required", nil, strings.Replace(challenge, "WWW-", "Proxy-", 1))
	prack := b.request("PRACK")
	b.reply(prack, 200, "OK", nil)
	b.heard("200 OK (PRACK)")
	b.event(signalling.Ringing)
	b.reply(invite, 486, "Busy Here", nil)
	b.ended(signalling.Busy)
}

// Each early dialog has its own sequence, and its PRACK goes by its own route
// to its own target (RFC 3262 §4).
func TestReliableForks(t *testing.T) {
	b := newBed(t)
	b.dial("+4930123")
	invite := b.request("INVITE")
	route := "Record-Route: <sip:" + b.addr().String() + ";lr;fork=%d>"
	last := invite.CSeq().SeqNo
	for i, tag := range []string{"f0", "f1"} {
		b.replyAs(tag, invite, 183, "Session Progress", b.sdp("sendrecv", "0"), append(sure(40-i), fmt.Sprintf(route, i))...)
		prack := b.request("PRACK")
		if got := prack.GetHeader("Route").Value(); tagOf(prack.To().Params) != tag || !strings.Contains(got, fmt.Sprintf("fork=%d", i)) || prack.CSeq().SeqNo <= last {
			t.Errorf("PRACK\n%s", prack)
		}
		last = prack.CSeq().SeqNo
		b.reply(prack, 200, "OK", nil)
	}
	b.event(signalling.Early)
	b.replyAs("f0", invite, 200, "OK", nil, fmt.Sprintf(route, 0))
	ack := b.request("ACK")
	if ack.CSeq().SeqNo != invite.CSeq().SeqNo || tagOf(ack.To().Params) != "f0" {
		t.Errorf("ACK\n%s", ack)
	}
	b.event(signalling.Answered)
}

// An UPDATE with an offer within an early dialog is answered once ours was
// reliably (RFC 3311 §5.1), and not before.
func TestUpdateOfWhatIsHeard(t *testing.T) {
	b := newBed(t)
	leg := b.dial("+4930123")
	invite := b.request("INVITE")
	b.reply(invite, 183, "Session Progress", b.at(socket(t, "127.0.0.1"), "0"))
	b.event(signalling.Early)
	b.send(b.within(invite, "UPDATE", 3, b.sdp("sendrecv", "0")))
	b.response("491 UPDATE")
	b.reply(invite, 183, "Session Progress", b.at(socket(t, "127.0.0.1"), "0"), sure(1)...)
	b.reply(b.request("PRACK"), 200, "OK", nil)
	b.send(b.within(invite, "UPDATE", 4, b.sdp("sendrecv", "0")))
	if res := b.response("200 UPDATE"); rtpOf(t, res.Body()) != rtpOf(t, invite.Body()) {
		t.Errorf("200\n%s", res)
	}
	_ = leg.Media().WritePacket(&media.Packet{Payload: make([]byte, 160), Clock: 8000})
	b.hears()
	b.reply(invite, 200, "OK", nil)
	b.event(signalling.Answered)
	_ = leg.Media().WritePacket(&media.Packet{Payload: make([]byte, 160), Clock: 8000})
	b.hears()
}

func TestReliableAsConfigured(t *testing.T) {
	b := newBed(t, func(c *TrunkConfig, _ *timing) { c.Reliable = reliableOff })
	b.dial("+4930123")
	invite := b.request("INVITE")
	b.reply(invite, 180, "Ringing", nil, sure(1)...)
	b.event(signalling.Ringing)
	b.never("PRACK", 50*time.Millisecond)
	b.reply(invite, 486, "Busy Here", nil)
	b.ended(signalling.Busy)
	b.send(b.text("INVITE", "+4930555", nil, "Require: 100rel"))
	if lists(invite, reliably, "supported") || b.response("420").GetHeader("Unsupported").Value() != reliably {
		t.Errorf("INVITE\n%s", invite)
	}

	b = newBed(t, func(c *TrunkConfig, _ *timing) { c.Reliable = reliableRequired })
	b.dial("+4930123")
	invite = b.request("INVITE")
	b.reply(invite, 486, "Busy Here", nil)
	b.ended(signalling.Busy)
	b.send(b.text("INVITE", "+4930555", nil))
	if !lists(invite, reliably, "require") || b.response("421").GetHeader("Require").Value() != reliably {
		t.Errorf("INVITE\n%s", invite)
	}
}

// heralded has the peer place a call whose other side plays something before it
// answers.
func (b *bed) heralded(body []byte, headers ...string) (signalling.Leg, *sipmsg.Response) {
	b.t.Helper()
	b.send(b.text("INVITE", "+4930555", body, headers...))
	leg := b.rung()
	leg.Progress(media.PCMU, false)
	res := b.response("183")
	b.far = tagOf(res.To().Params)
	return leg, res
}

// acks writes the PRACK for a response.
func (b *bed) pracks(res *sipmsg.Response, seq uint32, body []byte) {
	b.t.Helper()
	b.send(b.with(seq).text("PRACK", "+4930555", body, fmt.Sprintf("RAck: %s %d INVITE", res.GetHeader("RSeq").Value(), res.CSeq().SeqNo)))
}

// A caller hears what comes before the answer, and is heard; the 200 says the
// same once more (RFC 3261 §13.2.1).
func TestCallerHearsBeforeTheAnswer(t *testing.T) {
	b := newBed(t)
	leg, res := b.heralded(b.sdp("sendrecv", "0 8"))
	if res.GetHeader("RSeq") != nil || res.Contact() == nil {
		t.Errorf("183\n%s", res)
	}
	b.event(signalling.Early)
	heard := make(chan media.Packet, 20)
	leg.Media().SendTo(sink(heard))
	b.says(rtpOf(t, res.Body()), 5)
	<-heard
	_ = leg.Media().WritePacket(&media.Packet{Payload: make([]byte, 160), Clock: 8000})
	b.hears()
	leg.Ring()
	b.response("180")
	leg.Answer(media.PCMU)
	okay := b.response("200 INVITE")
	if string(okay.Body()) != string(res.Body()) {
		t.Errorf("183 and 200 differ:\n%s\n%s", res.Body(), okay.Body())
	}
	b.ack(okay, nil)
	b.event(signalling.Confirmed)
}

// To a caller that knows reliable responses the description goes reliably: it
// is repeated until its PRACK, and not answered before (RFC 3262 §3).
func TestReliableDescription(t *testing.T) {
	b := newBed(t, func(_ *TrunkConfig, x *timing) { x.t1 = 20 * time.Millisecond })
	leg, res := b.heralded(b.sdp("sendrecv", "0 8"), "Supported: 100rel")
	if !lists(res, reliably, "require") {
		t.Errorf("183\n%s", res)
	}
	b.event(signalling.Early)
	if again := b.response("183"); again.GetHeader("RSeq").Value() != res.GetHeader("RSeq").Value() {
		t.Errorf("repeated as\n%s", again)
	}
	leg.Answer(media.PCMU)
	b.never("200 INVITE", 100*time.Millisecond)
	b.send(b.with(11).text("PRACK", "+4930555", nil, "RAck: 1 10 INVITE"))
	b.response("481 PRACK")
	b.send(b.with(12).text("PRACK", "+4930555", nil))
	b.response("481 PRACK")
	b.pracks(res, 13, nil)
	b.response("200 PRACK")
	okay := b.response("200 INVITE")
	if len(okay.Body()) > 0 {
		t.Errorf("200\n%s", okay)
	}
	b.pracks(res, 14, nil)
	b.response("481 PRACK")
	b.ack(okay, nil)
	b.event(signalling.Confirmed)
	b.never("183", 100*time.Millisecond)
}

// Without a PRACK the call is refused after 64*T1.
func TestNoPrack(t *testing.T) {
	b := newBed(t, func(_ *TrunkConfig, x *timing) { x.t1, x.ack = 50*time.Millisecond, 400*time.Millisecond })
	b.heralded(b.sdp("sendrecv", "0 8"), "Supported: 100rel")
	b.event(signalling.Early)
	b.response("504")
	b.ended(signalling.PeerTimeout)
}

// A caller that takes nothing else rings reliably; each response waits for the
// PRACK of the one before.
func TestReliableRinging(t *testing.T) {
	b := newBed(t)
	b.send(b.text("INVITE", "+4930555", b.sdp("sendrecv", "0 8"), "Require: 100rel"))
	leg := b.rung()
	leg.Ring()
	leg.Progress(media.PCMU, false)
	res := b.response("180")
	b.far = tagOf(res.To().Params)
	b.never("183", 50*time.Millisecond)
	b.pracks(res, 11, nil)
	b.response("200 PRACK")
	next := b.response("183")
	var first, second uint32
	fmt.Sscan(res.GetHeader("RSeq").Value(), &first)
	fmt.Sscan(next.GetHeader("RSeq").Value(), &second)
	if second != first+1 {
		t.Errorf("RSeq %d, then %d", first, second)
	}
	b.pracks(next, 12, nil)
	b.response("200 PRACK")
	b.event(signalling.Early)
	b.send(b.with(13).text("UPDATE", "+4930555", b.sdp("sendrecv", "0")))
	if len(b.response("200 UPDATE").Body()) == 0 {
		t.Error("the offer of an UPDATE was not answered")
	}
	leg.Answer(media.PCMU)
	b.ack(b.response("200 INVITE"), nil)
	b.event(signalling.Confirmed)
}

// Who calls without an offer finds ours in the first reliable response, and
// answers it in the PRACK (RFC 3262 §5); who knows none is rung.
func TestDelayedOfferBeforeTheAnswer(t *testing.T) {
	b := newBed(t)
	leg, res := b.heralded(nil, "Supported: 100rel")
	b.pracks(res, 11, b.sdp("sendrecv", "0"))
	b.response("200 PRACK")
	b.event(signalling.Early)
	b.says(rtpOf(t, res.Body()), 1)
	leg.Answer(media.PCMU)
	okay := b.response("200 INVITE")
	if len(okay.Body()) > 0 {
		t.Errorf("200\n%s", okay)
	}
	b.ack(okay, nil)
	b.event(signalling.Confirmed)

	b = newBed(t)
	b.send(b.text("INVITE", "+4930555", nil))
	leg = b.rung()
	leg.Progress(media.PCMU, false)
	b.response("180")
	leg.Answer(media.PCMU)
	b.ack(b.response("200 INVITE"), b.sdp("sendrecv", "0"))
	b.event(signalling.Confirmed)
}

// An answer in a PRACK that does not fit ends the call.
func TestPrackWithoutAnswer(t *testing.T) {
	b := newBed(t)
	_, res := b.heralded(nil, "Supported: 100rel")
	b.pracks(res, 11, b.sdp("sendrecv", "3"))
	b.response("200 PRACK")
	b.response("488 INVITE")
	b.ended(signalling.NoCodec)
}

// What rings after it was heard says so after the PRACK.
func TestRingingWaitsForPrack(t *testing.T) {
	b := newBed(t)
	leg, res := b.heralded(b.sdp("sendrecv", "0 8"), "Require: 100rel")
	b.event(signalling.Early)
	leg.Ring()
	b.never("180", 50*time.Millisecond)
	b.pracks(res, 11, nil)
	b.response("200 PRACK")
	b.pracks(b.response("180"), 12, nil)
	b.response("200 PRACK")
	leg.Hangup(signalling.Reason{Cause: signalling.Busy})
	b.response("486")
	b.gone()
}

func FuzzRAck(f *testing.F) {
	for _, s := range []string{"1 2 INVITE", " 4294967295\t2147483647  INVITE ", "0 1 INVITE", "1 1 BYE", "+1 1 INVITE", "4294967296 1 INVITE", "1 2 INVITE x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		seq, invite, ok := parseRAck(s)
		if !ok {
			return
		}
		again, same, ok := parseRAck(fmt.Sprintf("%d %d INVITE", seq, invite))
		if !ok || again != seq || same != invite || seq == 0 || invite > maxCSeq {
			t.Errorf("%q is %d of %d, and then %d of %d", s, seq, invite, again, same)
		}
	})
}
