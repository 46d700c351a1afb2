package sip

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/media"
	"roomline/media/offer"
	"roomline/signalling"
)

// able places a call to a far end that says it handles REFER.
func (b *bed) able() (signalling.Leg, *sipmsg.Request) {
	b.t.Helper()
	leg := b.dial("+4930123")
	invite := b.request("INVITE")
	b.reply(invite, 200, "OK", b.sdp("sendrecv", "0"), "Allow: INVITE, BYE, REFER, NOTIFY")
	b.request("ACK")
	b.event(signalling.Answered)
	return leg, invite
}

// tells has the far end say how its transfer goes.
func (b *bed) tells(invite *sipmsg.Request, seq uint32, state, fragment string) {
	b.t.Helper()
	b.send(b.within(invite, "NOTIFY", seq, []byte(fragment), "Event: refer", "Subscription-State: "+state, "Content-Type: message/sipfrag;version=2.0"))
	b.response("200 NOTIFY")
}

var blind = signalling.Destination{To: signalling.Party{Number: "+4930777"}}

// The far end connects itself elsewhere, and says so.
func TestTransfer(t *testing.T) {
	b := newBed(t)
	leg, invite := b.able()
	leg.Transfer(blind)
	refer := b.request("REFER")
	if got := refer.GetHeader("Refer-To").Value(); got != "<sip:+4930777@"+b.addr().String()+">" {
		t.Errorf("Refer-To %s", got)
	}
	if got := refer.GetHeader("Referred-By").Value(); got != "<sip:+4930555@127.0.0.1>" {
		t.Errorf("Referred-By %s", got)
	}
	b.tells(invite, 4, "active;expires=60", "SIP/2.0 100 Trying\r\n") // it may overtake the 202
	b.reply(refer, 202, "Accepted", nil)
	leg.Transfer(blind) // not twice at once
	if e := b.event(signalling.NotReferred); e.Reason.Detail != "another transfer is under way" {
		t.Errorf("%s", e.Reason)
	}
	b.tells(invite, 5, "active", "SIP/2.0 180 Ringing\r\nContent-Length: 0\r\n")
	b.tells(invite, 6, "terminated;reason=noresource", "SIP/2.0 200 OK")
	if e := b.event(signalling.Referred); e.Side != signalling.B {
		t.Errorf("%+v", e)
	}
	b.tells(invite, 9, "terminated", "SIP/2.0 200 OK") // nothing new
	b.tells(invite, 8, "terminated", "SIP/2.0 200 OK") // two that changed places
	b.send(b.within(invite, "NOTIFY", 8, nil, "Event: refer"))
	b.response("500 NOTIFY") // but none twice
	b.send(b.within(invite, "INFO", 7, nil))
	b.response("500 INFO")
	leg.Hangup(signalling.Reason{})
	b.reply(b.request("BYE"), 200, "OK", nil)
	b.gone()
}

func TestTransferThatFails(t *testing.T) {
	for _, c := range []struct {
		name  string
		then  func(b *bed, refer, invite *sipmsg.Request)
		cause signalling.Cause
	}{
		{"refused", func(b *bed, refer, _ *sipmsg.Request) { b.reply(refer, 603, "Decline", nil) }, signalling.Rejected},
		{"busy", func(b *bed, refer, invite *sipmsg.Request) {
			b.reply(refer, 202, "Accepted", nil)
			b.tells(invite, 4, "terminated", "SIP/2.0 486 Busy Here")
		}, signalling.Busy},
		{"expired", func(b *bed, refer, invite *sipmsg.Request) {
			b.reply(refer, 202, "Accepted", nil)
			b.tells(invite, 4, "terminated;reason=timeout", "SIP/2.0 100 Trying")
		}, signalling.Unavailable},
		{"silence", func(b *bed, refer, _ *sipmsg.Request) { b.reply(refer, 202, "Accepted", nil) }, signalling.PeerTimeout},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBed(t, func(_ *TrunkConfig, x *timing) { x.refer = 300 * time.Millisecond })
			leg, invite := b.able()
			leg.Transfer(blind)
			c.then(b, b.request("REFER"), invite)
			if e := b.event(signalling.NotReferred); e.Reason.Cause != c.cause {
				t.Errorf("not referred: %s", e.Reason)
			}
			leg.SendDigit('1') // the call goes on
			b.send(b.within(invite, "BYE", 9, nil))
			b.response("200 BYE")
			b.ended(signalling.NormalClearing)
		})
	}
}

