package sip

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// guardedPackets lets through what comes from a trunk's address and makes sense,
// and drops all from elsewhere unread.
type guardedPackets struct {
	net.PacketConn
	*gate
	once    sync.Once
	reading chan struct{} // closed when the library reads, and so knows the socket
	deaf    atomic.Bool
	idle    chan struct{} // closed when the library will get no packet any more
	done    chan struct{} // closed by Close
	closing sync.Once
}

// maxQueued is how many bytes may wait in a socket while we are busy, as far as
// the kernel allows it (net.core.rmem_max).
const maxQueued = 4 << 20

func guard(c net.PacketConn, g *gate) *guardedPackets {
	if udp, ok := c.(*net.UDPConn); ok {
		_ = udp.SetReadBuffer(maxQueued) // else it is as it was
	}
	return &guardedPackets{PacketConn: c, gate: g,
		reading: make(chan struct{}), idle: make(chan struct{}), done: make(chan struct{})}
}

// ReadFrom implements net.PacketConn. A passing error of the socket does not
// end the listener.
func (g *guardedPackets) ReadFrom(b []byte) (int, net.Addr, error) {
	g.once.Do(func() { close(g.reading) })
	for failed := 0; ; {
		n, from, err := g.PacketConn.ReadFrom(b)
		if g.deaf.Load() {
			return g.leave(net.ErrClosed)
		}
		if err != nil {
			if failed++; errors.Is(err, net.ErrClosed) || failed > 100 {
				return g.leave(err)
			}
			continue
		}
		if n = g.judge(b[:n], from.(*net.UDPAddr).AddrPort()); n > 0 {
			return n, from, nil
		}
	}
}

// judge is how many bytes of a packet the library may read; 0: none.
func (g *guardedPackets) judge(b []byte, from netip.AddrPort) int {
	from = unmapped(from)
	if !g.admits(from.Addr()) {
		g.dropped.Add(1)
		return 0
	}
	start := bytes.TrimLeft(b, "\r\n\x00")
	if len(start) == 0 { // it keeps a NAT open (RFC 5626 §3.5.1)
		return 0
	}
	b = b[:copy(b, start)]
	v := g.screen(b, from, "udp")
	if len(v.reply) > 0 {
		g.say(v.reply, v.to)
	}
	return len(v.pass)
}

// leave is the end of reading. The library forgets the socket at once when it
// is told, so that waits for Close.
func (g *guardedPackets) leave(err error) (int, net.Addr, error) {
	close(g.idle)
	if g.deaf.Load() {
		<-g.done
	}
	return 0, nil, err
}

// hush returns when the library has had its last packet. The socket stays, to
// write to.
func (g *guardedPackets) hush() {
	select {
	case <-g.reading:
	default:
		return // nobody reads
	}
	g.deaf.Store(true)
	_ = g.SetReadDeadline(time.Now()) // fails only where reading has ended
	<-g.idle
}

// Close implements net.PacketConn.
func (g *guardedPackets) Close() error {
	g.closing.Do(func() { close(g.done) })
	return g.PacketConn.Close()
}

// How many connections there may be.
const (
	maxStreams    = 20   // from one address
	maxAllStreams = 1000 // to one listener
)

// guardedStreams accepts connections from trunks only, a few from each.
type guardedStreams struct {
	net.Listener
	*gate

	mu   sync.Mutex
	all  int
	open map[netip.Addr]int
}

// Accept implements net.Listener.
func (g *guardedStreams) Accept() (net.Conn, error) {
	for {
		c, err := g.Listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil, err
		}
		if err != nil { // out of file descriptors, most likely: it passes
			<-time.After(100 * time.Millisecond)
			continue
		}
		from := c.RemoteAddr().(*net.TCPAddr).AddrPort().Addr().Unmap()
		if g.admits(from) && g.count(from, 1) {
			return &countedStream{Conn: c, done: sync.OnceFunc(func() { g.count(from, -1) })}, nil
		}
		g.dropped.Add(1)
		c.Close()
	}
}

// count adds a connection of an address or takes one away, and tells whether
// there was room.
func (g *guardedStreams) count(from netip.Addr, by int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := g.open[from] + by
	if by > 0 && (n > maxStreams || g.all >= maxAllStreams) {
		return false
	}
	g.all += by
	if g.open[from] = n; n == 0 {
		delete(g.open, from)
	}
	return true
}

// countedStream gives its place back when it closes.
type countedStream struct {
	net.Conn
	done func()
}

// Close implements net.Conn.
func (c *countedStream) Close() error {
	c.done()
	return c.Conn.Close()
}
