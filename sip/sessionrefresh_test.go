package sip

import (
	"strings"
	"testing"
	"time"

	"roomline/media"
	"roomline/media/offer"
	"roomline/signalling"
)

// brisk makes the seconds of session timers milliseconds.
func brisk(c *TrunkConfig, x *timing) {
	c.SessionExpires, x.second = 3000*time.Second, time.Millisecond
}

const updates = "Allow: INVITE, ACK, CANCEL, BYE, UPDATE"

// RFC 4028 §7.1: what we ask for; §7.3: a 422, also between two challenges.
func TestSessionTimerOfOurCall(t *testing.T) {
	b := newBed(t)
	leg := b.dial("+4930123")
	invite := b.request("INVITE")
	if valueOf(invite, "session-expires") != "1800" || valueOf(invite, "min-se") != "90" || !knowsTimer(invite) {
		t.Errorf("asked for\n%s", invite)
	}
	b.reply(invite, 422, "Session Interval Too Small", nil, "Min-SE: 3600")
	b.request("ACK")
	invite = b.request("INVITE")
	if valueOf(invite, "session-expires") != "3600" || valueOf(invite, "min-se") != "3600" {
		t.Errorf("asked again for\n%s", invite)
	}
	b.reply(invite, 422, "Session Interval Too Small", nil, "Min-SE: 3600") // senseless
	b.request("ACK")
	if why := b.ended(signalling.TrunkFailure); !strings.HasPrefix(why.Detail, "422") {
		t.Errorf("detail %q", why.Detail)
	}
	leg.Hangup(signalling.Reason{})
}

func TestSessionTimerOfTheirCall(t *testing.T) {
	b := newBed(t)
	b.send(b.text("INVITE", "+4930555", b.sdp("sendrecv", "0"), "Supported: timer", "Require: timer", "Session-Expires: 60"))
	if res := b.response("422"); valueOf(res, "min-se") != "90" {
		t.Errorf("refused with\n%s", res)
	}
	b.id = newTag()
	b.send(b.text("INVITE", "+4930555", b.sdp("sendrecv", "0"), "Supported: timer", "Require: timer", "Session-Expires: 90;refresher=uac"))
	b.rung().Answer(media.PCMU)
	res := b.response("200 INVITE")
	if valueOf(res, "session-expires") != "90;refresher=uac" || valueOf(res, "require") != "timer" {
		t.Errorf("answered with\n%s", res)
	}
	b.ack(res, nil)
	b.event(signalling.Confirmed)
}

// We refresh by UPDATE at half the interval; a far end that does not know it
// in spite of its Allow gets a re-INVITE, with the very description it has.
func TestWeRefresh(t *testing.T) {
	t.Parallel()
	b := newBed(t, brisk)
	b.dial("+4930123")
	invite := b.request("INVITE")
	b.reply(invite, 200, "OK", b.sdp("sendrecv", "0 8"), updates, "Supported: timer", "Session-Expires: 600;refresher=uac")
	b.request("ACK")
	b.event(signalling.Answered)
	update := b.request("UPDATE")
	if valueOf(update, "session-expires") != "600;refresher=uac" || len(update.Body()) != 0 || update.Contact() == nil {
		t.Errorf("refreshed by\n%s", update)
	}
	b.reply(update, 200, "OK", nil, "Session-Expires: 600;refresher=uac")
	b.reply(b.request("UPDATE"), 422, "Session Interval Too Small", nil, "Min-SE: 700")
	update = b.request("UPDATE")
	if valueOf(update, "session-expires") != "700;refresher=uac" {
		t.Errorf("asked again for\n%s", update)
	}
	b.reply(update, 501, "Not Implemented", nil)
	first := b.request("INVITE")
	b.reply(first, 200, "OK", b.sdp("sendrecv", "0"), "Session-Expires: 700;refresher=uac")
	b.request("ACK")
	second := b.request("INVITE")
	if string(first.Body()) != string(second.Body()) {
		t.Errorf("the description changed from\n%s\nto\n%s", first.Body(), second.Body())
	}
	b.reply(second, 500, "Server Internal Error", nil, "Retry-After: 3") // it is there, so the call goes on
	b.request("ACK")
	b.reply(b.request("INVITE"), 481, "Call/Transaction Does Not Exist", nil)
	b.reply(b.request("BYE"), 481, "Call/Transaction Does Not Exist", nil)
	b.ended(signalling.PeerTimeout)
}

