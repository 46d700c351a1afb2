package sip

import (
	"net"
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/signalling"
)

// F13, livekit/sip #809: where the first machine of a trunk is silent the call
// goes to the next, and never do two of them ring.
func TestSilentTarget(t *testing.T) {
	t.Parallel() // it waits
	dead, alive := newPeer(t, "127.0.0.1"), newPeer(t, "127.0.0.1")
	b, _ := newServedBed(t, impatient, dead, alive)
	leg := b.dial("+4930123")
	lost := dead.request("INVITE")
	invite := alive.request("INVITE")
	if invite.CallID().Value() != lost.CallID().Value() || tagOf(invite.From().Params) != tagOf(lost.From().Params) {
		t.Errorf("another call:\n%s\nafter\n%s", invite, lost)
	}
	if branchOf(invite) == branchOf(lost) || invite.CSeq().SeqNo != lost.CSeq().SeqNo+1 || invite.Recipient.String() != "sip:+4930123@carrier.example" {
		t.Errorf("not a transaction of its own (RFC 3263 §4.3):\n%s", invite)
	}
	alive.reply(invite, 180, "Ringing", nil)
	b.event(signalling.Ringing)
	dead.reply(lost, 180, "Ringing", nil) // after all
	cancel := dead.request("CANCEL")
	dead.reply(cancel, 200, "OK", nil)
	alive.reply(invite, 200, "OK", alive.sdp("sendrecv", "0"))
	alive.request("ACK")
	b.event(signalling.Answered)
	dead.reply(lost, 200, "OK", dead.sdp("sendrecv", "0")) // it crossed the CANCEL
	dead.request("ACK")
	dead.reply(dead.request("BYE"), 200, "OK", nil)
	leg.Hangup(signalling.Reason{})
	alive.reply(alive.request("BYE"), 200, "OK", nil)
	b.gone()

	b.box = signalling.NewInbox("next", discard()) // which does not wait for the dead one
	b.dial("+4930124")
	alive.reply(alive.request("INVITE"), 486, "Busy Here", nil)
	b.ended(signalling.Busy)
	dead.never("INVITE", 20*time.Millisecond)
}

// F14: a 503 sends the call to the next machine at once, for as long as its
// Retry-After says; other refusals are the far end's word.
func TestWhatFailsOver(t *testing.T) {
	for _, c := range []struct {
		status  int
		phrase  string
		over    bool
		headers []string
	}{
		{503, "Service Unavailable", true, []string{"Retry-After: 120 (in maintenance);duration=60"}},
		{503, "Service Unavailable", true, nil},
		{302, "Moved Temporarily", false, []string{"Contact: <sip:+1900@192.0.2.1>"}},
		{404, "Not Found", false, nil},
		{408, "Request Timeout", false, nil},
		{486, "Busy Here", false, nil},
		{500, "Server Internal Error", false, nil},
		{603, "Decline", false, nil},
	} {
		first, second := newPeer(t, "127.0.0.1"), newPeer(t, "127.0.0.1")
		b, _ := newServedBed(t, func(*TrunkConfig, *timing) {}, first, second)
		b.dial("+4930123")
		first.reply(first.request("INVITE"), c.status, c.phrase, nil, c.headers...)
		first.request("ACK")
		if !c.over {
			b.ended(causeOfStatus(c.status))
			second.never("INVITE", 20*time.Millisecond)
			continue
		}
		second.reply(second.request("INVITE"), 486, "Busy Here", nil)
		b.ended(signalling.Busy)
		b.box = signalling.NewInbox("next", discard())
		b.dial("+4930123")
		second.reply(second.request("INVITE"), 503, "Service Unavailable", nil) // first now, and no better
		first.reply(first.request("INVITE"), 486, "Busy Here", nil)             // last is not never
		b.ended(signalling.Busy)
	}
}

func TestRetryAfter(t *testing.T) {
	for text, want := range map[string]time.Duration{"30": 30 * time.Second, " 5;duration=3": 5 * time.Second, "7 (later)": 7 * time.Second,
		"soon": 0, "-1": 0, "99999999999999999999": 0, "4000000000": longestAside} {
		res := sipmsg.NewResponse(503, "x")
		res.AppendHeader(sipmsg.NewHeader("Retry-After", text))
		if got := retryAfter(res); got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
}

// F14: a machine that refuses the connection costs no time.
func TestRefusedConnection(t *testing.T) {
	gone, alive := newStreamPeer(t, "127.0.0.1"), newStreamPeer(t, "127.0.0.1")
	addr := gone.addr()
	gone.streams.Close()
	b, _ := newServedBed(t, func(c *TrunkConfig, _ *timing) { c.Transport, c.ConnectTimeout = "tcp", 30*time.Second }, gone, alive)
	if to, _, _ := b.agent.trunks["carrier"].remote(); to != addr {
		t.Fatalf("calls go to %s first", to)
	}
	b.dial("+4930123")
	alive.reply(alive.request("INVITE"), 486, "Busy Here", nil) // within the test's patience, which is less
	b.ended(signalling.Busy)
}

// F14: the same for TLS, where somebody else answers, or nobody who speaks it.
func TestFailedHandshake(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	met := make(chan struct{}, 10)
	go func() { // ends when the test closes the listener
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Write([]byte("SIP/2.0 400 Bad Request\r\n\r\n"))
			c.Close()
			met <- struct{}{}
		}
	}()
	babble := &peer{t: t, streams: l}
	gone := newStreamPeer(t, "127.0.0.1")
	gone.streams.Close()
	b, _ := newServedBed(t, func(c *TrunkConfig, _ *timing) { c.Transport, c.ConnectTimeout = "tls", 30*time.Second }, gone, babble)
	b.dial("+4930123")
	b.ended(signalling.TrunkUnreachable) // after both, within the test's patience
	<-met
}

