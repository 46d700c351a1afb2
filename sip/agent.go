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
	glare   time.Duration // the unit of RFC 3261 §14.1's random waits
}

func realTiming() timing {
	return timing{t1: 500 * time.Millisecond, t2: 4 * time.Second, ack: 32 * time.Second, cancel: 10 * time.Second,
		bye: 3 * time.Second, watch: time.Second, silence: 30 * time.Second, glare: 10 * time.Millisecond}
}

// New makes an agent that does nothing before Start. It fails where a
// configuration does not fit together, naming the trunk and field.
func New(cfg Config, trunks map[string]TrunkConfig, ports Ports, board Switchboard, log *slog.Logger) (*Agent, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	a := &Agent{cfg: cfg, trunks: map[string]*trunk{}, ports: ports, board: board, log: log, product: "roomline",
		token: rand.Text()[:12], timing: realTiming(), strays: make(chan *sipmsg.Response, 64),
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

// Start binds every listener and finds every trunk's host; when it returns
// without error, calls can come and go. A trunk whose host has no address now
// is tried again with each call.
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
	for _, name := range a.names {
		if err := a.trunks[name].lookup(ctx); err != nil {
			a.log.Warn("a trunk's host has no address", "trunk", name, "error", err)
		}
	}
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

// bind opens the listeners and gives each trunk the one it needs.
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
		t := a.trunks[name]
		if t.listener = a.listenerFor(t.Transport); t.listener == nil {
			return fmt.Errorf("trunk %q: transport: %s needs a listen address that begins with %s://", name, t.Transport, t.Transport)
		}
	}
	return nil
}

func (a *Agent) listenerFor(network string) *listener {
	for _, l := range a.listeners {
		if l.network == network {
			return l
		}
	}
	return nil
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
	a.listeners = nil
	if a.transport != nil {
		a.txs.Close()
		errs = append(errs, a.transport.Close())
	}
	a.wg.Wait()
	return errors.Join(errs...)
}