// Who says goodbye after the 202 has gone where it was sent.
func TestTransferAndGone(t *testing.T) {
	b := newBed(t)
	leg, invite := b.able()
	leg.Transfer(blind)
	b.reply(b.request("REFER"), 202, "Accepted", nil)
	b.heard("202 Accepted")
	b.send(b.within(invite, "BYE", 4, nil))
	b.response("200 BYE")
	b.event(signalling.Referred)
	b.ended(signalling.NormalClearing)

	b = newBed(t)
	leg, _ = b.able()
	leg.Transfer(blind)
	b.reply(b.request("REFER"), 202, "Accepted", nil, "Refer-Sub: false") // RFC 4488
	b.event(signalling.Referred)
}

func TestTransferNotAsked(t *testing.T) {
	for name, c := range map[string]struct {
		way, allow string
		dest       signalling.Destination
		want       string
	}{
		"not handled":      {"auto", "INVITE, BYE", blind, "the far end does not transfer calls"},
		"never":            {"bridge", "REFER", blind, "the trunk is not asked to transfer calls"},
		"Matrix user":      {"auto", "REFER", signalling.Destination{To: signalling.Party{User: "@bob:example.org"}}, "not a telephone number"},
		"injected":         {"auto", "REFER", signalling.Destination{To: signalling.Party{Number: "1>\r\nX-Evil: 1"}}, "not a telephone number"},
		"another kind":     {"auto", "REFER", signalling.Destination{With: "other", Leg: nil}, "the other call is not on this trunk"},
		"no dialog's name": {"auto", "REFER", signalling.Destination{To: blind.To, Replaces: "x"}, "not the name of a dialog"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, func(x *TrunkConfig, _ *timing) { x.Transfer = c.way })
			leg := b.dial("+4930123")
			leg.Transfer(blind) // not yet
			b.event(signalling.NotReferred)
			b.reply(b.request("INVITE"), 200, "OK", b.sdp("sendrecv", "0"), "Allow: "+c.allow)
			b.event(signalling.Answered)
			leg.Transfer(c.dest)
			if e := b.event(signalling.NotReferred); e.Reason.Detail != c.want {
				t.Errorf("not referred: %s", e.Reason)
			}
		})
	}
}

func TestTransferToTel(t *testing.T) {
	b := newBed(t, func(c *TrunkConfig, _ *timing) { c.ReferTo, c.Transfer, c.NumberFormat = "tel", "refer", "plus-less" })
	leg, _ := b.answered()
	leg.Transfer(blind)
	if got := b.request("REFER").GetHeader("Refer-To").Value(); got != "<tel:4930777>" {
		t.Errorf("Refer-To %s", got)
	}
}

// The far ends of two calls on one trunk are joined there.
func TestAttendedTransfer(t *testing.T) {
	b := newBed(t)
	first, _ := b.able()
	box := b.box
	b.box, b.seen = signalling.NewInbox("other", discard()), nil
	other, second := b.connected()
	b.box, b.seen = box, nil
	first.Transfer(signalling.Destination{With: "other", Leg: other})
	name := url.QueryEscape(fmt.Sprintf("%s;to-tag=%s;from-tag=%s", second.CallID().Value(), b.peer.tag, b.far))
	if got := b.request("REFER").GetHeader("Refer-To").Value(); got != "<sip:"+b.addr().String()+"?Replaces="+name+">" {
		t.Errorf("Refer-To %s", got)
	}
}

// A REFER waits for a re-INVITE that is under way, and the other way round.
func TestTransferAndHold(t *testing.T) {
	b := newBed(t)
	leg, _ := b.able()
	leg.Show(signalling.View{Held: true})
	re := b.request("INVITE")
	leg.Transfer(blind)
	b.never("REFER", 50*time.Millisecond)
	b.reply(re, 200, "OK", b.sdp("recvonly", "0"))
	b.request("ACK")
	refer := b.request("REFER")
	leg.Show(signalling.View{})
	b.never("INVITE", 50*time.Millisecond)
	b.reply(refer, 405, "Method Not Allowed", nil)
	b.event(signalling.NotReferred)
	if a, err := offer.Parse(b.request("INVITE").Body()); err != nil || a.Direction != offer.SendRecv {
		t.Errorf("offer %s %v", a.Direction, err)
	}
}

