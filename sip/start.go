package sip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// Start binds every listener and looks for every trunk's host; when it returns
// without error, calls can come and go. A host that has no address yet stops
// nothing: it is looked for until it has.
func (a *Agent) Start(ctx context.Context) error {
	log := slog.New(quiet{a.log.Handler()})
	a.transport = sipmsg.NewTransportLayer(nowhere(), a.parser, nil, sipmsg.WithTransportLayerLogger(log))
	a.transport.OnMessage(a.prepare)
	a.txs = sipmsg.NewTransactionLayer(a.transport, sipmsg.WithTransactionLayerLogger(log),
		sipmsg.WithTransactionLayerUnhandledResponseHandler(a.stray), sipmsg.WithTransactionLayerTerminateOnConnClose())
	a.txs.OnRequest(a.handle)
	if err := errors.Join(a.certificates(), a.bind()); err != nil {
		return errors.Join(err, a.Close())
	}
	left, err := a.leftovers(ctx)
	if err != nil {
		return errors.Join(err, a.Close())
	}
	a.locate(ctx)
	a.wg.Go(func() { _ = a.transport.ServeTCP(a.flows) }) // ends with Close, which awaits it
	for _, l := range a.listeners {
		if l.departs() {
			continue
		}
		a.wg.Go(func() { // ends when Close closes the listener; awaited by Close
			if err := l.serve(a.transport, a.flows); a.ctx.Err() == nil { // the library returns no error for UDP
				a.log.Error("a SIP listener ended", "listen", l, "error", err)
			}
		})
		l.ready()
		l.unlimit(a.transport)
	}
	a.warnOfKeys()
	a.registerAll()
	for _, name := range a.names {
		if t := a.trunks[name]; t.Keepalive > 0 {
			a.wg.Go(func() { t.watch(a.ctx) }) // ends with a.ctx; awaited by Close
		}
	}
	a.wg.Go(a.sweep)                                        // ends with a.ctx; awaited by Close
	a.wg.Go(func() { a.scribe.run(a.ctx, a.timing.again) }) // the same
	a.wg.Go(func() { a.endAll(left) })                      // the same, or when all are ended
	return nil
}

// parsers are the library's but for those of Refer-To and Referred-By: a bad one
// is for us to answer, not a reason to drop the message.
func parsers() map[string]sipmsg.HeaderParser {
	all := maps.Clone(sipmsg.DefaultHeadersParser())
	delete(all, "refer-to")
	delete(all, "referred-by")
	return all
}

// locate finds the hosts of all trunks, side by side, and follows those that
// have a name.
func (a *Agent) locate(ctx context.Context) {
	var all sync.WaitGroup
	for _, name := range a.names {
		t := a.trunks[name]
		t.host.find = a.search
		all.Go(func() { // ends with the resolver's answer, in time; awaited below
			if err := t.host.lookup(ctx, a.timing.lookup); err != nil {
				a.log.Warn("a trunk's host has no address", "trunk", name, "error", err)
			}
			if t.enrols.locate(ctx, a.search, a.timing) {
				a.wg.Go(func() { t.enrols.followHost(a.ctx, a.timing) }) // ends with a.ctx; awaited by Close
			}
			if !t.host.fixed() {
				a.wg.Go(func() { t.follow(a.ctx) }) // ends with a.ctx; awaited by Close
			}
		})
	}
	all.Wait()
}

// bind opens the listeners, and misses none that a trunk needs.
func (a *Agent) bind() error {
	a.finished = newFinished(a.timing)
	for _, s := range a.cfg.Listen {
		addr, err := parseListen(s)
		if err != nil {
			return err
		}
		l, err := listen(addr, a.cfg.Advertise, a.gate(addr.row()))
		if err != nil {
			return err
		}
		a.listeners = append(a.listeners, l)
	}
	for _, name := range a.names {
		network := a.trunks[name].Transport
		if slices.ContainsFunc(a.listeners, func(l *listener) bool { return l.network == network }) {
			continue
		}
		if row, _ := transportOf(network); !row.outward {
			return fmt.Errorf("trunk %q: transport: %s needs a listen address that begins with %s://", name, network, network)
		}
		a.listeners = append(a.listeners, a.departing(network, netip.IPv4Unspecified()), a.departing(network, netip.IPv6Unspecified()))
	}
	return nil
}

// certificates reads every file of TLS once, so that a wrong one is known now.
func (a *Agent) certificates() error {
	errs := []error{a.server.check()}
	for _, name := range a.names {
		if err := errors.Join(a.trunks[name].client.check(), a.trunks[name].notary.check()); err != nil {
			errs = append(errs, fmt.Errorf("trunk %q: tls: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// listenerFor is where requests to an address leave from, nil where we have
// nothing of its family.
func (a *Agent) listenerFor(network string, to netip.Addr) *listener {
	for _, l := range a.listeners {
		if l.network == network && l.addr.Addr().Is4() == to.Is4() {
			return l
		}
	}
	return nil
}

// listenerAt is the one with that very address, or nil.
func (a *Agent) listenerAt(network, addr string) *listener {
	for _, l := range a.listeners {
		if l.network == network && l.addr.String() == addr {
			return l
		}
	}
	return nil
}

// listenerOf is where a request came in, or would, on a connection that we made.
func (a *Agent) listenerOf(tx *sipmsg.ServerTx, from netip.Addr) *listener {
	network := "udp"
	if f := flowOf(tx.Connection()); f != nil {
		if f.listener != nil {
			return f.listener
		}
		network = f.row.name
	}
	if l := a.listenerAt(network, tx.Connection().LocalAddr().String()); l != nil {
		return l
	}
	return a.listenerFor(network, from)
}

// Close ends what legs there still are and every goroutine. It may be called
// twice.
func (a *Agent) Close() error {
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
	a.draining.Store(true)
	a.stop()
	a.running.Wait()
	a.hush()
	var errs []error
	if a.finished != nil {
		a.finished.close()
	}
	if a.txs != nil {
		a.txs.Close()
	}
	for _, l := range a.listeners {
		errs = append(errs, l.close())
	}
	errs = append(errs, a.flows.Close())
	a.wg.Wait()
	a.flows.shut()
	if err := a.scribe.flush(context.Background()); err != nil {
		errs = append(errs, fmt.Errorf("write the journal of SIP calls: %w", err))
	}
	if a.transport != nil {
		errs = append(errs, a.transport.Close())
	}
	return errors.Join(errs...)
}

// hush stops listening while the sockets are still there. What came last is in
// goroutines of the library's, which tell nobody when they are done; one that
// found no listener would open a socket of its own to answer from.
func (a *Agent) hush() {
	for _, l := range a.listeners {
		if l.packets != nil {
			l.packets.hush()
		}
	}
	<-time.After(a.timing.hush)
}
