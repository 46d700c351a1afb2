package sip

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/media"
	"roomline/signalling"
)

// S2 (sipgo #344, #352): a framing error ends the connection to the trunk, and it
// is made again within a second, not when the next call wants it.
func TestTrunkConnectionIsMadeAgain(t *testing.T) {
	b := newStreamBed(t, func(c *TrunkConfig) { c.Keepalive = maxKeepalive })
	first := b.request("OPTIONS")
	b.reply(first, 405, "Method Not Allowed", nil)
	b.up("(OPTIONS 405 in ")
	live := b.agent.flows.at(b.addr())
	live.born = time.Now().Add(-settled)
	b.send("OPTIONS sip:x SIP/2.0\r\nContent-Length: x\r\n\r\n")
	began := time.Now()
	second := b.request("OPTIONS")
	if took := time.Since(began); took > 2*time.Second || sourceOf(second) == sourceOf(first) {
		t.Errorf("asked again after %s, from %s and %s", took, sourceOf(first), sourceOf(second))
	}
	b.reply(second, 200, "OK", nil)
	b.up("(OPTIONS 200 in ")
}

// up waits until the trunk's health says so.
func (b *bed) up(part string) {
	b.t.Helper()
	for late := time.After(patience); !strings.Contains(b.agent.TrunkHealth()["carrier"], "up "+part); {
		select {
		case <-time.After(time.Millisecond):
		case <-late:
			b.t.Fatalf("health %q", b.agent.TrunkHealth()["carrier"])
		}
	}
}

// F13: down after two misses, up after two answers; any answer counts.
func TestHealth(t *testing.T) {
	h := health{}
	for i, c := range []struct {
		status int // 0: a miss
		is     condition
		words  string
	}{
		{0, unasked, "unknown, but missed once: x"},
		{200, answering, "up (OPTIONS 200 in 31 ms)"},
		{0, answering, "up, but missed once: x"},
		{503, answering, "up (OPTIONS 503 in 31 ms)"},
		{0, answering, "up, but missed once: x"},
		{0, silent, "down: x"},
		{0, silent, "down: x"},
		{404, silent, "down, but answered once (OPTIONS 404 in 31 ms)"},
		{0, silent, "down: x"},
		{200, silent, "down, but answered once (OPTIONS 200 in 31 ms)"},
		{200, answering, "up (OPTIONS 200 in 31 ms)"},
	} {
		if c.status == 0 {
			h = h.missed("x")
		} else {
			h = h.answered(c.status, 31*time.Millisecond)
		}
		if h.is != c.is || h.words != c.words {
			t.Errorf("step %d: %d, %q", i, h.is, h.words)
		}
	}
	if h = (health{}).missed("x").missed("y"); h.is != silent || h.words != "down: y" {
		t.Errorf("never there: %+v", h)
	}
}

// A trunk that is not there is told of in words; calls learn it from OPTIONS.
func TestTrunkDown(t *testing.T) {
	b := newBed(t)
	trunk := b.agent.trunks["carrier"]
	b.stop()
	trunk.ConnectTimeout = 100 * time.Millisecond
	for range missesDown {
		if trunk.probe(t.Context()) {
			t.Fatal("somebody answered")
		}
	}
	if s, words := b.agent.TrunkStates()["carrier"], b.agent.TrunkHealth()["carrier"]; s != "trunk_unreachable" || !strings.HasPrefix(words, "down: ") {
		t.Errorf("state %q, health %q", s, words)
	}
}

func (p *peer) stop() { p.conn.Close() }

