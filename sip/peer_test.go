package sip

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/media/offer"
	"roomline/signalling"
)

const patience = 4 * time.Second

// peer is the other end of a trunk: a bare socket and a test that knows what
// to expect on it.
type peer struct {
	t    *testing.T
	conn *net.UDPConn
	to   netip.AddrPort // the agent
	got  chan sipmsg.Message
	rtp  *net.UDPConn
	tag  string
	id   string // Call-ID of calls that the peer places
	seq  uint32
	far  string // the agent's tag, once known

	bare    bool // responses have no Contact of their own
	packets int  // of audio, sent

	streams net.Listener // a peer on TCP
	via     string       // what it speaks above that; empty: nothing
	mu      sync.Mutex
	stream  net.Conn // the latest
}

func newPeer(t *testing.T, ip string) *peer {
	t.Helper()
	p := &peer{t: t, got: make(chan sipmsg.Message, 200), tag: newTag(), id: newTag(), seq: 10}
	p.conn, p.rtp = socket(t, ip), socket(t, ip)
	go p.read() // ends when the test closes the socket
	return p
}

func socket(t *testing.T, ip string) *net.UDPConn {
	t.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(ip)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func (p *peer) read() {
	buf := make([]byte, 65536)
	for {
		n, from, err := p.conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		msg, err := sipmsg.ParseMessage(append([]byte(nil), buf[:n]...))
		if err != nil {
			continue
		}
		msg.SetSource(from.String())
		p.got <- msg
	}
}

func (p *peer) addr() netip.AddrPort {
	if p.streams != nil {
		return p.streams.Addr().(*net.TCPAddr).AddrPort()
	}
	return addrOf(p.conn)
}

func (p *peer) network() string {
	switch {
	case p.via != "":
		return strings.ToUpper(p.via)
	case p.streams != nil:
		return "TCP"
	}
	return "UDP"
}

// newStreamPeer is a peer on TCP.
func newStreamPeer(t *testing.T, ip string) *peer {
	t.Helper()
	l, err := net.Listen("tcp4", ip+":0")
	if err != nil {
		t.Fatal(err)
	}
	return streamsOf(t, ip, l)
}

// streamsOf is one with a listener of its own.
func streamsOf(t *testing.T, ip string, l net.Listener) *peer {
	t.Helper()
	p := newPeer(t, ip)
	p.streams = l
	t.Cleanup(func() {
		p.streams.Close()
		p.hang()
	})
	go func() { // ends when the test closes the listener
		for {
			c, err := p.streams.Accept()
			if err != nil {
				return
			}
			p.take(c)
		}
	}()
	return p
}

// take reads from a connection and writes to it from now on.
func (p *peer) take(c net.Conn) {
	p.mu.Lock()
	p.stream = c
	p.mu.Unlock()
	go func() { // ends when either end closes the connection
		defer c.Close()
		parser, buf := sipmsg.NewParser().NewSIPStream(), make([]byte, 4096)
		for {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			parser.ParseSIPStream(buf[:n], func(msg sipmsg.Message) {
				msg.SetSource(c.RemoteAddr().String())
				p.got <- msg
			})
		}
	}()
}

// hang closes the connection.
func (p *peer) hang() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stream != nil {
		p.stream.Close()
	}
}

func addrOf(c *net.UDPConn) netip.AddrPort { return c.LocalAddr().(*net.UDPAddr).AddrPort() }

// is tells whether a message is what a test names: "INVITE", "200", "200 BYE".
func is(msg sipmsg.Message, want string) bool {
	switch m := msg.(type) {
	case *sipmsg.Request:
		return string(m.Method) == want
	case *sipmsg.Response:
		status, method, _ := strings.Cut(want, " ")
		return fmt.Sprint(m.StatusCode) == status && (method == "" || string(m.CSeq().MethodName) == method)
	}
	return false
}

// expect waits for a message and passes over 100 Trying, and over repetitions of last.
func (p *peer) expect(want string) sipmsg.Message {
	p.t.Helper()
	late := time.After(patience)
	for {
		select {
		case msg := <-p.got:
			if is(msg, want) {
				return msg
			}
			if !is(msg, "100") && !is(msg, "ACK") {
				p.t.Logf("passed over %q while waiting for %s", strings.SplitN(msg.String(), "\r\n", 2)[0], want)
			}
		case <-late:
			p.t.Fatalf("no %s came", want)
		}
	}
}

func (p *peer) request(want string) *sipmsg.Request {
	p.t.Helper()
	return p.expect(want).(*sipmsg.Request)
}
func (p *peer) response(want string) *sipmsg.Response {
	p.t.Helper()
	return p.expect(want).(*sipmsg.Response)
}

// never fails if the message comes within d.
func (p *peer) never(want string, d time.Duration) {
	p.t.Helper()
	late := time.After(d)
	for {
		select {
		case msg := <-p.got:
			if is(msg, want) {
				p.t.Fatalf("%s came:\n%s", want, msg)
			}
		case <-late:
			return
		}
	}
}

func (p *peer) send(text string) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.streams != nil {
		if _, err := p.stream.Write([]byte(text)); err != nil {
			p.t.Fatal(err)
		}
		return
	}
	if _, err := p.conn.WriteToUDPAddrPort([]byte(text), p.to); err != nil {
		p.t.Fatal(err)
	}
}

