package sip

import (
	"strings"
	"testing"
	"time"

	"roomline/media"
	"roomline/signalling"
)

// A call out, as a telephonist would tell it.
func TestAnsweredCall(t *testing.T) {
	b := newBed(t)
	leg := b.dial("+4930123")
	invite := b.request("INVITE")
	if got := invite.Recipient.String(); got != "sip:+4930123@"+b.addr().String() {
		t.Errorf("Request-URI %s", got)
	}
	if from := invite.From(); from.Address.User != "+4930555" || from.DisplayName != "Alice" {
		t.Errorf("From %s", from)
	}
	if ua := invite.GetHeader("User-Agent").Value(); ua != "roomline/test" {
		t.Errorf("User-Agent %s", ua)
	}
	if leg.Media() != nil {
		t.Error("there is media before the answer")
	}
	b.reply(invite, 100, "Trying", nil)
	b.heard("100 Trying")
	b.reply(invite, 180, "Ringing", nil)
	b.event(signalling.Ringing)
	b.reply(invite, 183, "Session Progress", nil)
	b.heard("183 Session Progress")
	for range 12 { // more than the ten responses that the library's own dialogs bear
		b.reply(invite, 180, "Ringing", nil)
	}
	b.reply(invite, 200, "OK", b.sdp("sendrecv", "0"))
	ack := b.request("ACK")
	if ack.CSeq().SeqNo != invite.CSeq().SeqNo || tagOf(ack.To().Params) != b.tag || ack.Recipient.Port != int(b.addr().Port()) {
		t.Errorf("ACK\n%s", ack)
	}
	b.event(signalling.Answered)
	if leg.Media().Format() != media.PCMU {
		t.Errorf("format %s", leg.Media().Format())
	}
	leg.Hangup(signalling.Reason{})
	bye := b.request("BYE")
	if bye.CSeq().SeqNo != invite.CSeq().SeqNo+1 || !strings.HasPrefix(bye.GetHeader("Reason").Value(), "Q.850;cause=16;") {
		t.Errorf("BYE\n%s", bye)
	}
	b.reply(bye, 200, "OK", nil)
	b.gone()
	want := "> INVITE < 100 Trying < 180 Ringing < 183 Session Progress"
	if got := b.ladder(); !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "< 200 OK > ACK > BYE < 200 OK (BYE)") {
		t.Errorf("ladder %s", got)
	}
	if s := b.agent.TrunkStates()["carrier"]; s != "up" {
		t.Errorf("trunk state %s", s)
	}
}

func TestAudioOfOutgoingCall(t *testing.T) {
	b := newBed(t)
	leg := b.dial("+4930123")
	invite := b.request("INVITE")
	b.reply(invite, 200, "OK", b.sdp("sendrecv", "0"))
	b.event(signalling.Answered)
	heard := make(chan media.Packet, 20)
	leg.Media().SendTo(sink(heard))
	b.says(rtpOf(t, invite.Body()), 5)
	select {
	case p := <-heard:
		if len(p.Payload) != 160 {
			t.Errorf("payload of %d bytes", len(p.Payload))
		}
	case <-time.After(patience):
		t.Fatal("nothing was heard from the peer")
	}
	if err := leg.Media().WritePacket(&media.Packet{Payload: make([]byte, 160), Clock: 8000}); err != nil {
		t.Fatal(err)
	}
	if got := b.hears(); len(got) != 172 || got[1]&0x7f != 0 {
		t.Errorf("packet % x", got[:12])
	}
}

type sink chan media.Packet

func (s sink) WritePacket(p *media.Packet) error {
	select {
	case s <- *p:
	default:
	}
	return nil
}

func TestRefusedCalls(t *testing.T) {
	for _, c := range []struct {
		name    string
		status  int
		phrase  string
		headers []string
		cause   signalling.Cause
		detail  string
	}{
		{"busy", 486, "Busy Here", nil, signalling.Busy, "486 Busy Here"},
		{"unknown number", 404, "Not Found", nil, signalling.Unallocated, "404 Not Found"},
		{"declined", 603, "Decline", nil, signalling.Rejected, "603 Decline"},
		{"redirected", 302, "Moved Temporarily", []string{"Contact: <sip:+1900@192.0.2.1>"}, signalling.TrunkFailure,
			"302 Moved Temporarily; the trunk sends the call elsewhere, and redirects is 0"},
		{"no codec", 488, "Not Acceptable Here", nil, signalling.NoCodec, "488 Not Acceptable Here; it may ask for encrypted audio: srtp is off"},
		{"full", 503, "Service Unavailable", []string{`Reason: Q.850;cause=34;text="no circuit"`}, signalling.Congestion, "503 Service Unavailable"},
		{"down", 503, "Service Unavailable", nil, signalling.TrunkFailure, "503 Service Unavailable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBed(t)
			b.dial("+4930123")
			b.reply(b.request("INVITE"), c.status, c.phrase, nil, c.headers...)
			b.request("ACK")
			if why := b.ended(c.cause); why.Detail != c.detail {
				t.Errorf("detail %q", why.Detail)
			}
			b.never("INVITE", 50*time.Millisecond)
		})
	}
}

