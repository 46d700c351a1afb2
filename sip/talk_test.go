package sip

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"roomline/media"
	"roomline/media/offer"
	"roomline/signalling"
)

// S18: a BYE with a guessed tag or Call-ID, from elsewhere, or with an older CSeq
// ends nothing.
func TestForgedGoodbyes(t *testing.T) {
	b := newBed(t, func(c *TrunkConfig, _ *timing) { c.AllowFrom = []string{"127.0.0.3"} })
	leg, invite := b.answered()
	text := b.within(invite, "BYE", 7, nil)
	tag := tagOf(invite.From().Params)
	b.send(strings.Replace(text, "tag="+b.tag, "tag=guess", 1))
	b.response("481 BYE")
	b.send(strings.Replace(text, tag, newTag(), 1))
	b.response("481 BYE")
	b.send(strings.Replace(text, invite.CallID().Value(), "guess", 1))
	b.response("481 BYE")
	b.send(strings.Replace(b.within(invite, "INVITE", 6, b.sdp("sendonly", "0")), "tag="+b.tag, "tag=guess", 1))
	b.response("481 INVITE")
	stranger := newPeer(t, "127.0.0.2")
	stranger.to = b.to
	stranger.send(text)
	stranger.never("481", 100*time.Millisecond)
	if b.agent.Dropped() == 0 {
		t.Error("the stranger was not counted")
	}
	b.send(b.within(invite, "INFO", 9, []byte("5"), "Content-Type: application/dtmf"))
	b.response("200 INFO")
	if e := b.event(signalling.Digit); e.Digit != '5' {
		t.Errorf("digit %c", e.Digit)
	}
	b.send(b.within(invite, "BYE", 8, nil)) // an older CSeq: replayed
	b.response("500 BYE")
	leg.Hangup(signalling.Reason{})
	b.reply(b.request("BYE"), 200, "OK", nil)
	b.gone()
}

// Two trunks: one may not end the other's calls, though both are known.
func TestOtherTrunksGoodbye(t *testing.T) {
	p, q := newPeer(t, "127.0.0.1"), newPeer(t, "127.0.0.2")
	a := startAgent(t, map[string]TrunkConfig{
		"p": {Host: p.addr().String(), Numbers: []string{"+49301"}}, "q": {Host: q.addr().String(), Numbers: []string{"+49302"}},
	}, newPorts(t), &board{}, realTiming())
	p.to, q.to = a.listeners[0].addr, a.listeners[0].addr
	b := &bed{peer: p, agent: a, box: signalling.NewInbox("x", a.log)}
	d, _ := a.Trunk("p")
	d.Dial(signalling.Target{To: signalling.Party{Number: "1"}}, []media.Format{media.PCMU}, b.box)
	invite := p.request("INVITE")
	p.reply(invite, 200, "OK", p.sdp("sendrecv", "0"))
	b.event(signalling.Answered)
	q.send(p.within(invite, "BYE", 7, nil))
	q.response("481 BYE")
	p.send(p.within(invite, "OPTIONS", 8, nil))
	p.response("200 OPTIONS")
}

func TestReinviteWithNewAddress(t *testing.T) {
	b := newBed(t)
	leg, invite := b.answered()
	b.rtp = socket(t, "127.0.0.1")
	b.send(b.within(invite, "INVITE", 5, b.sdp("sendrecv", "0")))
	res := b.response("200 INVITE")
	b.send(b.within(invite, "ACK", 5, nil))
	if rtpOf(t, res.Body()) != rtpOf(t, invite.Body()) {
		t.Error("our own address changed")
	}
	buf, heard := make([]byte, 200), false
	for late := time.Now().Add(patience); !heard && time.Now().Before(late); {
		if err := leg.Media().WritePacket(&media.Packet{Payload: make([]byte, 160), Clock: 8000}); err != nil {
			t.Fatal(err)
		}
		b.rtp.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		_, _, err := b.rtp.ReadFromUDPAddrPort(buf)
		heard = err == nil
	}
	if !heard {
		t.Error("nothing was heard at the new address")
	}
	b.send(b.within(invite, "INVITE", 6, b.sdp("sendrecv", "9"))) // a codec that this call does not have
	b.response("488")
	b.send(b.within(invite, "INVITE", 7, nil)) // a question for our offer
	res = b.response("200 INVITE")
	if a, err := offer.Parse(res.Body()); err != nil || len(a.Formats()) != 1 || a.Formats()[0] != media.PCMU {
		t.Errorf("our offer %v %v", a.Formats(), err)
	}
	b.send(b.within(invite, "ACK", 7, b.sdp("sendrecv", "0")))
	leg.Hangup(signalling.Reason{})
	b.reply(b.request("BYE"), 200, "OK", nil)
	b.gone()
}

