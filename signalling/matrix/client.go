// Package matrix turns the call events of Matrix rooms into the legs of calls.
package matrix

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"maunium.net/go/mautrix/event"

	"roomline/internal/database"
	"roomline/media"
	"roomline/media/peer"
	"roomline/signalling"
	"roomline/signalling/command"
)

// Switchboard takes calls in; signalling.Exchange does it.
type Switchboard interface {
	// Accept takes a call, or refuses it and says why.
	Accept(signalling.Incoming) (signalling.Reason, bool)
}

// Permissions says who may do what; permit.Permit does it.
type Permissions interface {
	May(user string, what signalling.Level) bool
}

const (
	maxAtOnce = 256    // admissions and joins under way
	remember  = 50_000 // event ids
	pingEvery = 30 * time.Second
	flushTime = 5 * time.Second // for what is still to be sent when we stop
)

// Client is one application service or one account: the homeserver's view of
// the gateway. It makes legs for calls that rooms place and, as a signalling.Dialler, for
// calls that ring a room.
type Client struct {
	cfg     Config
	db      *database.DB
	peers   Peers
	numbers Numbers
	users   []string // whose lines ring
	board   Switchboard
	may     Permissions
	log     *slog.Logger
	secret  *regexp.Regexp // what the log must not show
	floods  *floodgate     // and how often it is written
	pace    pace

	hs       *homeserver
	store    *store
	vault    vault               // nil: no encryption
	opened   chan []*event.Event // what was encrypted and has been read, in order; for intake
	secrecy  *secrecy
	witness  witness // of who has which keys
	hearing          // what encrypted rooms say
	ghosts   *ghosts
	rooms    *rooms
	lines    *lines
	calls    *calls
	ringback signalling.Music // nil: silence
	refused  atomic.Uint64    // requests without our token

	ctx       context.Context // of the legs and of all slow work
	stop      context.CancelFunc
	sending   context.Context // of the outboxes, which outlive the legs
	mute      context.CancelFunc
	quit      chan struct{} // ends intake
	work      sync.WaitGroup
	outboxes  sync.WaitGroup
	atOnce    chan struct{}
	draining  atomic.Bool
	followed  tally // commands
	questions questions
	barred    barred
	closing   sync.Once

	left    []openCall      // of an earlier run; of watch alone, as is the next
	again   []*event.Event  // acknowledged by an earlier run, and not taken up; of intake alone
	half    []openStory     // stories of an earlier run
	seen    map[string]bool // of intake alone, as are the next five
	ring    []string
	turn    int
	told    map[string]bool // rooms that were looked at, because something in them was encrypted
	storms  storms
	patrons map[string]*patron // who gives commands

	mu      sync.Mutex // guards what follows
	unsaid  []missedCall
	state   error // why we are not ready; nil: we are
	desk    command.Desk
	letters Writer // nil: nobody's messages are sent
	begun   bool   // Start is done: everything above is there
	ended   bool
}

var _ signalling.Dialler = (*Client)(nil)

// errStarting is the state before the homeserver was asked for the first time.
var errStarting = errors.New("the homeserver has not been reached yet")

// New makes a client that does nothing yet. lines maps the numbers that ring
// here, in E.164, to the users who are rung. The database stays its owner's,
// who closes it after the client.
func New(cfg Config, db *database.DB, peers *peer.Factory, numbers Numbers, lines map[string]string, board Switchboard, may Permissions, log *slog.Logger) (*Client, error) {
	return newClient(cfg, db, factory{peers}, numbers, lines, board, may, log)
}

func newClient(cfg Config, db *database.DB, peers Peers, numbers Numbers, lines map[string]string, board Switchboard, may Permissions, log *slog.Logger) (*Client, error) {
	cfg.Defaults()
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("matrix: %w", err)
	}
	c := &Client{cfg: cfg, db: db, peers: peers, numbers: numbers, board: board, may: may, secret: numbersIn(cfg.Prefix), floods: newFloodgate(),
		pace: pace{500 * time.Millisecond, 10 * time.Second}, calls: newCalls(), opened: make(chan []*event.Event, 16), hearing: newHearing(), quit: make(chan struct{}),
		atOnce: make(chan struct{}, maxAtOnce), seen: map[string]bool{}, storms: storms{cfg.Domain, map[string]*bucket{}}, told: map[string]bool{}, patrons: map[string]*patron{}, ring: make([]string, remember), state: errStarting}
	c.log = c.masking(log).With("side", signalling.Matrix)
	for _, user := range lines {
		c.users = append(c.users, user)
	}
	slices.Sort(c.users)
	c.users = slices.Compact(c.users)
	c.ctx, c.stop = context.WithCancel(context.Background())
	c.sending, c.mute = context.WithCancel(context.Background())
	return c, nil
}

// Addr is where the homeserver reaches us, once Start has returned; empty for
// an ordinary account.
func (c *Client) Addr() string { return c.hs.address() }

// Ready is nil while the homeserver answers us and reaches us.
func (c *Client) Ready() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// Drain refuses new calls, and says so in their rooms.
func (c *Client) Drain() { c.draining.Store(true) }

// Dial implements signalling.Dialler: it rings a user. Before Start has
// returned nobody can be rung, and the leg says so.
func (c *Client) Dial(to signalling.Target, offer []media.Format, in *signalling.Inbox) signalling.Leg {
	l := newLeg(c, signalling.B)
	l.id, l.in, l.log, l.since = newCallID(), in, c.masking(in.Log()), time.Now()
	l.seat.Store(in)
	l.target, l.user, l.far, l.other = to, to.To.User, party{User: to.To.User}, to.From
	recipe := func() outcome { return l.callee(offer) }
	c.mu.Lock()
	if !c.begun {
		recipe = func() outcome {
			return outcome{reason: signalling.Reason{Cause: signalling.Unavailable, Detail: "the gateway is starting"}, own: true}
		}
	}
	c.mu.Unlock()
	c.goLeg(func() { l.run(recipe) })
	return l
}

// Close ends every leg, sends what can be sent in a few seconds, and returns
// when nothing of the client is left. It may be called twice.
func (c *Client) Close() error {
	c.closing.Do(func() {
		c.draining.Store(true)
		c.witness.close()
		if c.hs != nil {
			c.hs.shut()
		}
		c.mu.Lock()
		c.ended = true
		c.mu.Unlock()
		c.stop()
		close(c.quit)
		c.work.Wait()
		c.flush()
		if c.vault != nil {
			c.vault.Close()
		}
		if c.eraser != nil {
			c.eraser.close()
		}
		if c.hs != nil {
			c.hs.close()
		}
	})
	return nil
}
