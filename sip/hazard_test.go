package sip

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/media"
	"roomline/signalling"
)

// What a Matrix user calls herself, and what she dials, forges no header on the
// wire.
func TestNothingIsInjected(t *testing.T) {
	evil := "Eve\r\nX-Evil: 1\r\n\r\nBYE\u0000\u2028\u202e\x7f\" <sip:1900@evil>;tag=x, \\"
	for number, called := range map[string]string{
		"+4930123": "+4930123", "+49 30 1;x=\r\nX-Evil: 1": "+49301", "+49301%0d%0aX-Evil:1": "", "1\r\nX-Evil: 1": "",
		"1@evil": "", "1>": "", "1?X-Evil=1": "", "\u0661\u0662": "",
	} {
		b := newBed(t, func(c *TrunkConfig, _ *timing) { c.ConnectTimeout = 200 * time.Millisecond })
		d, _ := b.agent.Trunk("carrier")
		d.Dial(signalling.Target{To: signalling.Party{Number: number, Name: evil}, From: signalling.Party{Name: evil, Number: evil, User: evil}},
			[]media.Format{media.PCMU}, b.box)
		if called == "" {
			b.ended(signalling.InvalidNumber)
			b.never("INVITE", 20*time.Millisecond)
			continue
		}
		invite := b.request("INVITE")
		var names []string
		for _, h := range invite.Headers() {
			names = append(names, h.Name())
		}
		want := "Via Max-Forwards From To Call-ID CSeq User-Agent Contact Allow Supported Session-Expires Min-SE Content-Type Content-Length"
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%q: headers %s, want %s", number, got, want)
		}
		from := invite.From()
		if invite.Recipient.User != called || from.Address.User != "+4930555" || from.DisplayName != "EveX-Evil: 1BYE sip:1900@evil;tag=x," {
			t.Errorf("%q: %s, %s", number, invite.Recipient.String(), from.Value())
		}
	}
}

// A caller without an offer may take its time with the ACK: no audio is due yet.
func TestDelayedOfferIsNotSilence(t *testing.T) {
	b := newBed(t, func(_ *TrunkConfig, x *timing) { x.watch = 10 * time.Millisecond })
	b.send(b.text("INVITE", "+4930555", nil))
	b.rung().Answer(media.PCMA)
	res := b.response("200 INVITE")
	b.never("BYE", 100*time.Millisecond)
	b.ack(res, b.sdp("sendrecv", "8"))
	b.event(signalling.Confirmed)
}

// A trunk that asks about a call that is up hears that it is up, also while no
// new ones are taken.
func TestDrainKeepsDialogs(t *testing.T) {
	b := newBed(t)
	_, invite := b.answered()
	b.agent.Drain()
	b.send(b.within(invite, "OPTIONS", 5, nil))
	b.response("200 OPTIONS")
}

// An answer without To belongs to no dialog; it ends the call like any failure.
func TestAnswerWithoutTo(t *testing.T) {
	b := newBed(t)
	b.dial("+4930123")
	res := sipmsg.NewResponseFromRequest(b.request("INVITE"), 200, "OK", b.sdp("sendrecv", "0"))
	res.RemoveHeader("To")
	b.peer.send(res.String())
	b.ended(signalling.TrunkFailure)

	b = newBed(t)
	_, invite := b.answered()
	res = sipmsg.NewResponseFromRequest(invite, 200, "OK", nil)
	res.RemoveHeader("To")
	b.peer.send(res.String())
	b.send(b.within(invite, "OPTIONS", 5, nil))
	b.response("200 OPTIONS")
	b.send(b.within(invite, "BYE", 6, nil))
	b.response("200 BYE")
	b.ended(signalling.NormalClearing)
}

// shelf keeps what was logged above debug level.
type shelf struct {
	mu sync.Mutex
	bytes.Buffer
}

func (s *shelf) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Buffer.Write(p)
}

func (s *shelf) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Buffer.String()
}

// Numbers and credentials stay below info level, whatever goes wrong.
func TestNumbersStayOutOfTheLog(t *testing.T) {
	log, p := &shelf{}, newPeer(t, "127.0.0.1")
	a, err := New(Config{Listen: []string{"udp://127.0.0.1:0", "tcp://127.0.0.1:0"}}, map[string]TrunkConfig{
		"unsendable":  {Host: "192.0.2.1", Numbers: []string{"+4930555"}},
		"unreachable": {Host: "127.0.0.1:1", Transport: "tcp", Numbers: []string{"+4930555"}},
		"good":        {Host: p.addr().String(), Numbers: []string{"+4930555"}, Username: "gw", Password: "s3cret"},
	}, newPorts(t), &board{}, nil, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	p.to = a.listeners[0].addr
	call := func(name string) *bed {
		b := &bed{peer: p, agent: a, box: signalling.NewInbox("x", a.log)}
		d, _ := a.Trunk(name)
		d.Dial(signalling.Target{To: signalling.Party{Number: "+4930123777"}}, []media.Format{media.PCMU}, b.box)
		return b
	}
	if why := call("unsendable").ended(signalling.TrunkUnreachable); strings.Contains(why.Detail, "777") {
		t.Errorf("detail %q", why.Detail)
	}
	call("unreachable").ended(signalling.TrunkUnreachable)
	b := call("good")
	p.reply(p.request("INVITE"), 401, "Unauthorized", nil, challenge)
	invite := p.request("INVITE")
	p.send(strings.Replace(p.reply(invite, 180, "Ringing", nil).String(), "CSeq:", "X-CSeq:", 1))
	p.send(strings.Replace(p.text("INVITE", "+4930123777", nil), "Via:", "X-Via:", 1))
	p.send(p.text("INVITE", "+4930123777", nil)[:200])
	p.reply(invite, 403, "no +4930123777", nil)
	b.ended(signalling.Forbidden)
	for _, bad := range []string{"123777", "s3cret", "response="} {
		if strings.Contains(log.text(), bad) {
			t.Errorf("%s in the log:\n%s", bad, log.text())
		}
	}
	if !strings.Contains(log.text(), "not sent") {
		t.Errorf("the log does not tell of what failed:\n%s", log.text())
	}
}

// A caller behind many proxies: the answer repeats what each of them wrote, and
// goes out all the same (RFC 3261 §18.1.1 limits requests only).
func TestLargeAnswer(t *testing.T) {
	b := newBed(t, func(_ *TrunkConfig, x *timing) { x.t1, x.t2 = 50*time.Millisecond, 50*time.Millisecond })
	var path []string
	for i := range 6 {
		path = append(path, "Via: SIP/2.0/UDP 10.0.0."+string(rune('1'+i))+";branch=z9hG4bK"+strings.Repeat("x", 80),
			"Record-Route: <sip:127.0.0.1;lr;x="+strings.Repeat("y", 80)+">")
	}
	b.send(b.text("INVITE", "+4930555", b.sdp("sendrecv", "0"), path...))
	leg := b.rung()
	leg.Answer(media.PCMU)
	b.response("200 INVITE")
	res := b.response("200 INVITE") // repeated until its ACK
	if len(res.GetHeaders("via")) != 7 || len(res.Body()) == 0 {
		t.Errorf("200\n%s", res)
	}
	b.ack(res, nil)
	b.event(signalling.Confirmed)
	leg.Hangup(signalling.Reason{})
	b.request("BYE")
	b.agent.Close()
	b.gone()
}
