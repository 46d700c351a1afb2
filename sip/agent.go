// Package sip turns dialogs on configured trunks into legs of calls.
package sip

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/internal/sparse"
	"roomline/media/port"
	"roomline/signalling"
	"roomline/sip/locate"
	"roomline/sip/shaken"
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
	resolve func(context.Context, string) ([]netip.Addr, error)        // the resolver
	search  func(context.Context, locate.Query) (locate.Answer, error) // the same, for trunks

	web       *shaken.Web // certificates of those who sign calls
	transport *sipmsg.TransportLayer
	txs       *sipmsg.TransactionLayer
	listeners []*listener
	flows     *flows
	server    *server
	spent     context.Context // over: with it the library uses our connections, and dials none
	ctx       context.Context // ends with Close
	stop      context.CancelFunc
	leaving   context.Context // ends with Drain, or with ctx
	leave     context.CancelFunc
	wg        sync.WaitGroup // listeners and the stray goroutine
	running   sync.WaitGroup // legs
	strays    chan *sipmsg.Response
	letters   Correspondent // nil: no text messages
	texts     chan struct{} // one for each that is being delivered
	scribe    *scribe
	forsaken  forsaken
	rejected  rejections
	dropped   atomic.Uint64 // packets and connections from strangers
	malformed atomic.Uint64 // messages from trunks' addresses that make no sense
	parser    *sipmsg.Parser
	seed      maphash.Seed // of tags that are not remembered
	finished  *finished
	budgets   *budgets
	pending   atomic.Int64 // server transactions

	excess     atomic.Uint64 // messages that were too many
	excessTold atomic.Int64  // when we last said so, in Unix seconds
	draining   atomic.Bool

	mu     sync.Mutex
	closed bool
	legs   map[legKey]*leg
	fresh  map[mergeKey]bool // INVITEs that live legs came from
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
	follow  time.Duration // the least between looks at where a trunk's host is
	search  time.Duration // the same while it is nowhere
	hush    time.Duration // for the library's last goroutines, when we close
	refer   time.Duration // for the end of a transfer that we asked for
	linger  time.Duration // for the BYE of a far end that was transferred away
	again   time.Duration // before a journal that could not be written is tried again
	glare   time.Duration // the unit of RFC 3261 §14.1's random waits
	second  time.Duration // the unit of session timers
	digit   time.Duration // for the same digit by another way than INFO

	farewells []time.Duration // after each BYE to a call of before a sudden end
}

func realTiming() timing {
	return timing{t1: 500 * time.Millisecond, t2: 4 * time.Second, ack: 32 * time.Second, cancel: 10 * time.Second,
		bye: 3 * time.Second, watch: time.Second, silence: 30 * time.Second, glare: 10 * time.Millisecond, second: time.Second, digit: 300 * time.Millisecond,
		refer: 35 * time.Second, linger: 2 * time.Second,
		again: time.Second, farewells: []time.Duration{time.Second, 4 * time.Second, 15 * time.Second, time.Minute},
		lookup: 4 * time.Second, follow: 30 * time.Second, search: 10 * time.Second, hush: 20 * time.Millisecond}
}

// New makes an agent that does nothing before Start. It fails where a
// configuration does not fit together, naming the trunk and field. Without a
// journal, calls are not ended after a sudden end of the program.
func New(cfg Config, trunks map[string]TrunkConfig, ports Ports, board Switchboard, journal Journal, log *slog.Logger) (*Agent, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	a := &Agent{cfg: cfg, web: shaken.NewWeb(nil), trunks: map[string]*trunk{}, ports: ports, board: board, log: log, product: "roomline",
		token: rand.Text()[:12], timing: realTiming(), resolve: resolve, search: new(locate.Finder).Locate, strays: make(chan *sipmsg.Response, 64), texts: make(chan struct{}, maxLetters),
		scribe: newScribe(journal, log), forsaken: forsaken{all: map[string]abandoned{}}, rejected: rejections{all: map[rejectedKey]rejection{}}, legs: map[legKey]*leg{}, fresh: map[mergeKey]bool{}}
	a.budgets, a.log = newBudgets(), slog.New(sparse.New(log.Handler()))
	a.parser, a.seed = sipmsg.NewParser(sipmsg.WithHeadersParsers(parsers())), maphash.MakeSeed()
	if cfg.Product != "" {
		a.product = cfg.Product
	}
	a.ctx, a.stop = context.WithCancel(context.Background())
	a.leaving, a.leave = context.WithCancel(a.ctx)
	a.spent = over()
	a.flows, a.server = newFlows(a), newServer(cfg.TLS, a.log)
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

func over() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
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

// Drain refuses new calls from now on, with 503 and a time to try again, and
// takes back what it has registered. Calls that are up go on.
func (a *Agent) Drain() {
	a.draining.Store(true)
	a.leave()
}
