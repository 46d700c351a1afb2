package sip

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"roomline/media"
	"roomline/signalling"
)

// This file is what happens when two things of one call cross each other.

// A refusal ends the early dialogs of its INVITE (RFC 3261 §12.3): what the far
// end numbers anew for the next one is acknowledged, under the same tag, too.
func TestEarlyDialogsEndWithTheirInvite(t *testing.T) {
	b := newBed(t)
	b.dial("+4930123")
	invite := b.request("INVITE")
	b.reply(invite, 183, "Session Progress", b.sdp("sendrecv", "0"), sure(100)...)
	b.reply(b.request("PRACK"), 200, "OK", nil)
	b.event(signalling.Early)
	b.reply(invite, 422, "Session Interval Too Small", nil, "Min-SE: 3600")
	b.request("ACK")
	invite = b.request("INVITE")
	b.reply(invite, 183, "Session Progress", b.sdp("sendrecv", "0"), sure(5)...)
	prack := b.request("PRACK")
	if got := prack.GetHeader("RAck").Value(); got != fmt.Sprintf("5 %d INVITE", invite.CSeq().SeqNo) {
		t.Errorf("RAck: %s", got)
	}
	b.reply(prack, 200, "OK", nil)
	b.reply(invite, 200, "OK", nil)
	b.event(signalling.Answered)
}

// Who is held before the answer is told so right after it.
func TestHoldBeforeTheAnswer(t *testing.T) {
	b := newBed(t)
	leg := b.dial("+4930123")
	invite := b.request("INVITE")
	b.reply(invite, 183, "Session Progress", b.sdp("sendrecv", "0"))
	b.event(signalling.Early)
	leg.Show(signalling.View{Party: signalling.Party{Name: "Alice"}, Held: true})
	b.send(b.within(invite, "UPDATE", 3, nil)) // which comes after it
	b.response("200 UPDATE")
	b.reply(invite, 200, "OK", b.sdp("sendrecv", "0"))
	b.request("ACK")
	b.event(signalling.Answered)
	if again := b.request("INVITE"); !strings.Contains(string(again.Body()), "a=sendonly\r\n") {
		t.Errorf("re-INVITE\n%s", again)
	}

	b = newBed(t)
	b.send(b.text("INVITE", "+4930555", b.sdp("sendrecv", "0 8")))
	leg = b.rung()
	leg.Show(signalling.View{Held: true})
	leg.Answer(media.PCMU)
	b.ack(b.response("200 INVITE"), nil)
	b.event(signalling.Confirmed)
	if again := b.request("INVITE"); !strings.Contains(string(again.Body()), "a=sendonly\r\n") {
		t.Errorf("re-INVITE\n%s", again)
	}
}

// A hold that crosses the refusal of another re-INVITE is no part of that.
func TestHoldCrossesARefusal(t *testing.T) {
	b := newBed(t, func(c *TrunkConfig, _ *timing) { c.SendIdentity = assertPAI })
	leg, invite := b.answered()
	bob := signalling.Party{Number: "+4940111", Name: "Bob"}
	leg.Show(signalling.View{Party: bob})
	first := b.request("INVITE")
	leg.Show(signalling.View{Party: bob, Held: true})
	b.send(b.within(invite, "OPTIONS", 3, nil)) // which comes after it
	b.response("200 OPTIONS")
	b.reply(first, 488, "Not Acceptable Here", nil)
	b.request("ACK")
	if again := b.request("INVITE"); !strings.Contains(string(again.Body()), "a=sendonly\r\n") {
		t.Errorf("re-INVITE\n%s", again)
	}
}

// A hold for which the session timer is too short is asked for again (RFC 4028 §7.3).
func TestHoldWithALongerTimer(t *testing.T) {
	b := newBed(t)
	leg, _ := b.answered()
	leg.Show(signalling.View{Held: true})
	b.reply(b.request("INVITE"), 422, "Session Interval Too Small", nil, "Min-SE: 3600")
	b.request("ACK")
	again := b.request("INVITE")
	if !strings.Contains(string(again.Body()), "a=sendonly\r\n") || valueOf(again, "min-se") != "3600" {
		t.Errorf("re-INVITE\n%s", again)
	}
}

// Who was promised a codec gets the call also where our question for it crosses
// one of the far end's, or has to wait for it.
func TestAnotherCodecAfterGlare(t *testing.T) {
	for status, header := range map[int]string{491: "Server: x", 500: "Retry-After: 0"} {
		b := newBed(t, func(_ *TrunkConfig, x *timing) { x.glare = 10 * time.Microsecond })
		leg := b.dial("+4930123")
		invite := b.request("INVITE")
		b.reply(invite, 183, "Session Progress", b.sdp("sendrecv", "8"))
		b.event(signalling.Early)
		b.reply(invite, 200, "OK", b.sdp("sendrecv", "0"))
		b.request("ACK")
		b.reply(b.request("INVITE"), status, "Later", nil, header)
		b.request("ACK")
		b.reply(b.request("INVITE"), 200, "OK", b.sdp("sendrecv", "8"))
		b.event(signalling.Answered)
		if leg.Media().Format() != media.PCMA {
			t.Errorf("%d: format %s", status, leg.Media().Format())
		}
	}
}

// A far end that refreshes has all of its time for that, whatever it refused us.
func TestRefusalLeavesTheFarEndItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, begun := session{unit: time.Second}, time.Now()
		s.agree(800, false)
		s.later()
		if <-s.due(); time.Since(begun) != 768*time.Second {
			t.Errorf("the call would end after %v", time.Since(begun))
		}
	})
}

