// Package sip turns dialogs on configured trunks into legs of calls.
package sip

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/media/port"
	"roomline/signalling"
)

// Ports gives out RTP ports.
type Ports interface {
	Open() (*port.Port, error)
}

// Switchboard takes incoming calls, or says why not before anything is made.
type Switchboard interface {
	Accept(signalling.Incoming) (signalling.Reason, bool)
}

// Agent is this machine's SIP side: its listeners, trunks and legs. It uses
// the library's transports and transactions; dialogs are its own.
type Agent struct {
	cfg     Config
	trunks  map[string]*trunk
	names   []string // of trunks, sorted
	ports   Ports
	board   Switchboard
	log     *slog.Logger
	product string // for User-Agent and Server
	token   string // in every branch of ours, so that a loop is seen
	timing  timing
	resolve func(context.Context, string) ([]netip.Addr, error) // the resolver

	transport *sipmsg.TransportLayer
	txs       *sipmsg.TransactionLayer
	listeners []*listener
	ctx       context.Context // ends with Close
	stop      context.CancelFunc
	wg        sync.WaitGroup // listeners and the stray goroutine
	running   sync.WaitGroup // legs
	strays    chan *sipmsg.Response
	dropped   atomic.Uint64 // packets and connections from strangers
	draining  atomic.Bool

	mu     sync.Mutex
	closed bool
	legs   map[legKey]*leg
	fresh  map[mergeKey]bool // INVITEs that live legs came from
}

// legKey finds a leg by what stays the same through its dialog.
type legKey struct{ callID, localTag string }

// mergeKey recognises a request that reached us on two ways (RFC 3261 §8.2.2.2).
type mergeKey struct {
	callID, fromTag string
	seq             uint32
}

// timing are the waits that tests shorten.
type timing struct {
	t1, t2  time.Duration // retransmission of a 2xx (RFC 3261 §13.3.1.4)
	ack     time.Duration // 64*T1: no ACK for so long ends the call
	cancel  time.Duration // for the end of a cancelled INVITE
	bye     time.Duration // for an answer to BYE
	watch   time.Duration // between looks at the audio
	silence time.Duration // before the first packet
	lookup  time.Duration // for an answer of the resolver
	follow  time.Duration // between looks at where a trunk's host is
	search  time.Duration // the same while it is nowhere
	glare   time.Duration // the unit of RFC 3261 §14.1's random waits
}

func realTiming() timing {
	return timing{t1: 500 * time.Millisecond, t2: 4 * time.Second, ack: 32 * time.Second, cancel: 10 * time.Second,
		bye: 3 * time.Second, watch: time.Second, silence: 30 * time.Second, glare: 10 * time.Millisecond,
		lookup: 4 * time.Second, follow: time.Minute, search: 10 * time.Second}
}

// New makes an agent that does nothing before Start. It fails where a
// configuration does not fit together, naming the trunk and field.
func New(cfg Config, trunks map[string]TrunkConfig, ports Ports, board Switchboard, log *slog.Logger) (*Agent, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	a := &Agent{cfg: cfg, trunks: map[string]*trunk{}, ports: ports, board: board, log: log, product: "roomline",
		token: rand.Text()[:12], timing: realTiming(), resolve: resolve, strays: make(chan *sipmsg.Response, 64),
		legs: map[legKey]*leg{}, fresh: map[mergeKey]bool{}}
	if cfg.Product != "" {
		a.product = cfg.Product
	}
	a.ctx, a.stop = context.WithCancel(context.Background())
	var errs []error
	for name, tc := range trunks {
		t, err := newTrunk(a, name, tc)
		if name == signalling.Matrix || name == "" {
			err = fmt.Errorf("trunk %q: no trunk can have this name", name)
		}
		errs = append(errs, err)
		a.trunks[name] = t
		a.names = append(a.names, name)
	}
	slices.Sort(a.names)
	return a, errors.Join(errs...)
}

