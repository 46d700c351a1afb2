package port

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// maxFlights are the packets of a handshake that wait to be read.
const maxFlights = 32

// tunnel is what a DTLS connection takes for its socket: what came from the far
// end that ICE chose, and nobody else's (RFC 5764 §5.1.2).
type tunnel struct {
	conn *net.UDPConn
	to   func() (netip.AddrPort, bool)
	in   chan []byte

	mu      sync.Mutex
	expired chan struct{} // closed at the deadline
	timer   *time.Timer
	closed  bool
}

func newTunnel(conn *net.UDPConn, to func() (netip.AddrPort, bool)) *tunnel {
	return &tunnel{conn: conn, to: to, in: make(chan []byte, maxFlights), expired: make(chan struct{})}
}

// put hands in a packet, which is copied. What nobody reads in time is lost like
// any packet.
func (t *tunnel) put(b []byte) {
	select {
	case t.in <- append([]byte(nil), b...):
	default:
	}
}

// ReadFrom implements net.PacketConn.
func (t *tunnel) ReadFrom(b []byte) (int, net.Addr, error) {
	t.mu.Lock()
	expired := t.expired
	t.mu.Unlock()
	select {
	case <-expired:
		return 0, nil, t.why()
	case p := <-t.in:
		return copy(b, p), t.conn.LocalAddr(), nil
	}
}

func (t *tunnel) why() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return net.ErrClosed
	}
	return os.ErrDeadlineExceeded
}

// WriteTo implements net.PacketConn; wherever it is told to send, it sends to the
// far end.
func (t *tunnel) WriteTo(b []byte, _ net.Addr) (int, error) {
	to, ok := t.to()
	if !ok {
		return len(b), nil
	}
	return t.conn.WriteToUDPAddrPort(b, to)
}

// Close implements net.PacketConn. The socket stays open.
func (t *tunnel) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed {
		t.closed = true
		t.expire()
	}
	return nil
}

// LocalAddr implements net.PacketConn.
func (t *tunnel) LocalAddr() net.Addr { return t.conn.LocalAddr() }

// SetDeadline implements net.PacketConn.
func (t *tunnel) SetDeadline(at time.Time) error { return t.SetReadDeadline(at) }

// SetWriteDeadline implements net.PacketConn; writing does not wait.
func (t *tunnel) SetWriteDeadline(time.Time) error { return nil }

// SetReadDeadline implements net.PacketConn.
func (t *tunnel) SetReadDeadline(at time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return net.ErrClosed
	}
	if t.timer != nil {
		t.timer.Stop()
		t.timer = nil
	}
	select {
	case <-t.expired:
		t.expired = make(chan struct{})
	default:
	}
	switch expired := t.expired; {
	case at.IsZero():
	case time.Until(at) <= 0:
		t.expire()
	default:
		t.timer = time.AfterFunc(time.Until(at), func() { t.late(expired) })
	}
	return nil
}

// late is the deadline that belongs to a channel, if that is still the one.
func (t *tunnel) late(expired chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.expired == expired {
		t.expire()
	}
}

func (t *tunnel) expire() {
	select {
	case <-t.expired:
	default:
		close(t.expired)
	}
}
