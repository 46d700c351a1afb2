package sip

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/media"
	"roomline/signalling"
)

// told waits for a NOTIFY and checks what it says.
func (b *bed) told(event, state, fragment string) {
	b.t.Helper()
	n := b.request("NOTIFY")
	if n.GetHeader("Event").Value() != event || !strings.HasPrefix(n.GetHeader("Subscription-State").Value(), state) ||
		string(n.Body()) != "SIP/2.0 "+fragment+"\r\n" || !isType(n, fragType) {
		b.t.Errorf("NOTIFY\n%s", n)
	}
	b.reply(n, 200, "OK", nil)
}

// A telephone transfers blindly: it is told how that goes, and has the first
// word in hanging up.
func TestReferReceived(t *testing.T) {
	for name, c := range map[string]struct{ header, want string }{
		"sip":          {"Refer-To: <sip:+49-30-777@carrier.example;user=phone>", "+4930777"},
		"as Asterisk":  {"Refer-To: sip:600@127.7.0.1:5060", "600"},
		"national":     {"Refer-To: <sip:0900123456@h>", "+49900123456"}, // S15: permissions see the whole number
		"compact":      {"r: <sips:600@h>", "600"},
		"tel":          {`Refer-To: "Bob" <tel:+49-30-777;ext=1>`, "+4930777"},
		"unknown part": {"Refer-To: <sip:600@h?Subject=x>;x=y", "600"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			leg, invite := b.answered()
			b.send(b.within(invite, "REFER", 5, nil, c.header, "Referred-By: <sip:x@y>"))
			if b.response("202 REFER").Contact() == nil {
				t.Error("no Contact")
			}
			b.told("refer", "active", "100 Trying")
			if e := b.event(signalling.Refer); e.To != (signalling.Destination{To: signalling.Party{Number: c.want}}) || e.Side != signalling.B {
				t.Errorf("%+v", e)
			}
			b.send(b.within(invite, "REFER", 6, nil, c.header)) // while the first is pending
			b.response("491 REFER")
			leg.Transferred(signalling.Reason{})
			leg.Hangup(signalling.Reason{})
			b.told("refer", "terminated", "200 OK")
			b.never("BYE", 100*time.Millisecond)
			b.send(b.within(invite, "BYE", 7, nil))
			b.response("200 BYE")
			b.gone()
		})
	}
}

// Who was transferred and does not hang up is hung up on.
func TestReferWithoutGoodbye(t *testing.T) {
	b := newBed(t, func(_ *TrunkConfig, x *timing) { x.linger = 50 * time.Millisecond })
	leg, invite := b.answered()
	b.send(b.within(invite, "REFER", 5, nil, "Refer-To: <sip:600@h>", "Refer-Sub: false"))
	if b.response("202 REFER").GetHeader("Refer-Sub").Value() != "false" {
		t.Error("no Refer-Sub")
	}
	b.event(signalling.Refer)
	leg.Transferred(signalling.Reason{})
	leg.Hangup(signalling.Reason{})
	b.reply(b.request("BYE"), 200, "OK", nil) // and no NOTIFY before: RFC 4488
	b.gone()
	if strings.Contains(b.ladder(), "NOTIFY") {
		t.Errorf("ladder %s", b.ladder())
	}
}

// A transfer that fails leaves the call as it was, and may be tried again.
func TestReferThatFails(t *testing.T) {
	b := newBed(t)
	leg, invite := b.answered()
	b.send(b.within(invite, "REFER", 5, nil, "Refer-To: <sip:600@h>"))
	b.response("202 REFER")
	b.told("refer", "active", "100 Trying")
	b.event(signalling.Refer)
	leg.Transferred(signalling.Reason{Cause: signalling.Busy})
	b.told("refer", "terminated", "486 Busy Here")
	b.send(b.within(invite, "REFER", 6, nil, "Refer-To: <sip:601@h>"))
	b.response("202 REFER")
	b.told("refer;id=6", "active", "100 Trying") // RFC 3515 §2.4.6
	b.event(signalling.Refer)
	leg.Hangup(signalling.Reason{}) // the other side left meanwhile
	b.told("refer;id=6", "terminated", "480 Temporarily Unavailable")
	b.reply(b.request("BYE"), 200, "OK", nil)
	b.gone()
}