// reply answers a request of the agent's.
func (p *peer) reply(req *sipmsg.Request, status int, phrase string, body []byte, headers ...string) *sipmsg.Response {
	p.t.Helper()
	return p.replyAs(p.tag, req, status, phrase, body, headers...)
}

func (p *peer) replyAs(tag string, req *sipmsg.Request, status int, phrase string, body []byte, headers ...string) *sipmsg.Response {
	p.t.Helper()
	if tagOf(req.To().Params) == "" && status > 100 {
		req = req.Clone()
		req.To().Params.Add("tag", tag)
	}
	res := sipmsg.NewResponseFromRequest(req, status, phrase, body)
	if !p.bare {
		res.AppendHeader(sipmsg.NewHeader("Contact", "<sip:"+p.addr().String()+">"))
	}
	if len(body) > 0 {
		res.AppendHeader(sipmsg.NewHeader("Content-Type", sdpType))
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		res.AppendHeader(sipmsg.NewHeader(name, value))
	}
	p.send(res.String())
	return res
}

func (p *peer) sdp(direction string, formats string) []byte {
	a := addrOf(p.rtp)
	return fmt.Appendf(nil, "v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio %d RTP/AVP %s 101\r\na=rtpmap:101 telephone-event/8000\r\na=%s\r\n",
		a.Addr(), a.Addr(), a.Port(), formats, direction)
}

// text writes a request of the peer's own, within the call that it placed.
func (p *peer) text(method, number string, body []byte, headers ...string) string {
	to := fmt.Sprintf("<sip:%s@%s>", number, p.to)
	if p.far != "" {
		to += ";tag=" + p.far
	}
	return p.raw(method, "sip:"+number+"@"+p.to.String(), fmt.Sprintf(`"Bob" <sip:+4940111@%s>;tag=%s`, p.addr(), p.tag), to, body, headers...)
}

func (p *peer) raw(method, uri, from, to string, body []byte, headers ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s SIP/2.0\r\nVia: SIP/2.0/%s %s;branch=z9hG4bK%s;rport\r\nMax-Forwards: 70\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\nContact: <sip:%s>\r\n",
		method, uri, p.network(), p.addr(), newTag(), from, to, p.id, p.seq, method, p.addr())
	for _, h := range headers {
		b.WriteString(h + "\r\n")
	}
	if len(body) > 0 && !strings.Contains(strings.Join(headers, "\n"), "Content-Type") {
		b.WriteString("Content-Type: application/sdp\r\n")
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	return b.String()
}

// within writes a request in a dialog that the agent began with invite.
func (p *peer) within(invite *sipmsg.Request, method string, seq uint32, body []byte, headers ...string) string {
	q := p.with(seq)
	q.id = invite.CallID().Value()
	from := fmt.Sprintf("<%s>;tag=%s", invite.To().Address.String(), p.tag)
	to := fmt.Sprintf("<%s>;tag=%s", invite.From().Address.String(), tagOf(invite.From().Params))
	return q.raw(method, invite.Contact().Address.String(), from, to, body, headers...)
}

// with is the peer at another sequence number, for writing only.
func (p *peer) with(seq uint32) *peer {
	return &peer{t: p.t, conn: p.conn, streams: p.streams, via: p.via, to: p.to, tag: p.tag, id: p.id, far: p.far, seq: seq}
}

// ack sends the ACK for a 2xx to the peer's own INVITE.
func (p *peer) ack(res *sipmsg.Response, body []byte) {
	p.t.Helper()
	p.far = tagOf(res.To().Params)
	q := p.with(res.CSeq().SeqNo)
	p.send(q.text("ACK", res.To().Address.User, body))
}

// says sends n packets of µ-law audio from the peer's RTP socket.
func (p *peer) says(to netip.AddrPort, n int) {
	p.t.Helper()
	for range n {
		p.packets++
		i := p.packets
		b := make([]byte, 172)
		b[0], b[2], b[3], b[8] = 0x80, byte(i>>8), byte(i), 7
		b[6], b[7] = byte(i*160>>8), byte(i*160)
		for j := 12; j < len(b); j++ {
			b[j] = byte(i)
		}
		if _, err := p.rtp.WriteToUDPAddrPort(b, to); err != nil {
			p.t.Fatal(err)
		}
	}
}

// hears waits for a packet of audio on the peer's RTP socket.
func (p *peer) hears() []byte {
	p.t.Helper()
	buf := make([]byte, 2048)
	p.rtp.SetReadDeadline(time.Now().Add(patience))
	n, _, err := p.rtp.ReadFromUDPAddrPort(buf)
	if err != nil {
		p.t.Fatal("the peer heard nothing")
	}
	return buf[:n]
}

// rtpOf is where a description wants its audio.
func rtpOf(t *testing.T, sdp []byte) netip.AddrPort {
	t.Helper()
	a, err := offer.Parse(sdp)
	if err != nil {
		t.Fatalf("%v in\n%s", err, sdp)
	}
	return a.Addr
}

// board is a switchboard that shows each call to the test.
type board struct {
	calls  chan signalling.Incoming
	refuse atomic.Pointer[signalling.Reason]
}

func (b *board) Accept(in signalling.Incoming) (signalling.Reason, bool) {
	if r := b.refuse.Load(); r != nil {
		return *r, false
	}
	b.calls <- in
	return signalling.Reason{}, true
}
