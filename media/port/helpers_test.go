package port

import (
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"roomline/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const here = "127.77.0.1"

func config(pairs int) Config {
	return Config{Address: here, Low: 18000, High: 18000 + 2*pairs - 1, Latch: true}
}

// clock is a hand-set one.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// frozen is a range whose time moves by hand and that is swept by hand.
func frozen(t testing.TB, cfg Config) (*Range, *clock) {
	t.Helper()
	c := &clock{t: time.Unix(1000, 0)}
	r, err := newRange(cfg, quiet(), c.now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r, c
}

func open(t testing.TB, r *Range) *Port {
	t.Helper()
	p, err := r.Open()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// phone is a far end on a loopback address of its own.
type phone struct {
	t    testing.TB
	conn *net.UDPConn
	to   netip.AddrPort
	h    header
}

func newPhone(t testing.TB, ip string, to netip.AddrPort) *phone {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(ip)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &phone{t: t, conn: conn, to: to, h: header{ssrc: 77, seq: 100, ts: 5000}}
}

func (f *phone) addr() netip.AddrPort { return f.conn.LocalAddr().(*net.UDPAddr).AddrPort() }

func (f *phone) raw(b []byte) {
	f.t.Helper()
	if _, err := f.conn.WriteToUDPAddrPort(b, f.to); err != nil {
		f.t.Fatal(err)
	}
}

// say sends the next packet in sequence.
func (f *phone) say(pt uint8, payload ...byte) {
	f.t.Helper()
	f.h.seq++
	f.h.ts += 160
	f.h.pt = pt
	b := make([]byte, headerSize, headerSize+len(payload))
	f.h.put(b)
	f.raw(append(b, payload...))
}

// hear is the next packet that came, or none within a moment.
func (f *phone) hear() (header, []byte, bool) {
	f.t.Helper()
	b := make([]byte, maxPacket)
	_ = f.conn.SetReadDeadline(time.Now().Add(2 * time.Second))
	n, _, err := f.conn.ReadFromUDPAddrPort(b)
	if err != nil {
		return header{}, nil, false
	}
	h, payload, ok := parse(b[:n])
	return h, payload, ok
}

// silent reports that nothing came so far.
func (f *phone) silent() bool {
	heard := false
	each(f.conn, make([]byte, maxPacket), func([]byte, netip.AddrPort) { heard = true })
	return !heard
}

// ear is a sink that keeps what it hears.
type ear struct{ heard chan media.Packet }

func newEar() *ear { return &ear{make(chan media.Packet, 100)} }

func (e *ear) WritePacket(p *media.Packet) error {
	q := *p
	q.Payload = append([]byte(nil), p.Payload...)
	e.heard <- q
	return nil
}

func (e *ear) next(t testing.TB) media.Packet {
	t.Helper()
	select {
	case p := <-e.heard:
		return p
	case <-time.After(5 * time.Second):
		t.Fatal("nothing heard")
	}
	return media.Packet{}
}

// plain is a negotiation of PCMU with telephone-event.
func plain(remote netip.AddrPort) media.Negotiated {
	return media.Negotiated{
		Format: media.PCMU, SendPT: 0, RecvPT: 0, Event: true, EventClock: 8000, SendEventPT: 101, RecvEventPT: 101,
		Remote: remote, Send: true, Receive: true,
	}
}

// until waits for a condition that another goroutine brings about.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	late := time.After(5 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("never: " + what)
		}
	}
}