// A telephone may hang up as soon as its REFER is accepted.
func TestReferAndGone(t *testing.T) {
	b := newBed(t)
	leg, invite := b.answered()
	b.send(b.within(invite, "REFER", 5, nil, "Refer-To: <sip:600@h>"))
	b.response("202 REFER")
	b.send(b.within(invite, "BYE", 6, nil))
	b.response("200 BYE")
	b.event(signalling.Refer)
	leg.Transferred(signalling.Reason{})
	b.ended(signalling.NormalClearing)
}

// A telephone that talks to two of us joins the two: the dialog that it
// names is found by its tags, whichever way round it writes them.
func TestAttendedReferReceived(t *testing.T) {
	for _, swapped := range []bool{false, true} {
		b := newBed(t)
		_, first := b.answered()
		box := b.box
		b.box, b.seen = signalling.NewInbox("other", discard()), nil
		_, second := b.connected()
		other := replaces{second.CallID().Value(), b.far, b.peer.tag, false}
		if swapped {
			other.toTag, other.fromTag = other.fromTag, other.toTag
		}
		b.box, b.seen = box, nil
		b.send(b.within(first, "REFER", 5, nil, "Refer-To: <sip:"+b.to.String()+"?Require=replaces&Replaces="+url.QueryEscape(other.String())+">"))
		b.response("202 REFER")
		b.told("refer", "active", "100 Trying")
		if e := b.event(signalling.Refer); e.To != (signalling.Destination{With: "other", WithSide: signalling.A}) {
			t.Errorf("%+v", e.To)
		}
	}
}

// A dialog that is not ours is replaced by the new call.
func TestAttendedReferElsewhere(t *testing.T) {
	b := newBed(t)
	_, invite := b.answered()
	b.send(b.within(invite, "REFER", 5, nil, "Refer-To: <sip:600@h?Replaces=abc%40h%3Bto-tag%3D1%3Bfrom-tag%3D2%3Bearly-only>"))
	b.response("202 REFER")
	b.told("refer", "active", "100 Trying")
	want := signalling.Destination{To: signalling.Party{Number: "600"}, Replaces: "abc@h;to-tag=1;from-tag=2;early-only"}
	if e := b.event(signalling.Refer); e.To != want {
		t.Errorf("%+v", e.To)
	}
	b = newBed(t)
	d, _ := b.agent.Trunk("carrier")
	d.Dial(signalling.Target{To: want.To, Replaces: want.Replaces}, []media.Format{media.PCMU}, b.box)
	invite = b.request("INVITE")
	if invite.GetHeader("Replaces").Value() != want.Replaces || invite.GetHeader("Require").Value() != "replaces" {
		t.Errorf("INVITE\n%s", invite)
	}
	b.reply(invite, 481, "Call/Transaction Does Not Exist", nil)
	b.ended(signalling.TrunkFailure)
}

func TestReferRefused(t *testing.T) {
	b := newBed(t)
	_, invite := b.answered()
	own := url.QueryEscape(replaces{invite.CallID().Value(), tagOf(invite.From().Params), b.tag, false}.String())
	for i, c := range []struct {
		headers string
		status  int
	}{
		{"X-None: 1", 400},
		{"Refer-To: <sip:1@h>\r\nRefer-To: <sip:2@h>", 400},
		{"Refer-To: <sip:1@h>, <sip:2@h>", 400},
		{"Refer-To: <sip:1@h>\r\nr: <sip:2@h>", 400},
		{"Refer-To: <http://evil/>", 400},
		{"Refer-To: <sip:h>", 400},
		{"Refer-To: <sip:1@h;method=BYE>", 400},
		{"Refer-To: <sip:1@h;METHOD=SUBSCRIBE>", 400},
		{"Refer-To: <sip:1@h?Replaces=x>", 400},
		{"Refer-To: <sip:1@h?Replaces=x%3Bto-tag%3Da%0d%0aX-Evil:1%3Bfrom-tag%3Db>", 400},
		{"Refer-To: <sip:1@h?Replaces=x%3Bto-tag%3Da%3Bto-tag%3Dc%3Bfrom-tag%3Db>", 400},
		{"Refer-To: <sip:1@h?Replaces=" + strings.Repeat("x", 2000) + ">", 400},
		{"Refer-To: <sip:1@h?Replaces=" + own + ">", 400}, // itself
		{"Refer-To: <<<;;;\"", 400},
		{"Refer-To: \"", 400},
		{"Refer-To:", 400},
		{"Refer-To: <sip:%00@h>", 400},
		{"Refer-To: <sip:1@h>\r\nRequire: tdialog", 420},
	} {
		b.send(b.within(invite, "REFER", uint32(5+i), nil, c.headers))
		b.response(fmt.Sprintf("%d REFER", c.status))
	}
	b.send(b.text("REFER", "x", nil, "Refer-To: <sip:600@h>")) // of no dialog
	b.response("403 REFER")
	b.id = newTag()
	b.send(b.text("NOTIFY", "x", nil, "Event: refer"))
	b.response("481 NOTIFY")

	b = newBed(t, func(c *TrunkConfig, _ *timing) { c.AcceptRefer = TrunkDefaults().AcceptRefer })
	_, invite = b.answered()
	b.send(b.within(invite, "REFER", 5, nil, "Refer-To: <sip:600@h>"))
	if allow := b.response("405 REFER").GetHeader("Allow").Value(); strings.Contains(allow, "REFER") {
		t.Errorf("Allow: %s", allow)
	}
}