// What nobody asked to be told of is refused (RFC 6665 §4.1.3).
func TestStrangeNotify(t *testing.T) {
	b := newBed(t)
	_, invite := b.answered()
	b.send(b.within(invite, "NOTIFY", 5, []byte("SIP/2.0 200 OK"), "Event: refer", "Subscription-State: active", "Content-Type: message/sipfrag"))
	b.response("481 NOTIFY")
	b.send(b.within(invite, "NOTIFY", 6, nil, "o: presence", "Subscription-State: active"))
	b.response("489 NOTIFY")
}

// A challenge within a call is answered once where it is the trunk's own: for the
// realm that took our password when the call began (RFC 3261 §22).
func TestChallengesWithinACall(t *testing.T) {
	b := newBed(t)
	leg := b.dial("+4930123")
	b.reply(b.request("INVITE"), 401, "Unauthorized", nil, challenge)
	invite := b.request("INVITE")
	b.reply(invite, 200, "OK", b.sdp("sendrecv", "0"), "Allow: REFER")
	b.request("ACK")
	b.event(signalling.Answered)

	leg.Show(signalling.View{Held: true})
	b.reply(b.request("INVITE"), 401, "Unauthorized", nil, challenge)
	re := b.request("INVITE")
	right(t, re, "Authorization", "s3cret")
	b.reply(re, 200, "OK", b.sdp("recvonly", "0"))

	leg.Transfer(blind)
	foreign := strings.Replace(challenge, "realm=\"", "realm=\"not ", 1)
	b.reply(b.request("REFER"), 401, "Unauthorized", nil, challenge)
	refer := b.request("REFER")
	right(t, refer, "Authorization", "s3cret")
	b.reply(refer, 401, "Unauthorized", nil, challenge) // once
	b.event(signalling.NotReferred)
	leg.Transfer(blind)
	b.reply(b.request("REFER"), 401, "Unauthorized", nil, foreign) // the password of another's
	b.event(signalling.NotReferred)

	at := "Contact: <sip:" + b.addr().String()
	for i, behind := range []string{"127.0.0.77", "localhost:" + strconv.Itoa(int(b.addr().Port()))} { // whose name the DNS may say to be the trunk's
		b.send(strings.Replace(b.within(invite, "UPDATE", uint32(5+i), nil), at, "Contact: <sip:"+behind, 1))
		b.response("200 UPDATE")
		leg.Transfer(blind) // S10: to somebody behind the trunk, who wants to learn the password
		b.reply(b.request("REFER"), 401, "Unauthorized", nil, challenge)
		b.event(signalling.NotReferred)
		b.never("REFER", 10*time.Millisecond)
	}
	b.send(b.within(invite, "UPDATE", 7, nil))
	b.response("200 UPDATE")

	leg.Hangup(signalling.Reason{})
	b.reply(b.request("BYE"), 401, "Unauthorized", nil, challenge)
	bye := b.request("BYE")
	right(t, bye, "Authorization", "s3cret")
	b.reply(bye, 200, "OK", nil)
	b.gone()
}