// RFC 5923: our BYE goes over the connection on which the INVITE came, although
// the Contact has another port at which nobody listens; over a new one, to that
// Contact, if the first is gone.
func TestByeGoesWhereTheirInviteCameFrom(t *testing.T) {
	b := newStreamBed(t)
	c := b.connect()
	invite := strings.Replace(b.text("INVITE", "+4930555", b.sdp("sendrecv", "0 8")), "Contact: <sip:"+b.addr().String(), "Contact: <sip:127.0.0.1:9", 1)
	b.send(invite)
	leg := b.rung()
	leg.Answer(media.PCMU)
	b.ack(b.response("200 INVITE"), nil)
	b.event(signalling.Confirmed)
	leg.Hangup(signalling.Reason{})
	bye := b.request("BYE")
	if sourceOf(bye).String() != b.to.String() || bye.Recipient.Port != 9 {
		t.Errorf("from %s\n%s", sourceOf(bye), bye)
	}
	b.reply(bye, 200, "OK", nil)
	b.gone()

	b.box, b.id, b.far = signalling.NewInbox("second", discard()), newTag(), ""
	leg, _ = b.connected()
	c.Close()
	for late := time.Now().Add(patience); b.agent.flows.at(remoteHere(c)) != nil && time.Now().Before(late); {
		<-time.After(time.Millisecond)
	}
	leg.Hangup(signalling.Reason{})
	bye = b.request("BYE")
	if sourceOf(bye).String() == b.to.String() {
		t.Error("the second BYE came by the dead connection")
	}
	b.reply(bye, 200, "OK", nil)
	b.gone()
}

// remoteHere is what the agent sees of a connection's other end.
func remoteHere(c net.Conn) netip.AddrPort {
	addr, _ := addrPort(c.LocalAddr().String())
	return addr
}

// S3, RFC 3581: answers go to where a request came from, or nowhere; never to
// whom its Via names, and over no new connection.
func TestAnswersNeverFollowVia(t *testing.T) {
	named, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	called := make(chan struct{}, 1)
	go func() { // ends when the test closes the listener
		if c, err := named.Accept(); err == nil {
			c.Close()
			called <- struct{}{}
		}
	}()
	defer named.Close()
	b := newStreamBed(t)
	for range 10 {
		c := b.connect()
		b.id = newTag()
		b.send(strings.Replace(b.text("INVITE", "+4930555", b.sdp("sendrecv", "0")), "Via: SIP/2.0/TCP "+b.addr().String(), "Via: SIP/2.0/TCP "+named.Addr().String(), 1))
		c.(*net.TCPConn).SetLinger(0)
		c.Close()
	}
	b.connect()
	b.id = newTag()
	b.send(b.text("OPTIONS", "x", nil))
	b.response("200 OPTIONS")
	select {
	case <-called:
		t.Error("the address of a Via was called")
	case <-time.After(50 * time.Millisecond):
	}
	for { // whatever calls these were
		select {
		case in := <-b.board.calls:
			in.Leg(signalling.NewInbox("x", discard())).Hangup(signalling.Reason{})
			continue
		default:
		}
		return
	}
}