func TestUnreachable(t *testing.T) {
	b := newBed(t, func(c *TrunkConfig, _ *timing) { c.ConnectTimeout = 300 * time.Millisecond })
	b.dial("+4930123")
	invite := b.request("INVITE")
	if why := b.ended(signalling.TrunkUnreachable); why.Detail != "no answer within 300ms" {
		t.Errorf("detail %q", why.Detail)
	}
	if s := b.agent.TrunkStates()["carrier"]; s != "trunk_unreachable" {
		t.Errorf("trunk state %s", s)
	}
	// An answer after we gave up must not leave the far end in a call.
	b.reply(invite, 200, "OK", b.sdp("sendrecv", "0"))
	b.request("ACK")
	b.reply(b.request("BYE"), 200, "OK", nil)
}

func TestNoCommonCodec(t *testing.T) {
	b := newBed(t, func(c *TrunkConfig, _ *timing) { c.Codecs = []string{"g722"} })
	b.dial("+4930123")
	b.ended(signalling.NoCodec)
	b.never("INVITE", 50*time.Millisecond)
}

func TestCancelAfterRinging(t *testing.T) {
	b := newBed(t)
	leg := b.dial("+4930123")
	invite := b.request("INVITE")
	b.reply(invite, 180, "Ringing", nil)
	b.event(signalling.Ringing)
	leg.Hangup(signalling.Reason{Cause: signalling.Cancelled})
	cancel := b.request("CANCEL")
	if cancel.Via().Value() != invite.Via().Value() || cancel.CSeq().SeqNo != invite.CSeq().SeqNo {
		t.Errorf("CANCEL\n%s\nfor\n%s", cancel, invite)
	}
	b.reply(cancel, 200, "OK", nil)
	b.reply(invite, 487, "Request Terminated", nil)
	b.request("ACK")
	b.gone()
}

func TestCancelBeforeAnyAnswer(t *testing.T) {
	b := newBed(t)
	leg := b.dial("+4930123")
	invite := b.request("INVITE")
	leg.Hangup(signalling.Reason{Cause: signalling.Cancelled})
	b.never("CANCEL", 100*time.Millisecond) // RFC 3261 §9.1
	b.reply(invite, 100, "Trying", nil)
	cancel := b.request("CANCEL")
	b.reply(cancel, 200, "OK", nil)
	b.reply(invite, 487, "Request Terminated", nil)
	b.gone()
}

func TestAnswerCrossesCancel(t *testing.T) {
	b := newBed(t)
	leg := b.dial("+4930123")
	invite := b.request("INVITE")
	b.reply(invite, 180, "Ringing", nil)
	b.event(signalling.Ringing)
	leg.Hangup(signalling.Reason{Cause: signalling.Cancelled})
	b.reply(invite, 200, "OK", b.sdp("sendrecv", "0"))
	cancel := b.request("CANCEL")
	b.request("ACK")
	b.reply(cancel, 200, "OK", nil)
	b.reply(b.request("BYE"), 200, "OK", nil)
	b.gone()
}

func TestCancelThatNobodyAnswers(t *testing.T) {
	b := newBed(t, func(_ *TrunkConfig, x *timing) { x.cancel = 200 * time.Millisecond })
	leg := b.dial("+4930123")
	invite := b.request("INVITE")
	b.reply(invite, 180, "Ringing", nil)
	b.event(signalling.Ringing)
	leg.Hangup(signalling.Reason{Cause: signalling.Cancelled})
	b.request("CANCEL")
	b.gone()
	b.reply(invite, 200, "OK", b.sdp("sendrecv", "0"))
	b.request("ACK")
	b.reply(b.request("BYE"), 200, "OK", nil)
}

