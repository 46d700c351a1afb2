package sip

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// flow is one connection of a trunk's, made by either side, as the library sees
// it: as TCP, whatever is inside. It is known here from the moment when the
// library reads it until it is lost.
type flow struct {
	net.Conn // brings whole messages
	row      transportRow
	listener *listener // that accepted it; nil: we dialled
	trunks   []*trunk  // that it may speak for; nil: all of its address
	key      flowKey   // of one that we dialled
	remote   netip.AddrPort
	local    netip.AddrPort
	ping     func() error // asks the far end for a sign of life
	owner    *trunk       // that it was dialled for; nil: the far end connected
	born     time.Time
	pinged   atomic.Int64  // when we last did that, in Unix nanoseconds
	heard    *atomic.Int64 // when the far end last said anything, in Unix nanoseconds

	why     atomic.Pointer[string] // it is lost, where the far end said so
	all     *flows
	begin   sync.Once
	adopted chan struct{} // closed when the library reads
	end     sync.Once
	lost    chan struct{} // closed when it is over
}

// flowKey is what a request needs of a connection that is to be shared.
type flowKey struct {
	to        netip.AddrPort
	transport string
	who       flowIdentity
}

// flowIdentity is whom we took the far end for, and who we were to it: zero
// where nobody proves anything.
type flowIdentity struct {
	name string
	tls  TrunkTLS
	path string
}

// Read implements net.Conn. Whoever looks for the connection after its end finds
// a gravestone for a while: answers go to the connection on which their request
// came or nowhere, and never to a new one (RFC 3261 §18.2.2 would have the Via
// looked up, which a far end may fill with anything).
func (f *flow) Read(b []byte) (int, error) {
	f.begin.Do(func() { close(f.adopted) })
	n, err := f.Conn.Read(b)
	if err != nil {
		if alert := (*net.OpError)(nil); errors.As(err, &alert) && alert.Op == "remote error" { // as crypto/tls puts the far end's alert
			why := short(err)
			f.why.Store(&why)
		}
		f.all.bury(f)
		f.Close()
	}
	return n, err
}

// epitaph is what a far end said when it hung up while we were writing, where it
// said anything: our reader may be a moment behind.
func (f *flow) epitaph() string {
	select {
	case <-f.lost:
	case <-time.After(100 * time.Millisecond):
	}
	if why := f.why.Load(); why != nil {
		return "the connection was lost: " + *why
	}
	return ""
}

// lostWhy says that the connection of a request was lost, and why where the far
// end did: with TLS 1.3 a client learns only then that its certificate is refused.
func lostWhy(c sipmsg.Connection) string {
	const lost = "the connection was lost"
	if f := flowOf(c); f != nil && f.why.Load() != nil {
		return lost + ": " + *f.why.Load()
	}
	return lost
}

// Close implements net.Conn. The library calls it under its own lock; TLS says
// goodbye on the wire, so that is done aside.
func (f *flow) Close() error {
	f.end.Do(func() {
		close(f.lost)
		f.all.forget(f)
		if f.owner != nil {
			f.owner.stirred(time.Since(f.born))
		}
	})
	return nil
}

// alive tells whether requests can still leave on it.
func (f *flow) alive() bool {
	if f == nil {
		return false
	}
	select {
	case <-f.lost:
		return false
	default:
		return true
	}
}

// dialled tells whether the connection is ours.
func (f *flow) dialled() bool { return f.listener == nil }

// rouse asks a far end for a sign of life. One that has given none since it was
// last asked, neither for that nor for the OPTIONS in between, is gone.
func (f *flow) rouse() {
	if before := f.pinged.Load(); before != 0 && f.heard.Load() < before {
		f.Close()
		return
	}
	f.pinged.Store(time.Now().UnixNano())
	if err := f.ping(); err != nil {
		f.Close()
	}
}

// hearing notes when a connection brings anything.
type hearing struct {
	net.Conn
	at atomic.Int64
}

func newHearing(c net.Conn) *hearing {
	h := &hearing{Conn: c}
	h.at.Store(time.Now().UnixNano())
	return h
}

// Read implements net.Conn.
func (h *hearing) Read(b []byte) (int, error) {
	n, err := h.Conn.Read(b)
	if n > 0 {
		h.at.Store(time.Now().UnixNano())
	}
	return n, err
}

// gravestone stands in the library's pool where a connection was.
type gravestone struct{ at net.Addr }

// LocalAddr implements sipmsg.Connection, as do the others.
func (g gravestone) LocalAddr() net.Addr           { return g.at }
func (g gravestone) WriteMsg(sipmsg.Message) error { return net.ErrClosed }
func (g gravestone) Ref(int) int                   { return 1 }
func (g gravestone) TryClose() (int, error)        { return 0, nil }
func (g gravestone) Close() error                  { return nil }

// flowOf is the connection under one of the library's; nil for UDP.
func flowOf(c sipmsg.Connection) *flow {
	if tcp, ok := c.(*sipmsg.TCPConnection); ok {
		f, _ := tcp.Conn.(*flow)
		return f
	}
	return nil
}