func TestRefreshFindsNoCall(t *testing.T) {
	t.Parallel()
	b := newBed(t, brisk)
	b.dial("+4930123")
	b.reply(b.request("INVITE"), 200, "OK", b.sdp("sendrecv", "0"), updates, "Supported: timer", "Session-Expires: 400;refresher=uac")
	b.request("ACK")
	b.event(signalling.Answered)
	b.reply(b.request("UPDATE"), 408, "Request Timeout", nil)
	b.reply(b.request("BYE"), 481, "Call/Transaction Does Not Exist", nil)
	if why := b.ended(signalling.PeerTimeout); !strings.HasPrefix(why.Detail, "408") {
		t.Errorf("detail %q", why.Detail)
	}
}

// The far end should refresh: as long as it does the call goes on, and ends
// shortly before the interval does if it does not.
func TestFarEndRefreshes(t *testing.T) {
	t.Parallel()
	b := newBed(t, brisk)
	b.send(b.text("INVITE", "+4930555", b.sdp("sendrecv", "0"), "Supported: timer", "Session-Expires: 3000;refresher=uac"))
	b.rung().Answer(media.PCMU)
	res := b.response("200 INVITE")
	b.ack(res, nil)
	b.event(signalling.Confirmed)
	begun := time.Now()
	for i := range 2 {
		b.never("BYE", 250*time.Millisecond)
		b.seq++
		if i == 1 {
			b.send(b.text("UPDATE", "+4930555", nil, "Supported: timer", "Session-Expires: 3000;refresher=uac"))
			res = b.response("200 UPDATE")
		} else {
			b.send(b.text("INVITE", "+4930555", b.sdp("sendrecv", "0"), "Supported: timer", "Session-Expires: 3000;refresher=uac"))
			res = b.response("200 INVITE")
			b.ack(res, nil)
		}
		if valueOf(res, "session-expires") != "3000;refresher=uac" {
			t.Errorf("%d: answered\n%s", i, res)
		}
	}
	b.reply(b.request("BYE"), 200, "OK", nil)
	if lasted := time.Since(begun); lasted < 3200*time.Millisecond {
		t.Errorf("it ended after %v", lasted)
	}
	if why := b.ended(signalling.PeerTimeout); why.Detail != "the far end did not refresh the session" {
		t.Errorf("detail %q", why.Detail)
	}
}

// A refresh of the far end's that asks for too little changes nothing.
func TestShortRefreshIsRefused(t *testing.T) {
	b := newBed(t)
	_, res := b.connected()
	before, err := offer.Parse(res.Body())
	if err != nil {
		t.Fatal(err)
	}
	for _, method := range []string{"INVITE", "UPDATE"} {
		b.seq++
		b.send(b.text(method, "+4930555", b.sdp("inactive", "0"), "Supported: timer", "Session-Expires: 30"))
		if res := b.response("422"); valueOf(res, "min-se") != "90" {
			t.Errorf("%s refused with\n%s", method, res)
		}
	}
	b.seq += 2
	b.send(b.text("INVITE", "+4930555", nil)) // and our description is what it was
	res = b.response("200 INVITE")
	if now, err := offer.Parse(res.Body()); err != nil || now.Direction != before.Direction {
		t.Errorf("now %s: %v", now.Direction, err)
	}
	b.ack(res, b.sdp("sendrecv", "0"))
}

// Who takes a dialog over (RFC 3891) agrees on a timer of its own; that of the
// dialog before ends with it.
func TestTimerOfATakeOver(t *testing.T) {
	t.Parallel()
	b := newBed(t, brisk)
	b.dial("+4930123")
	invite := b.request("INVITE")
	b.reply(invite, 200, "OK", b.sdp("sendrecv", "0"), updates, "Supported: timer", "Session-Expires: 2900;refresher=uas")
	b.request("ACK")
	b.event(signalling.Answered)
	old := replaces{invite.CallID().Value(), tagOf(invite.From().Params), b.tag, false}
	b.peer.id, b.peer.tag = newTag(), newTag()
	b.send(b.text("INVITE", "+4930555", b.sdp("sendrecv", "0"), "Replaces: "+old.String(), "Supported: timer", "Session-Expires: 2800;refresher=uas"))
	res := b.response("200 INVITE")
	if got := valueOf(res, "session-expires"); got != "2800;refresher=uas" {
		t.Errorf("answered %s", got)
	}
	b.ack(res, nil)
	b.reply(b.request("BYE"), 200, "OK", nil) // of the dialog before
	for range 3 {                             // and the call outlives the first timer
		re := b.request("INVITE")
		if re.CallID().Value() != b.peer.id {
			t.Fatalf("refreshed by\n%s", re)
		}
		b.reply(re, 200, "OK", b.sdp("sendrecv", "0"), "Session-Expires: 2800;refresher=uac")
		b.request("ACK")
	}
	b.never("BYE", 500*time.Millisecond)
}
