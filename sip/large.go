package sip

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"

	sipmsg "github.com/emiago/sipgo/sip"
)

// sendLarge sends a request that is too large for UDP over TCP (RFC 3261
// §18.1.1), and where the far end refuses TCP over UDP all the same, as that
// section says. Via and Contact name the way that it went.
func (a *Agent) sendLarge(ctx context.Context, req *sipmsg.Request) (*sipmsg.ClientTx, error) {
	to, _ := addrPort(req.Destination())
	l := a.listenerFor("tcp", to.Addr())
	if req.Method == sipmsg.MESSAGE { // RFC 3428 §8: who knows what the hops beyond the next one are
		return nil, fmt.Errorf("a %s of %d bytes is too large for UDP: set transport to tcp", req.Method, len(req.String()))
	}
	if l == nil {
		return nil, fmt.Errorf("a %s of %d bytes is too large for UDP: add tcp:// to sip.listen", req.Method, len(req.String()))
	}
	back := a.moveTo(l, req)
	tx, err := a.dispatch(ctx, req)
	if err == nil || !errors.Is(err, syscall.ECONNREFUSED) {
		return tx, err
	}
	back()
	return a.dispatch(ctx, req)
}

// moveTo makes a request one of another listener's, and returns what undoes that.
func (a *Agent) moveTo(l *listener, req *sipmsg.Request) func() {
	via, transport, laddr, to := *req.Via(), req.Transport(), req.Laddr, req.Destination()
	var contact sipmsg.Uri
	if c := req.Contact(); c != nil {
		contact = *c.Address.Clone()
		c.Address.Port = int(l.addr.Port())
		c.Address.UriParams.Add("transport", l.row().uri)
	}
	req.Via().Transport, req.Via().Port = "TCP", int(l.addr.Port())
	req.CompactHeaders = false
	a.leaveFrom(req, l)
	req.Laddr.Hostname = laddr.Hostname
	return func() {
		*req.Via() = via
		req.SetTransport(transport)
		req.SetDestination(to)
		req.Laddr, req.CompactHeaders = laddr, true
		if c := req.Contact(); c != nil {
			c.Address = contact
		}
	}
}

// unlimited is a UDP socket that sends what the library would not: a request too
// large for one packet of the network, which is cut into several on the way, is
// still better than none.
type unlimited struct {
	sipmsg.Connection
	socket net.PacketConn
}

// WriteMsg implements sipmsg.Connection.
func (u unlimited) WriteMsg(msg sipmsg.Message) error {
	err := u.Connection.WriteMsg(msg)
	if !errors.Is(err, sipmsg.ErrUDPMTUCongestion) {
		return err
	}
	to, ok := addrPort(msg.Destination())
	if !ok {
		return err
	}
	var b bytes.Buffer
	msg.StringWrite(&b)
	_, err = u.socket.WriteTo(b.Bytes(), net.UDPAddrFromAddrPort(to))
	return err
}

// unlimit takes the library's limit off a listener's socket, for requests of ours.
func (l *listener) unlimit(tp *sipmsg.TransportLayer) {
	if l.packets == nil {
		return
	}
	pool, at := tp.Pool("udp"), l.packets.LocalAddr().String()
	if c := pool.Get(at); c != nil {
		pool.Add(at, unlimited{c, l.packets})
	}
}
