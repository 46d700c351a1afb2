package sip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"

	sipmsg "github.com/emiago/sipgo/sip"
)

// listener is one bound address.
type listener struct {
	listenAddr
	advertise string
	packets   *guardedPackets // one of the two, or neither
	streams   *guardedStreams
}

// listen binds an address; nothing is read before serve.
func listen(l listenAddr, advertise string, g *gate) (*listener, error) {
	network := l.row().network + "6"
	if l.addr.Addr().Is4() {
		network = l.row().network + "4"
	}
	var err error
	bound := &listener{listenAddr: l, advertise: advertise}
	if l.network == "udp" {
		var c net.PacketConn
		if c, err = net.ListenPacket(network, l.addr.String()); err == nil {
			bound.packets = guard(c, g)
			bound.addr = c.LocalAddr().(*net.UDPAddr).AddrPort()
		}
	} else {
		var s net.Listener
		if s, err = net.Listen(network, l.addr.String()); err == nil {
			bound.streams = &guardedStreams{Listener: s, gate: g, open: map[netip.Addr]int{}}
			bound.addr = s.Addr().(*net.TCPAddr).AddrPort()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("listen %s: %w", l, err)
	}
	return bound, nil
}

// departing is a listener at which nobody can arrive: the far end keeps to the
// connection that we make. That leaves from where we listen otherwise, by which a
// trunk may know us; from any, where we do not in that family.
func (a *Agent) departing(network string, any netip.Addr) *listener {
	for _, l := range a.listeners {
		if from := l.addr.Addr(); from.Is4() == any.Is4() {
			any = from
			break
		}
	}
	return &listener{listenAddr: listenAddr{network, netip.AddrPortFrom(any, 0)}, advertise: a.cfg.Advertise}
}

func (l *listener) departs() bool { return l.packets == nil && l.streams == nil }

// serve hands what arrives to the library until close.
func (l *listener) serve(tp *sipmsg.TransportLayer, fs *flows) error {
	if l.packets != nil {
		return tp.ServeUDP(l.packets)
	}
	return fs.accept(l)
}

// ready returns when requests can leave from the listener.
func (l *listener) ready() {
	if l.packets != nil {
		<-l.packets.reading
	}
}

// close may be called twice.
func (l *listener) close() error {
	var err error
	switch {
	case l.packets != nil:
		err = l.packets.Close()
	case l.streams != nil:
		err = l.streams.Close()
	}
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// hostFor is the address under which to, and those beyond it, reach us.
func (l *listener) hostFor(to netip.AddrPort) string {
	if l.advertise != "" {
		return l.advertise
	}
	if !l.addr.Addr().IsUnspecified() {
		return l.addr.Addr().String()
	}
	// Connecting a UDP socket sends nothing; it asks the routing table.
	if c, err := net.Dial("udp", to.String()); err == nil {
		defer c.Close()
		return c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap().String()
	}
	return l.addr.Addr().String()
}

// nowhere is the library's resolver. All that we send names an address, so the
// only names left are those in a stranger's Via: nobody looks them up.
func nowhere() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("names in messages are not resolved")
	}}
}
