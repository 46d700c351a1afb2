package sip

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/signalling"
)

// datagram is the largest message that the library sends over UDP (RFC 3261
// §18.1.1).
const datagram = 1300

// fit shortens header names where a message would else not pass over UDP
// (RFC 3261 §7.3.3), and tells whether it passes.
func fit(msg sipmsg.Message) bool {
	if strings.EqualFold(msg.Transport(), "tcp") || lengthOf(msg) <= datagram {
		return true
	}
	switch m := msg.(type) {
	case *sipmsg.Request:
		m.CompactHeaders = true
	case *sipmsg.Response:
		m.CompactHeaders = true
	}
	return lengthOf(msg) <= datagram
}

// length counts what is written.
type length int

func (n *length) WriteString(s string) (int, error) {
	*n += length(len(s))
	return len(s), nil
}

func lengthOf(msg sipmsg.Message) int {
	var n length
	msg.StringWrite(&n)
	return int(n)
}

// deliver sends a response, of whatever size: only requests must fit into a
// datagram (RFC 3261 §18.1.1). The library sends no large one, and ends the
// transaction of an INVITE whose provisional response is large; so it is told
// of final ones only, and the socket is used past it.
func deliver(tx *sipmsg.ServerTx, res *sipmsg.Response) error {
	if fit(res) {
		return keptOf(tx.Respond(res), res.StatusCode)
	}
	if !res.IsProvisional() {
		if err := tx.Respond(res); !errors.Is(err, sipmsg.ErrUDPMTUCongestion) {
			return keptOf(err, res.StatusCode)
		}
	}
	to, err := netip.ParseAddrPort(res.Destination())
	conn, ok := tx.Connection().(*sipmsg.UDPConnection)
	if err != nil || !ok {
		return errors.Join(err, errors.ErrUnsupported)
	}
	_, err = conn.PacketConn.WriteTo([]byte(res.String()), net.UDPAddrFromAddrPort(to))
	return keptOf(err, res.StatusCode)
}

// leaveFrom makes a request leave from l: over UDP from its very socket, so
// that answers find us; over TCP on the connection to its destination, which
// begins at l's address, by which a trunk may know us.
func (a *Agent) leaveFrom(req *sipmsg.Request, l *listener) {
	req.SetTransport(strings.ToUpper(l.row().network)) // as the library knows it
	switch {
	case l.network == "udp":
		req.Laddr = sipmsg.Addr{IP: net.IP(l.addr.Addr().AsSlice()), Port: int(l.addr.Port())}
	case !l.addr.Addr().IsUnspecified():
		req.Laddr = sipmsg.Addr{IP: net.IP(l.addr.Addr().AsSlice())}
	}
}

// send begins a client transaction. Whoever gets one reads its responses until
// the last, or terminates it: the library waits for the reader.
func (a *Agent) send(req *sipmsg.Request, within time.Duration) (*sipmsg.ClientTx, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(a.ctx), within)
	defer cancel()
	if !fit(req) {
		return a.sendLarge(ctx, req)
	}
	return a.dispatch(ctx, req)
}

// dispatch begins the transaction on the request's connection. One that turns out
// to be dead is made again, once.
func (a *Agent) dispatch(ctx context.Context, req *sipmsg.Request) (*sipmsg.ClientTx, error) {
	f, err := a.reach(ctx, req)
	if err != nil {
		return nil, err
	}
	tx, err := a.txs.Request(a.spent, req)
	if err == nil || f == nil || ctx.Err() != nil {
		return tx, err
	}
	if why := f.epitaph(); why != "" {
		return nil, errors.New(why)
	}
	f.Close() // it was dead already, which only writing to it could show
	if _, err = a.reach(ctx, req); err != nil {
		return nil, err
	}
	return a.txs.Request(a.spent, req)
}

// shun lets the next call over TCP begin a connection of its own: this one has
// swallowed a request, and the kernel may take a quarter of an hour to see that
// it is dead. What else is on it stays.
func (a *Agent) shun(conn sipmsg.Connection) {
	if f := flowOf(conn); f != nil {
		a.flows.retire(f)
	}
}

// write sends an ACK for a 2xx, which has no transaction (RFC 3261 §13.2.2.4).
func (a *Agent) write(req *sipmsg.Request) error {
	fit(req)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(a.ctx), time.Second)
	defer cancel()
	if _, err := a.reach(ctx, req); err != nil {
		return err
	}
	conn, err := a.transport.ClientRequestConnection(a.spent, req)
	if err != nil {
		return err
	}
	defer conn.TryClose()
	return conn.WriteMsg(req)
}

// stray takes a response that no transaction waits for. It never blocks.
func (a *Agent) stray(res *sipmsg.Response) {
	if res.CSeq() == nil || res.To() == nil || res.CSeq().MethodName != sipmsg.INVITE || !res.IsSuccess() && !a.forsaken.has(res) || !a.returned(res) {
		return
	}
	select {
	case a.strays <- res:
	default: // the far end repeats it
	}
}

// sweep ends dialogs that nobody wants: an answer that came after we gave up,
// or from a second fork. Each gets its ACK and a BYE (RFC 3261 §13.2.2.4), and
// one that does not answer is in no other's way.
func (a *Agent) sweep() {
	turns := make(chan struct{}, maxFarewells)
	for {
		select {
		case res := <-a.strays:
			select {
			case turns <- struct{}{}:
			case <-a.ctx.Done():
				return
			}
			a.wg.Go(func() { // ends with the far end's answers, in time, or with a.ctx; awaited by Close
				defer func() { <-turns }()
				signalling.Survives(a.log, "a late answer", func() { a.unwanted(res) })
			})
		case <-a.ctx.Done():
			return
		}
	}
}

func (a *Agent) unwanted(res *sipmsg.Response) {
	a.late(res)
	if res.IsSuccess() {
		a.dismiss(res)
	}
}

// dismiss builds a dialog from a 2xx alone, and ends it.
func (a *Agent) dismiss(res *sipmsg.Response) {
	trunks := a.spokesmen(res)
	peer := sourceOf(res)
	if len(trunks) == 0 || a.listenerFor(way(res).name, peer.Addr()) == nil || res.From() == nil || res.To() == nil || res.CallID() == nil || res.Contact() == nil {
		return
	}
	t := trunks[0]
	l := a.listenerFor(way(res).name, peer.Addr())
	from, to := res.From(), res.To()
	d := &dialog{agent: a, trunk: t, listener: l, host: l.hostFor(peer), callID: string(*res.CallID()),
		local:  party{from.DisplayName, from.Address, tagOf(from.Params)},
		remote: party{to.DisplayName, to.Address, ""}, localSeq: res.CSeq().SeqNo}
	d.establish(res)
	if err := a.write(d.ack(res.CSeq().SeqNo)); err != nil {
		return
	}
	a.farewell(d)
}