func TestFarEndHolds(t *testing.T) {
	b := newBed(t)
	_, invite := b.answered()
	for i, c := range []struct {
		sdp    string
		answer offer.Direction
		want   signalling.Kind
		silent bool
	}{
		{string(b.sdp("sendonly", "0")), offer.RecvOnly, signalling.Held, false},
		{string(b.sdp("sendonly", "0")), offer.RecvOnly, signalling.Gone, false},
		{string(b.sdp("inactive", "0")), offer.Inactive, signalling.Held, true}, // its music ends
		{string(b.sdp("sendrecv", "0")), offer.SendRecv, signalling.Resumed, false},
		{strings.Replace(string(b.sdp("sendrecv", "0")), "c=IN IP4 127.0.0.1", "c=IN IP4 0.0.0.0", 1), offer.RecvOnly, signalling.Held, true},
		{string(b.sdp("inactive", "0")), offer.Inactive, signalling.Gone, true},
		{string(b.sdp("sendrecv", "0")), offer.SendRecv, signalling.Resumed, false},
	} {
		seq := uint32(5 + i)
		b.send(b.within(invite, "INVITE", seq, []byte(c.sdp)))
		res := b.response("200 INVITE")
		if a, err := offer.Parse(res.Body()); err != nil || a.Direction != c.answer {
			t.Errorf("%d: answered %s, want %s (%v)", i, a.Direction, c.answer, err)
		}
		b.send(b.within(invite, "ACK", seq, nil))
		if c.want == signalling.Gone { // still held in the same way: said once
			continue
		}
		if e := b.event(c.want); e.Silent != c.silent {
			t.Errorf("%d: silent is %t", i, e.Silent)
		}
	}
}

func TestWeHold(t *testing.T) {
	b := newBed(t, func(_ *TrunkConfig, x *timing) { x.glare = time.Millisecond })
	leg, invite := b.answered()
	leg.Show(signalling.View{Held: true})
	re := b.request("INVITE")
	if a, err := offer.Parse(re.Body()); err != nil || a.Direction != offer.SendOnly {
		t.Errorf("direction %s %v", a.Direction, err)
	}
	b.send(b.within(invite, "INVITE", 5, b.sdp("sendrecv", "0"))) // glare
	b.response("491")
	b.reply(re, 491, "Request Pending", nil)
	b.request("ACK")
	re = b.request("INVITE") // once more, after a random wait
	b.reply(re, 200, "OK", b.sdp("recvonly", "0"))
	b.request("ACK")
	leg.Show(signalling.View{Held: true}) // already so
	for range 3 {                         // it hears the music that the call writes
		if err := leg.Media().WritePacket(&media.Packet{Payload: make([]byte, 160), Clock: 8000}); err != nil {
			t.Fatal(err)
		}
		b.hears()
	}
	leg.Show(signalling.View{Held: false})
	re = b.request("INVITE")
	if a, err := offer.Parse(re.Body()); err != nil || a.Direction != offer.SendRecv {
		t.Errorf("direction %s %v", a.Direction, err)
	}
	b.reply(re, 481, "Call/Transaction Does Not Exist", nil)
	b.reply(b.request("BYE"), 481, "Call/Transaction Does Not Exist", nil)
	b.ended(signalling.PeerTimeout)
}

func TestDigits(t *testing.T) {
	b := newBed(t)
	leg, invite := b.answered()
	leg.SendDigit('7')
	for {
		if p := b.hears(); p[1]&0x7f == 101 {
			if p[12] != 7 {
				t.Errorf("event %d", p[12])
			}
			break
		}
	}
	for i, c := range []struct {
		kind, body string
		want       byte
	}{
		{"application/dtmf-relay", "Signal=#\r\nDuration=160\r\n", '#'},
		{"application/dtmf-relay", "Signal= 10\r\n", '*'},
		{"application/dtmf", "a", 'A'},
	} {
		b.send(b.within(invite, "INFO", uint32(20+i), []byte(c.body), "Content-Type: "+c.kind))
		b.response("200 INFO")
		if e := b.event(signalling.Digit); e.Digit != c.want {
			t.Errorf("%q is %c", c.body, e.Digit)
		}
	}
	b.send(b.within(invite, "INFO", 40, []byte("x"), "Content-Type: text/plain"))
	b.response("415 INFO")
	b.send(b.within(invite, "INFO", 41, nil))
	b.response("200 INFO")
}