// A ping between messages is answered, and a CRLF before one is
// no error (RFC 5626 §3.5.1, RFC 3261 §7.5).
func TestPingIsAnswered(t *testing.T) {
	b := newStreamBed(t)
	c, err := net.Dial("tcp", b.to.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write([]byte("\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	pong := make([]byte, 2)
	if _, err := c.Read(pong); err != nil || string(pong) != "\r\n" {
		t.Errorf("pong %q, %v", pong, err)
	}
}

// Ours is sent on connections that are idle, and one whose far end has said
// nothing since the last is closed.
func TestPingIsSent(t *testing.T) {
	b := newStreamBed(t)
	b.dial("+4930123")
	b.reply(b.request("INVITE"), 486, "Busy Here", nil)
	b.ended(signalling.Busy)
	b.request("ACK")
	f := b.agent.flows.at(b.addr())
	b.agent.flows.ping(b.agent.trunks["carrier"])
	for late := time.Now().Add(patience); f.pinged.Load() == 0; {
		if <-time.After(time.Millisecond); time.Now().After(late) {
			t.Fatal("no ping")
		}
	}
	b.agent.flows.ping(b.agent.trunks["carrier"])
	select {
	case <-f.lost:
	case <-time.After(patience):
		t.Error("a silent connection is kept")
	}
}

// Nothing that leaves names an address of this machine but the advertised one.
func TestTopologyIsHidden(t *testing.T) {
	p := newPeer(t, "127.0.0.1")
	cfg := TrunkConfig{Host: p.addr().String(), Numbers: []string{"+4930555"}}
	b := &bed{peer: p, board: &board{calls: make(chan signalling.Incoming, 10)}, ports: newPorts(t)}
	a, err := New(Config{Listen: []string{"udp://127.0.0.9:0"}, Advertise: "sip.example.org"}, map[string]TrunkConfig{"carrier": cfg}, b.ports, b.board, nil, discard())
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	b.agent, b.to, b.box = a, a.listeners[0].addr, signalling.NewInbox("call", discard())
	var said []string
	hidden := func(text string) {
		said = append(said, strings.SplitN(text, "\r\n", 2)[0])
		head, _, _ := strings.Cut(text, "\r\n\r\n") // the description names where audio goes, which media.address is
		if strings.Contains(head, "127.0.0.9") && !strings.HasPrefix(head, "SIP/2.0") || strings.Contains(head, "0.0.0.0") {
			t.Errorf("our address in\n%s", head)
		}
		for _, line := range strings.Split(head, "\r\n") {
			if (strings.HasPrefix(line, "Contact") || strings.HasPrefix(line, "Call-ID") || strings.HasPrefix(line, "Server")) && strings.Contains(line, "127.0.0.9") {
				t.Errorf("our address in %q", line)
			}
		}
	}
	leg := b.dial("+4930123")
	invite := b.request("INVITE")
	hidden(invite.String())
	if invite.Via().Host != "sip.example.org" || invite.Contact().Address.Host != "sip.example.org" {
		t.Errorf("INVITE\n%s", invite)
	}
	b.reply(invite, 200, "OK", b.sdp("sendrecv", "0"))
	hidden(b.request("ACK").String())
	b.event(signalling.Answered)
	leg.Hangup(signalling.Reason{})
	bye := b.request("BYE")
	hidden(bye.String())
	b.reply(bye, 200, "OK", nil)
	b.gone()
	b.box = signalling.NewInbox("back", discard())
	leg, res := b.connected()
	hidden(strings.ReplaceAll(res.String(), b.to.String(), ""))
	leg.Hangup(signalling.Reason{})
	bye = b.request("BYE")
	hidden(strings.ReplaceAll(bye.String(), b.to.String(), "")) // From is what the caller wrote as To
	b.reply(bye, 200, "OK", nil)
	b.gone()
	if len(said) < 5 {
		t.Errorf("only %q was seen", said)
	}
}

// A call over UDP and TCP on IPv6.
func TestIPv6Transports(t *testing.T) {
	for _, transport := range []string{"udp", "tcp"} {
		p := newPeer6(t)
		b := &bed{peer: p, board: &board{calls: make(chan signalling.Incoming, 10)}, ports: newPorts(t)}
		if transport == "tcp" {
			p.streams = listen6(t, p)
		}
		a, err := New(Config{Listen: []string{transport + "://[::1]:0"}}, map[string]TrunkConfig{"carrier": {Host: p.addr().String(), Transport: transport,
			Numbers: []string{"+4930555"}}}, b.ports, b.board, nil, discard())
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { a.Close() })
		b.agent, b.to, b.box = a, a.listeners[0].addr, signalling.NewInbox("call", discard())
		b.dial("+4930123")
		invite := b.request("INVITE")
		if !strings.Contains(invite.String(), "SIP/2.0/"+strings.ToUpper(transport)+" [::1]:") || !strings.Contains(invite.String(), "Contact: <sip:[::1]:") {
			t.Errorf("INVITE\n%s", invite)
		}
		b.reply(invite, 486, "Busy Here", nil)
		b.ended(signalling.Busy)
		b.request("ACK")
	}
}

func newPeer6(t *testing.T) *peer {
	t.Helper()
	p := &peer{t: t, got: make(chan sipmsg.Message, 200), tag: newTag(), id: newTag(), seq: 10}
	var err error
	if p.conn, err = net.ListenUDP("udp6", &net.UDPAddr{IP: net.IPv6loopback}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.conn.Close() })
	p.rtp = socket(t, "127.0.0.1")
	go p.read() // ends when the test closes the socket
	return p
}

func listen6(t *testing.T, p *peer) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		l.Close()
		p.hang()
	})
	go func() { // ends when the test closes the listener
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.take(c)
		}
	}()
	return l
}