func TestReferOfRingingCall(t *testing.T) {
	b := newBed(t)
	b.send(b.text("INVITE", "+4930555", b.sdp("sendrecv", "0")))
	b.rung().Ring()
	b.far = tagOf(b.response("180").To().Params)
	b.send(b.with(11).text("REFER", "+4930555", nil, "Refer-To: <sip:600@h>"))
	b.response("403 REFER")
}

func FuzzReferTo(f *testing.F) {
	for _, s := range []string{"<sip:600@h>", "sip:600@127.7.0.1:5060", "<tel:+49>", "<sip:x?Replaces=a%40h%3Bto-tag%3D1%3Bfrom-tag%3D2>",
		`"x, y" <sips:1@[::1]:5061;method=INVITE?a=b&c>;d`, "<sip:1@h?Replaces=a;to-tag=1;from-tag=2>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		to, ok := parseReferTo(s)
		if ok && (len(to.number) > maxNumber || len(to.replaces) > maxReplaces+64 || strings.ContainsAny(to.number+to.replaces, "\r\n\"<>, ")) {
			t.Errorf("%q is %+v", s, to)
		}
		if r, ok := parseReplaces(s); ok {
			if again, same := parseReplaces(r.String()); !same || again != r {
				t.Errorf("%q is %+v, and then %+v", s, r, again)
			}
		}
		p := &trunk{TrunkConfig: TrunkDefaults()}
		req := sipmsg.NewRequest(sipmsg.NOTIFY, sipmsg.Uri{Scheme: "sip", Host: "h"})
		for _, name := range []string{"P-Asserted-Identity", "Remote-Party-ID", "Privacy", "Allow", "Event"} {
			req.AppendHeader(sipmsg.NewHeader(name, s))
		}
		if who, ok := identity(req, p); ok && (len(who.Number) > maxNumber || strings.ContainsAny(who.Number+who.Name, "\r\n\"<>")) {
			t.Errorf("%q is %+v", s, who)
		}
		for _, name := range []string{"Session-Expires", "Min-SE", "Supported"} {
			req.AppendHeader(sipmsg.NewHeader(name, s))
		}
		timer := session{want: 1800, least: 90, unit: time.Hour}
		timer.judge(req)
		timer.answer(req, sipmsg.NewResponse(200, "OK"))
		if timer.stop(); timer.agreed != 0 || timer.wish() < 0 {
			t.Errorf("%q is the timer %+v", s, timer)
		}
		if d, ok := digitOf([]byte(s)); ok && !strings.ContainsRune("0123456789*#ABCD", rune(d)) {
			t.Errorf("%q is the digit %q", s, d)
		}
		req.AppendHeader(sipmsg.NewHeader("Content-Type", fragType))
		ct := sipmsg.ContentTypeHeader(fragType)
		req.AppendHeader(&ct)
		req.SetBody([]byte(s))
		if status, words := fragment(request{Request: req}); status < 0 || status > 999 || len([]rune(words)) > maxName {
			t.Errorf("%q is %d %s", s, status, words)
		}
	})
}