func TestAudioStops(t *testing.T) {
	t.Parallel()
	b := newBed(t, func(c *TrunkConfig, x *timing) {
		c.SilenceTimeout, x.watch, x.silence = time.Second, 50*time.Millisecond, time.Second
	})
	_, invite := b.answered()
	b.says(rtpOf(t, invite.Body()), 5)
	b.reply(b.request("BYE"), 200, "OK", nil)
	if why := b.ended(signalling.MediaLost); why.Detail != "no audio from the trunk for 1 s" {
		t.Errorf("detail %q", why.Detail)
	}
}

func TestSilenceOnHold(t *testing.T) {
	t.Parallel()
	b := newBed(t, func(c *TrunkConfig, x *timing) {
		c.SilenceTimeout, x.watch, x.silence = time.Second, 50*time.Millisecond, time.Second
	})
	_, invite := b.answered()
	b.send(b.within(invite, "INVITE", 5, b.sdp("sendonly", "0")))
	b.response("200 INVITE")
	b.send(b.within(invite, "ACK", 5, nil))
	b.event(signalling.Held)
	b.never("BYE", 1500*time.Millisecond)
}

// Two legs and a real switchboard between them: what one says the other hears.
func TestBridgedCall(t *testing.T) {
	caller, callee := newPeer(t, "127.0.0.1"), newPeer(t, "127.0.0.2")
	reports := make(chan signalling.Record, 1)
	x := signalling.NewExchange(signalling.Options{Router: toTrunk("b"), Limits: signalling.DefaultLimits(), Max: 10,
		Report: func(r signalling.Record) { reports <- r }, Log: discard()})
	a := startAgent(t, map[string]TrunkConfig{
		"a": {Host: caller.addr().String(), Numbers: []string{"+4930555"}}, "b": {Host: callee.addr().String(), Numbers: []string{"+4930666"}},
	}, newPorts(t), x, realTiming())
	d, _ := a.Trunk("b")
	x.Connect("b", d)
	t.Cleanup(x.Stop)
	caller.to, callee.to = a.listeners[0].addr, a.listeners[0].addr

	caller.send(caller.text("INVITE", "+4930555", caller.sdp("sendrecv", "0 8")))
	invite := callee.request("INVITE")
	callee.reply(invite, 180, "Ringing", nil)
	caller.response("180")
	callee.reply(invite, 200, "OK", callee.sdp("sendrecv", "0"))
	callee.request("ACK")
	res := caller.response("200 INVITE")
	caller.ack(res, nil)

	hears(t, caller, rtpOf(t, res.Body()), callee)
	hears(t, callee, rtpOf(t, invite.Body()), caller)
	callee.send(callee.within(invite, "BYE", 3, nil))
	callee.response("200 BYE")
	bye := caller.request("BYE")
	caller.reply(bye, 200, "OK", nil)
	var r signalling.Record
	select {
	case r = <-reports:
	case <-time.After(patience):
		t.Fatal("no record of the call")
	}
	if r.Cause != "normal_clearing" || r.Audio != signalling.BothWays || r.Codec != "PCMU" || r.EndedBy != "called" {
		t.Errorf("record %+v", r)
	}
}

// hears has one peer speak until the other hears it.
func hears(t *testing.T, from *peer, to netip.AddrPort, who *peer) {
	t.Helper()
	buf := make([]byte, 2048)
	for late := time.Now().Add(patience); time.Now().Before(late); {
		from.says(to, 1)
		who.rtp.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		if n, _, err := who.rtp.ReadFromUDPAddrPort(buf); err == nil && n == 172 {
			return
		}
	}
	t.Fatal("nothing was heard across the bridge")
}

type toTrunk string

func (r toTrunk) Find(in signalling.Incoming) (signalling.Target, signalling.Reason, bool) {
	return signalling.Target{Via: string(r), To: in.To, From: in.From}, signalling.Reason{}, true
}