func TestRepeatedAndForkedAnswers(t *testing.T) {
	b := newBed(t)
	leg, invite := b.answered()
	b.reply(invite, 200, "OK", b.sdp("sendrecv", "0"))
	if ack := b.request("ACK"); tagOf(ack.To().Params) != b.tag {
		t.Errorf("ACK for tag %s", tagOf(ack.To().Params))
	}
	b.replyAs("fork", invite, 200, "OK", b.sdp("sendrecv", "0"))
	if ack := b.request("ACK"); tagOf(ack.To().Params) != "fork" {
		t.Errorf("ACK for tag %s", tagOf(ack.To().Params))
	}
	bye := b.request("BYE")
	if tagOf(bye.To().Params) != "fork" {
		t.Errorf("BYE for tag %s", tagOf(bye.To().Params))
	}
	b.reply(bye, 200, "OK", nil)
	leg.Hangup(signalling.Reason{})
	bye = b.request("BYE")
	if tagOf(bye.To().Params) != b.tag {
		t.Errorf("BYE for tag %s", tagOf(bye.To().Params))
	}
	b.reply(bye, 200, "OK", nil)
	b.gone()
}

func TestEarlyAnswerIsHonoured(t *testing.T) {
	b := newBed(t)
	leg := b.dial("+4930123")
	invite := b.request("INVITE")
	b.reply(invite, 183, "Session Progress", b.sdp("sendrecv", "8"))
	b.event(signalling.Early)
	b.reply(invite, 200, "OK", nil)
	b.event(signalling.Answered)
	if leg.Media().Format() != media.PCMA {
		t.Errorf("format %s", leg.Media().Format())
	}
}

func TestAnswerWithoutAudio(t *testing.T) {
	b := newBed(t)
	b.dial("+4930123")
	b.reply(b.request("INVITE"), 200, "OK", []byte("v=0\r\nm=image 9 udptl t38\r\n"))
	b.request("ACK")
	b.reply(b.request("BYE"), 200, "OK", nil)
	b.ended(signalling.MediaFailed)
}

func TestFarEndHangsUp(t *testing.T) {
	b := newBed(t)
	_, invite := b.answered()
	b.send(b.within(invite, "BYE", 7, nil, `Reason: Q.850;cause=31;text="Normal, unspecified"`))
	b.response("200 BYE")
	if why := b.ended(signalling.NormalClearing); why.Detail != "Q.850 31 Normal, unspecified" {
		t.Errorf("detail %q", why.Detail)
	}
}

func TestByeThatNobodyAnswers(t *testing.T) {
	b := newBed(t, func(_ *TrunkConfig, x *timing) { x.bye = 200 * time.Millisecond })
	leg, _ := b.answered()
	leg.Hangup(signalling.Reason{})
	b.request("BYE")
	b.gone()
}

func TestRouteSet(t *testing.T) {
	b := newBed(t)
	leg := b.dial("+4930123")
	invite := b.request("INVITE")
	b.reply(invite, 200, "OK", b.sdp("sendrecv", "0"), "Record-Route: <sip:10.9.9.9;lr>", "Record-Route: <sip:127.0.0.1:5099;lr>")
	b.never("ACK", 100*time.Millisecond) // it goes by the route set, to another port of the trunk's
	b.event(signalling.Answered)
	leg.Hangup(signalling.Reason{})
	b.agent.Close()
	b.gone()
}

// RFC 3261 §9.1: what was given up without an answer is cancelled when one comes
// after all, once, and a refusal then has its ACK.
func TestAnswerAfterGivingUp(t *testing.T) {
	b := newBed(t, func(c *TrunkConfig, _ *timing) { c.ConnectTimeout = 100 * time.Millisecond })
	leg := b.dial("+4930123")
	invite := b.request("INVITE")
	leg.Hangup(signalling.Reason{Cause: signalling.Cancelled})
	b.gone()
	b.never("CANCEL", 50*time.Millisecond)
	b.reply(invite, 180, "Ringing", nil)
	b.reply(invite, 180, "Ringing", nil)
	cancel := b.request("CANCEL")
	if cancel.Via().Value() != invite.Via().Value() || cancel.CSeq().SeqNo != invite.CSeq().SeqNo || cancel.Recipient.String() != invite.Recipient.String() {
		t.Errorf("CANCEL\n%s", cancel)
	}
	b.reply(cancel, 200, "OK", nil)
	b.never("CANCEL", 50*time.Millisecond)
	for range 2 { // its ACK may be lost
		b.reply(invite, 487, "Request Terminated", nil)
		if ack := b.request("ACK"); ack.Via().Value() != invite.Via().Value() || tagOf(ack.To().Params) != b.tag {
			t.Errorf("ACK\n%s", ack)
		}
	}
	b.dial("+4930123")
	invite = b.request("INVITE")
	b.ended(signalling.TrunkUnreachable)
	b.reply(invite, 200, "OK", b.sdp("sendrecv", "0")) // answered all the same
	b.request("ACK")
	b.reply(b.request("BYE"), 200, "OK", nil)
}