// With no machine left the call ends, in time, and says what the last one did.
func TestNoTargetLeft(t *testing.T) {
	t.Parallel() // it waits
	all := []*peer{newPeer(t, "127.0.0.1"), newPeer(t, "127.0.0.1"), newPeer(t, "127.0.0.1"), newPeer(t, "127.0.0.1"), newPeer(t, "127.0.0.1")}
	b, _ := newServedBed(t, impatient, all...)
	b.dial("+4930123")
	for _, p := range all[:silences] {
		p.request("INVITE")
	}
	if why := b.ended(signalling.TrunkUnreachable); why.Detail != "no answer within 1s" {
		t.Errorf("detail %q", why.Detail)
	}
	all[silences].never("INVITE", 20*time.Millisecond) // a caller does not wait for all of them
	if s := b.agent.TrunkStates()["carrier"]; s != "trunk_unreachable" {
		t.Errorf("trunk state %s", s)
	}
}

// Who hangs up does not call the next machine; who is challenged there answers.
func TestHangUpWhileFirstIsSilent(t *testing.T) {
	t.Parallel() // it waits
	dead, alive := newPeer(t, "127.0.0.1"), newPeer(t, "127.0.0.1")
	b, _ := newServedBed(t, impatient, dead, alive)
	leg := b.dial("+4930123")
	dead.request("INVITE")
	leg.Hangup(signalling.Reason{Cause: signalling.Cancelled})
	b.gone()
	alive.never("INVITE", 20*time.Millisecond)

	b.box = signalling.NewInbox("next", discard())
	b.agent.trunks["carrier"].host.setAside(dead.addr(), 0)
	b.dial("+4930123")
	dead.reply(dead.request("INVITE"), 401, "Unauthorized", nil, challenge)
	invite := dead.request("INVITE")
	dead.reply(invite, 503, "Service Unavailable", nil)
	invite = alive.request("INVITE")
	if invite.GetHeader("Authorization") != nil {
		t.Error("credentials that nobody asked for")
	}
	alive.reply(invite, 401, "Unauthorized", nil, challenge)
	if invite = alive.request("INVITE"); invite.GetHeader("Authorization") == nil {
		t.Error("no credentials")
	}
	alive.reply(invite, 486, "Busy Here", nil)
	b.ended(signalling.Busy)
}

// F16: through an outage of DNS calls go where they went, and ask nobody.
func TestOutageOfNames(t *testing.T) {
	p := newPeer(t, "127.0.0.1")
	b, n := newServedBed(t, func(_ *TrunkConfig, x *timing) { x.follow = time.Minute }, p)
	host := b.agent.trunks["carrier"].host
	n.fail(true)
	if err := host.lookup(t.Context(), 50*time.Millisecond); err == nil {
		t.Error("an outage was not noticed")
	}
	n.fail(false)
	n.say(t, "carrier.example. 60 A 127.0.0.9") // SRV is gone: this is the DNS's word
	n.fail(true)
	for range 3 {
		b.box = signalling.NewInbox("x", discard())
		b.dial("+4930123")
		b.reply(b.request("INVITE"), 486, "Busy Here", nil)
		b.ended(signalling.Busy)
	}
	if asked := n.questions(); asked > 0 {
		t.Errorf("three calls asked the DNS %d times", asked)
	}
	n.fail(false)
	if err := host.lookup(t.Context(), patience); err != nil || !host.has(p.addr().Addr()) {
		t.Errorf("%v; the old address still counts: %t", err, host.has(p.addr().Addr()))
	}
	if to, _, _ := b.agent.trunks["carrier"].remote(); to.String() != "127.0.0.9:5060" {
		t.Errorf("calls go to %s", to)
	}
}

// RFC 3263 §4.2: a Contact or Record-Route with a name and no port is where the
// DNS says, which nobody has to ask again.
func TestNamesWithinACall(t *testing.T) {
	for _, where := range []string{"Contact: <sip:carrier.example>", "Record-Route: <sip:carrier.example;lr>"} {
		p := newPeer(t, "127.0.0.1")
		p.bare = true
		b, n := newServedBed(t, func(*TrunkConfig, *timing) {}, p)
		n.fail(true)
		leg := b.dial("+4930123")
		b.reply(b.request("INVITE"), 200, "OK", b.sdp("sendrecv", "0"), where)
		b.request("ACK")
		b.event(signalling.Answered)
		leg.Hangup(signalling.Reason{})
		b.reply(b.request("BYE"), 200, "OK", nil)
		b.gone()
		if asked := n.questions(); asked > 0 {
			t.Errorf("%s: the DNS was asked %d times", where, asked)
		}
	}
	p := newPeer(t, "127.0.0.1")
	b, n := newServedBed(t, func(*TrunkConfig, *timing) {}, p)
	n.fail(true)
	host := b.agent.trunks["carrier"].host
	if got := host.of("M0.carrier.example."); len(got) != 1 || got[0] != p.addr().Addr() {
		t.Errorf("m0 is at %v", got)
	}
	if got := host.of("m9.carrier.example"); len(got) != 0 {
		t.Errorf("m9 is at %v", got)
	}
}