// Start binds every listener and looks for every trunk's host; when it returns
// without error, calls can come and go. A host that has no address yet stops
// nothing: it is looked for until it has.
func (a *Agent) Start(ctx context.Context) error {
	log := slog.New(quiet{a.log.Handler()})
	a.transport = sipmsg.NewTransportLayer(nowhere(), sipmsg.NewParser(), nil, sipmsg.WithTransportLayerLogger(log))
	a.transport.OnMessage(a.prepare)
	a.txs = sipmsg.NewTransactionLayer(a.transport, sipmsg.WithTransactionLayerLogger(log),
		sipmsg.WithTransactionLayerUnhandledResponseHandler(a.stray), sipmsg.WithTransactionLayerTerminateOnConnClose())
	a.txs.OnRequest(a.handle)
	if err := a.bind(); err != nil {
		return errors.Join(err, a.Close())
	}
	a.locate(ctx)
	for _, l := range a.listeners {
		a.wg.Go(func() { // ends when Close closes the listener; awaited by Close
			if err := l.serve(a.transport); err != nil && a.ctx.Err() == nil {
				a.log.Error("a SIP listener ended", "listen", l, "error", err)
			}
		})
		l.ready()
	}
	a.wg.Go(a.sweep) // ends with a.ctx; awaited by Close
	return nil
}

// locate finds the hosts of all trunks, side by side, and follows those that
// have a name.
func (a *Agent) locate(ctx context.Context) {
	var all sync.WaitGroup
	for _, name := range a.names {
		t := a.trunks[name]
		t.host.find = a.resolve
		all.Go(func() { // ends with the resolver's answer, in time; awaited below
			if err := t.host.lookup(ctx, a.timing.lookup); err != nil {
				a.log.Warn("a trunk's host has no address", "trunk", name, "error", err)
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
	for _, s := range a.cfg.Listen {
		addr, err := parseListen(s)
		if err != nil {
			return err
		}
		l, err := listen(addr, a.cfg.Advertise, a.admits, &a.dropped)
		if err != nil {
			return err
		}
		a.listeners = append(a.listeners, l)
	}
	for _, name := range a.names {
		network := a.trunks[name].Transport
		if !slices.ContainsFunc(a.listeners, func(l *listener) bool { return l.network == network }) {
			return fmt.Errorf("trunk %q: transport: %s needs a listen address that begins with %s://", name, network, network)
		}
	}
	return nil
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

// listenerOf is where a request came in.
func (a *Agent) listenerOf(tx *sipmsg.ServerTx, network string, from netip.Addr) *listener {
	at := tx.Connection().LocalAddr().String()
	for _, l := range a.listeners {
		if l.network == network && l.addr.String() == at {
			return l
		}
	}
	return a.listenerFor(network, from)
}

// admits tells whether any trunk speaks from addr.
func (a *Agent) admits(addr netip.Addr) bool {
	for _, t := range a.trunks {
		if t.trusts(addr) {
			return true
		}
	}
	return false
}

// Trunk returns the dialler of a trunk.
func (a *Agent) Trunk(name string) (signalling.Dialler, bool) {
	t, ok := a.trunks[name]
	if !ok {
		return nil, false
	}
	return t, true
}

// TrunkStates says how calls last found each trunk: "unknown", "up", or the
// label of the cause that speaks against it, as "trunk_auth".
func (a *Agent) TrunkStates() map[string]string {
	states := map[string]string{}
	for name, t := range a.trunks {
		states[name] = t.lastState()
	}
	return states
}

// Dropped counts packets and connections that came from no trunk's address.
func (a *Agent) Dropped() uint64 { return a.dropped.Load() }

// Drain refuses new calls from now on, with 503 and a time to try again.
// Calls that are up go on.
func (a *Agent) Drain() { a.draining.Store(true) }

// Close ends what legs there still are and every goroutine. It may be called
// twice.
func (a *Agent) Close() error {
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
	a.draining.Store(true)
	a.stop()
	a.running.Wait()
	var errs []error
	for _, l := range a.listeners {
		errs = append(errs, l.close())
	}
	if a.transport != nil {
		a.txs.Close()
		errs = append(errs, a.transport.Close())
	}
	a.wg.Wait()
	return errors.Join(errs...)
}