// A PBX moves its end of a call: the INVITE takes the dialog's place, and the
// call hears of nobody hanging up (RFC 3891 §3).
func TestTakeOver(t *testing.T) {
	b := newBed(t)
	leg, invite := b.answered()
	old := replaces{invite.CallID().Value(), tagOf(invite.From().Params), b.tag, false}
	for value, status := range map[string]string{
		"nonsense": "400", "x;to-tag=1;from-tag=2": "481", old.callID + ";to-tag=" + old.toTag + ";from-tag=wrong": "481",
		old.String() + ";early-only": "486",
	} {
		b.peer.id = newTag()
		b.send(b.text("INVITE", "+4930555", b.sdp("sendrecv", "0"), "Replaces: "+value, "Require: replaces"))
		b.response(status)
	}
	b.peer.id, b.rtp = newTag(), socket(t, "127.0.0.1")
	b.send(b.text("INVITE", "+4930555", b.sdp("sendrecv", "9"), "Replaces: "+old.String()))
	b.response("488")
	b.peer.id, b.peer.tag = newTag(), newTag()
	b.send(b.text("INVITE", "+4930555", b.sdp("sendrecv", "0"), "Replaces: "+old.String(), "Require: replaces"))
	var res *sipmsg.Response
	var bye *sipmsg.Request
	for res == nil || bye == nil {
		switch m := (<-b.got).(type) {
		case *sipmsg.Response:
			if m.StatusCode == 200 {
				res = m
			}
		case *sipmsg.Request:
			if m.Method == sipmsg.BYE {
				bye = m
			}
		}
	}
	if bye.CallID().Value() != old.callID || rtpOf(t, res.Body()) != rtpOf(t, invite.Body()) {
		t.Errorf("BYE\n%s\n200\n%s", bye, res)
	}
	b.reply(bye, 200, "OK", nil)
	b.ack(res, nil)
	if e := b.event(signalling.Identified); e.Party != (signalling.Party{Number: "+4940111", Name: "Bob"}) {
		t.Errorf("%+v", e.Party)
	}
	heard := make(chan media.Packet, 20)
	leg.Media().SendTo(sink(heard))
	for late := time.Now().Add(patience); len(heard) == 0 && time.Now().Before(late); {
		b.says(rtpOf(t, res.Body()), 1)
		b.never("BYE", 10*time.Millisecond)
	}
	if len(heard) == 0 {
		t.Error("who took over is not heard")
	}
	b.send(b.with(11).text("BYE", "+4930555", nil))
	b.response("200 BYE")
	b.ended(signalling.NormalClearing)
}

// An INVITE that was given up before anybody saw it takes nothing over.
func TestTakeOverGivenUp(t *testing.T) {
	b := newBed(t, func(c *TrunkConfig, _ *timing) { c.Transfer = "refer" })
	asked, slow := make(chan struct{}, 1), make(chan struct{})
	b.agent.resolve = func(context.Context, string) ([]netip.Addr, error) {
		asked <- struct{}{}
		<-slow
		return nil, nil
	}
	leg, invite := b.answered()
	update := strings.Replace(b.within(invite, "UPDATE", 5, nil), "Contact: <sip:"+b.addr().String(), "Contact: <sip:slow.test", 1)
	b.send(update)
	b.response("200 UPDATE")
	leg.Transfer(signalling.Destination{To: signalling.Party{Number: "+4930700"}})
	<-asked // the leg is busy
	old := replaces{invite.CallID().Value(), tagOf(invite.From().Params), b.tag, false}
	b.peer.id, b.peer.seq = newTag(), 20
	text := b.text("INVITE", "+4930555", b.sdp("sendrecv", "0"), "Replaces: "+old.String())
	b.send(text)
	b.response("100")
	cancel := strings.ReplaceAll(text[:strings.Index(text, "Replaces")], "INVITE", "CANCEL")
	b.send(cancel + "Content-Length: 0\r\n\r\n")
	b.response("487 INVITE")
	close(slow)
	refer := b.request("REFER")
	if refer.CallID().Value() != old.callID {
		t.Errorf("REFER\n%s", refer)
	}
	b.reply(refer, 603, "Decline", nil)
	b.event(signalling.NotReferred)
	b.send(b.within(invite, "BYE", 6, nil))
	b.response("200 BYE")
	b.ended(signalling.NormalClearing)
}

// What Asterisk says of a transfer that it does, and of who is there now.
func TestTranscribedTransfer(t *testing.T) {
	var told []string
	trusted := &trunk{TrunkConfig: TrunkConfig{TrustIdentity: true}}
	for _, text := range transcripts(t) {
		msg, err := sipmsg.ParseMessage(text)
		req, ok := msg.(*sipmsg.Request)
		if err != nil || !ok {
			continue
		}
		switch req.Method {
		case sipmsg.NOTIFY:
			status, words := fragment(request{Request: req})
			told = append(told, fmt.Sprintf("%d %q %t", status, words, expired(request{Request: req})))
		case sipmsg.UPDATE:
			if who, ok := identity(req, trusted); ok {
				told = append(told, who.Number+" "+who.Name)
			}
		}
	}
	want := []string{"+493023125998 Dora", `200 "200 OK" true`, `100 "100 Trying" false`, `200 "200 OK" true`}
	if strings.Join(told, ", ") != strings.Join(want, ", ") {
		t.Errorf("told %q, want %q", told, want)
	}
}