// A reliable answer without audio is an answer: what comes of it by UPDATE is heard.
func TestUpdateOfWhatWasNotHeard(t *testing.T) {
	b := newBed(t)
	b.dial("+4930123")
	invite := b.request("INVITE")
	b.reply(invite, 183, "Session Progress", b.sdp("inactive", "0"), sure(1)...)
	b.reply(b.request("PRACK"), 200, "OK", nil)
	b.event(signalling.Ringing)
	b.send(b.within(invite, "UPDATE", 3, b.sdp("sendrecv", "0")))
	b.response("200 UPDATE")
	b.event(signalling.Early)
}

// The ACK for a re-INVITE goes to where its answer says (RFC 3261 §12.2.1.2).
func TestAckGoesToTheNewTarget(t *testing.T) {
	b := newBed(t)
	leg, _ := b.answered()
	leg.Show(signalling.View{Held: true})
	b.bare = true
	b.reply(b.request("INVITE"), 200, "OK", b.sdp("recvonly", "0"), "Contact: <sip:moved@"+b.addr().String()+">")
	if ack := b.request("ACK"); ack.Recipient.User != "moved" {
		t.Errorf("ACK\n%s", ack)
	}
}

// Who takes a dialog over is not who was asked to transfer itself.
func TestTakeOverEndsATransfer(t *testing.T) {
	b := newBed(t)
	leg := b.dial("+4930123")
	invite := b.request("INVITE")
	b.reply(invite, 200, "OK", b.sdp("sendrecv", "0"), "Allow: INVITE, ACK, BYE, REFER")
	b.request("ACK")
	b.event(signalling.Answered)
	leg.Transfer(signalling.Destination{To: signalling.Party{Number: "+4940111"}})
	b.request("REFER")
	old := replaces{invite.CallID().Value(), tagOf(invite.From().Params), b.tag, false}
	b.peer.id, b.peer.tag = newTag(), newTag()
	b.send(b.text("INVITE", "+4930555", b.sdp("sendrecv", "0"), "Replaces: "+old.String()))
	b.event(signalling.NotReferred)
	b.ack(b.response("200 INVITE"), nil)
	b.reply(b.request("BYE"), 200, "OK", nil)
}

// A far end may ask within an early dialog as within any other.
func TestAskedBeforeTheAnswer(t *testing.T) {
	b := newBed(t)
	b.dial("+4930123")
	invite := b.request("INVITE")
	b.send(b.within(invite, "INFO", 2, []byte("Signal=1\r\n"), "Content-Type: application/dtmf-relay"))
	b.response("481 INFO") // of a dialog that is not there yet
	b.reply(invite, 180, "Ringing", nil)
	b.event(signalling.Ringing)
	b.send(b.within(invite, "OPTIONS", 3, nil))
	if res := b.response("200 OPTIONS"); res.GetHeader("Allow") == nil {
		t.Errorf("200\n%s", res)
	}
	b.send(b.within(invite, "INFO", 4, []byte("Signal=1\r\n"), "Content-Type: application/dtmf-relay"))
	b.response("200 INFO")
	b.send(b.within(invite, "NOTIFY", 5, nil, "Event: refer"))
	b.response("481 NOTIFY")
	b.reply(invite, 200, "OK", b.sdp("sendrecv", "0"))
	b.request("ACK")
	b.event(signalling.Answered)
	if e := b.event(signalling.Digit); e.Digit != '1' {
		t.Errorf("digit %c", e.Digit)
	}
}

// A machine that wants digits before it answers gets them by the trunk's own way.
func TestTonesBeforeTheAnswer(t *testing.T) {
	b := newBed(t, func(c *TrunkConfig, _ *timing) { c.DTMF = dtmfInband })
	leg := b.dial("+4930123")
	b.reply(b.request("INVITE"), 183, "Session Progress", b.sdp("sendrecv", "0"))
	b.event(signalling.Early)
	leg.SendDigit('5')
	if got := b.hears(); got[1]&0x7f != 0 {
		t.Errorf("payload type %d", got[1]&0x7f)
	}
}

// A far end that waits for none of our PRACKs gets no more than so many at once.
func TestPracksAreBounded(t *testing.T) {
	b := newBed(t)
	carrier := b.agent.trunks["carrier"]
	o, f := &outgoing{leg: &leg{trunk: carrier}, pracks: maxPracks}, &fork{seq: 1}
	_, res := timed(sure(2)...)
	if o.inOrder(f, res) || f.seq != 1 {
		t.Errorf("one more is under way, up to %d", f.seq)
	}
}

// Who the caller turns out to be while it rings is said with the answer (RFC 5876 §4.1).
func TestCallerChangesBeforeTheAnswer(t *testing.T) {
	b := newBed(t, func(c *TrunkConfig, _ *timing) { c.SendIdentity = assertPAI })
	leg := b.dial("+4930123")
	invite := b.request("INVITE")
	b.reply(invite, 180, "Ringing", nil)
	b.event(signalling.Ringing)
	leg.Show(signalling.View{Party: signalling.Party{Number: "+4940111", Name: "Bob"}})
	b.send(b.within(invite, "OPTIONS", 3, nil)) // which comes after it
	b.response("200 OPTIONS")
	b.reply(invite, 200, "OK", b.sdp("sendrecv", "0"), updates)
	b.request("ACK")
	b.event(signalling.Answered)
	if got := b.request("UPDATE").GetHeader("P-Asserted-Identity").Value(); !strings.HasPrefix(got, `"Bob" <sip:+4940111@`) {
		t.Errorf("now %s", got)
	}
}
