package sip

import (
	"net"
	"strings"
	"testing"
	"time"

	"roomline/media"
	"roomline/signalling"
)

// newStreamBed is a bed whose trunk speaks TCP.
func newStreamBed(t *testing.T, change ...func(*TrunkConfig)) *bed {
	t.Helper()
	b := &bed{peer: newStreamPeer(t, "127.0.0.1"), board: &board{calls: make(chan signalling.Incoming, 10)}, ports: newPorts(t)}
	cfg := TrunkConfig{Host: b.addr().String(), Transport: "tcp", Numbers: []string{"+4930555"}, Username: "gw", Password: "s3cret", ConnectTimeout: time.Second}
	for _, c := range change {
		c(&cfg)
	}
	b.agent = startAgent(t, map[string]TrunkConfig{"carrier": cfg}, b.ports, b.board, realTiming())
	b.to = b.agent.listeners[1].addr
	b.box = signalling.NewInbox("call", discard())
	return b
}

func (b *bed) connect() net.Conn {
	b.t.Helper()
	c, err := net.Dial("tcp", b.to.String())
	if err != nil {
		b.t.Fatal(err)
	}
	b.take(c)
	return c
}

func TestCallOutOverTCP(t *testing.T) {
	b := newStreamBed(t)
	leg := b.dial("+4930123")
	first := b.request("INVITE")
	if c := first.Contact().Address; c.UriParams.GetOr("transport", "") != "tcp" || c.Port != int(b.to.Port()) {
		t.Errorf("Contact %s", c.String())
	}
	b.reply(first, 401, "Unauthorized", nil, challenge)
	invite := b.request("INVITE")
	right(t, invite, "Authorization", "s3cret")
	b.reply(invite, 200, "OK", b.sdp("sendrecv", "0"))
	b.request("ACK")
	b.event(signalling.Answered)
	b.send(b.within(invite, "INVITE", 5, b.sdp("sendonly", "0")))
	b.response("200 INVITE")
	b.send(b.within(invite, "ACK", 5, nil))
	b.event(signalling.Held)
	leg.Hangup(signalling.Reason{})
	b.reply(b.request("BYE"), 200, "OK", nil)
	b.gone()
}

func TestCallInOverTCP(t *testing.T) {
	b := newStreamBed(t)
	b.connect()
	b.send(b.text("INVITE", "+4930555", b.sdp("sendrecv", "0")))
	leg := b.rung()
	leg.Ring()
	b.response("180")
	leg.Answer(media.PCMU)
	b.ack(b.response("200 INVITE"), nil)
	b.event(signalling.Confirmed)
	leg.Hangup(signalling.Reason{})
	b.reply(b.request("BYE"), 200, "OK", nil)
	b.gone()
}

// A malformed message closes its connection; the next one works.
func TestMalformedStream(t *testing.T) {
	b := newStreamBed(t)
	for _, bad := range []string{"garbage\r\n\r\n", "OPTIONS sip:x SIP/2.0\r\nContent-Length: 2000000000\r\n\r\n", "OPTIONS sip:x SIP/2.0\r\nCSeq: x\r\n\r\n"} {
		c := b.connect()
		b.send(bad)
		c.SetReadDeadline(time.Now().Add(patience))
		b.connect()
		b.id = newTag()
		b.send(b.text("OPTIONS", "x", nil))
		b.response("200 OPTIONS")
	}
}

func TestStrangersAreHungUpOn(t *testing.T) {
	b := newStreamBed(t)
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP("127.0.0.2")}}
	c, err := d.Dial("tcp", b.to.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetReadDeadline(time.Now().Add(patience))
	if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Error("a stranger may stay connected")
	}
}

func TestTooManyConnections(t *testing.T) {
	b := newStreamBed(t)
	for range maxStreams {
		b.connect()
	}
	c, err := net.Dial("tcp", b.to.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetReadDeadline(time.Now().Add(patience))
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("one more connection stayed open")
	}
}

func TestConnectionRefused(t *testing.T) {
	b := newStreamBed(t)
	b.streams.Close()
	b.dial("+4930123")
	if why := b.ended(signalling.TrunkUnreachable); !strings.Contains(why.Detail, "refused") {
		t.Errorf("detail %q", why.Detail)
	}
}

func TestConnectionLostWhileRinging(t *testing.T) {
	b := newStreamBed(t)
	b.dial("+4930123")
	b.reply(b.request("INVITE"), 180, "Ringing", nil)
	b.event(signalling.Ringing)
	b.hang()
	b.ended(signalling.TrunkUnreachable)
}

func TestListenErrorsNameTheAddress(t *testing.T) {
	taken := socket(t, "127.0.0.1")
	addr := "udp://" + addrOf(taken).String()
	a, err := New(Config{Listen: []string{addr}}, nil, newPorts(t), &board{}, nil, discard())
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "listen "+addr+": ") {
		t.Errorf("error %v", err)
	}
	if err := a.Close(); err != nil {
		t.Error("a second Close:", err)
	}
	if _, err := New(Config{Listen: []string{"udp://127.0.0.1:0"}}, map[string]TrunkConfig{"x": {}}, newPorts(t), &board{}, nil, discard()); err == nil ||
		!strings.HasPrefix(err.Error(), `trunk "x": host: `) {
		t.Errorf("error %v", err)
	}
}

func TestTrunkNeedsItsTransport(t *testing.T) {
	a, err := New(Config{Listen: []string{"udp://127.0.0.1:0"}}, map[string]TrunkConfig{"x": {Host: "127.0.0.1", Transport: "tcp", CallerID: "1"}},
		newPorts(t), &board{}, nil, discard())
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "tcp://") {
		t.Errorf("error %v", err)
	}
}

func TestTooLargeForUDP(t *testing.T) {
	b := newBed(t)
	long := strings.Repeat("x", 300)
	b.dial("+4930123")
	b.reply(b.request("INVITE"), 401, "Unauthorized", nil, strings.Replace(challenge, `"n1"`, `"`+long+`"`, 1))
	invite := b.request("INVITE") // shortened header names
	if !strings.Contains(invite.String(), long) {
		t.Errorf("INVITE\n%s", invite)
	}
	b.reply(invite, 486, "Busy Here", nil)
	b.ended(signalling.Busy)
	b.box = signalling.NewInbox("second", discard())
	b.dial("+4930123")
	b.reply(b.request("INVITE"), 401, "Unauthorized", nil, strings.Replace(challenge, `"n1"`, `"`+strings.Repeat(long, 3)+`"`, 1))
	// The peer refuses TCP, so it comes in several packets (RFC 3261 §18.1.1).
	large := b.request("INVITE")
	if via, c := large.Via(), large.Contact().Address; via.Transport != "UDP" || len(large.String()) <= datagram || c.UriParams.Has("transport") || c.Port != int(b.to.Port()) {
		t.Errorf("INVITE\n%s", large)
	}
	b.reply(large, 486, "Busy Here", nil)
	b.ended(signalling.Busy)
}

// pairedPeers are a peer on UDP and one on TCP with the same address.
func pairedPeers(t *testing.T) (*peer, *peer) {
	t.Helper()
	for range 50 {
		p := newPeer(t, "127.0.0.1")
		if l, err := net.Listen("tcp4", p.addr().String()); err == nil {
			return p, streamsOf(t, "127.0.0.1", l)
		}
	}
	t.Fatal("no port is free for both")
	return nil, nil
}

// A request that is too large for UDP goes over TCP, and its ACK and CANCEL go
// its way (RFC 3261 §18.1.1).
func TestLargeGoesOverTCP(t *testing.T) {
	p, streams := pairedPeers(t)
	b := newBedWith(t, p, nil, realTiming())
	b.dial("+4930123")
	b.reply(b.request("INVITE"), 401, "Unauthorized", nil, strings.Replace(challenge, `"n1"`, `"`+strings.Repeat("x", 900)+`"`, 1))
	invite := streams.request("INVITE")
	c := invite.Contact().Address
	if invite.Via().Transport != "TCP" || c.UriParams.GetOr("transport", "") != "tcp" || c.Port != int(b.agent.listeners[1].addr.Port()) || c.Port != invite.Via().Port {
		t.Errorf("INVITE\n%s", invite)
	}
	streams.reply(invite, 486, "Busy Here", nil)
	b.ended(signalling.Busy)
	streams.request("ACK")
}

// Where there is no TCP listener, the call says what is missing.
func TestTooLargeWithoutTCP(t *testing.T) {
	p := newPeer(t, "127.0.0.1")
	cfg := TrunkConfig{Host: p.addr().String(), Numbers: []string{"+4930555"}, Username: "gw", Password: "s3cret"}
	a, err := New(Config{Listen: []string{"udp://127.0.0.1:0"}}, map[string]TrunkConfig{"carrier": cfg}, newPorts(t), &board{}, nil, discard())
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	p.to = a.listeners[0].addr
	b := &bed{peer: p, agent: a, box: signalling.NewInbox("x", discard())}
	b.dial("+4930123")
	b.reply(b.request("INVITE"), 401, "Unauthorized", nil, strings.Replace(challenge, `"n1"`, `"`+strings.Repeat("x", 900)+`"`, 1))
	if why := b.ended(signalling.TrunkUnreachable); !strings.Contains(why.Detail, "too large for UDP") {
		t.Errorf("detail %q", why.Detail)
	}
}

func TestCloseEndsCalls(t *testing.T) {
	b := newBed(t)
	b.answered()
	b.agent.Close()
	b.request("BYE")
	b.ended(signalling.ShuttingDown)
	b.dial("+4930123")
	b.ended(signalling.ShuttingDown)
}

// A trunk that knows us by our address must see it on connections of ours too.
func TestConnectionsLeaveFromTheListener(t *testing.T) {
	p := newStreamPeer(t, "127.0.0.1")
	a, err := New(Config{Listen: []string{"tcp://127.0.0.7:0"}}, map[string]TrunkConfig{
		"carrier": {Host: p.addr().String(), Transport: "tcp", Numbers: []string{"+4930555"}}}, newPorts(t), &board{}, nil, discard())
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	b := &bed{peer: p, agent: a, box: signalling.NewInbox("x", discard())}
	b.dial("+4930123")
	invite := b.request("INVITE")
	if from := sourceOf(invite).Addr().String(); from != "127.0.0.7" {
		t.Errorf("the connection comes from %s", from)
	}
	b.reply(invite, 486, "Busy Here", nil)
	b.ended(signalling.Busy)
}

// A connection that swallows an INVITE is not tried again.
func TestDeadConnection(t *testing.T) {
	b := newStreamBed(t)
	b.dial("+4930123")
	first := sourceOf(b.request("INVITE"))
	b.ended(signalling.TrunkUnreachable)
	b.box = signalling.NewInbox("second", discard())
	b.dial("+4930123")
	invite := b.request("INVITE")
	if sourceOf(invite) == first {
		t.Error("the next call went the same way")
	}
	b.reply(invite, 486, "Busy Here", nil)
	b.ended(signalling.Busy)
}
