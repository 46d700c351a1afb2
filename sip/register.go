package sip

import (
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// clerk keeps a trunk's registration: it does what the table says. All of it
// belongs to one goroutine, but for what the enrolment shows to others.
type clerk struct {
	*enrolment
	trunk *trunk
	log   *slog.Logger
	ask   func(req *sipmsg.Request, within time.Duration, until <-chan struct{}) (*sipmsg.Response, error)
	seat  func() (seat, bool)        // where we and the registrar are now
	holds func(seat) bool            // whether that is still so
	line  func(seat) <-chan struct{} // closed when the connection to there is lost; nil: there is none
	watch time.Duration              // between looks
	quick time.Duration              // for the answer when we leave

	state  registration
	dialog *dialog         // its Call-ID and CSeq stay from one REGISTER to the next (RFC 3261 §10.2.4)
	home   seat            // where we last asked first, and from where
	since  time.Time       // of the latest REGISTER
	cut    <-chan struct{} // closed when its connection is lost
	detour *seat           // where a 3xx sent us after that
	toward sipmsg.Uri      // its name there
	last   sipmsg.Uri      // the Contact that we last asked for
	old    []sipmsg.Uri    // those of before, which are to be forgotten
	creds  credentials
	auth   []sipmsg.Header // for the next request
}

// seat is where a REGISTER goes and which Contact it has. Two are equal when
// nothing has moved.
type seat struct {
	remote   netip.AddrPort
	listener *listener
	host     string // ours
}

// registerAll begins the registration of every trunk that needs one. The goroutines
// end when nothing is registered any more, after Drain or Close, which awaits
// them.
func (a *Agent) registerAll() {
	for _, name := range a.names {
		if t := a.trunks[name]; t.enrols != nil {
			c := newClerk(t)
			a.running.Go(func() { c.run(a.leaving.Done()) })
		}
	}
}

func newClerk(t *trunk) *clerk {
	a := t.agent
	c := &clerk{enrolment: t.enrols, trunk: t, log: a.log.With("trunk", t.name), ask: a.consult, seat: t.seat, holds: t.holds, line: t.line,
		watch: a.timing.follow, quick: a.timing.bye, state: registration{word: regNever, wish: t.Register.Expires}}
	me := party{"", t.enrols.aor, newTag()}
	c.dialog = &dialog{agent: a, trunk: t, callID: newTag(), local: me, remote: party{"", t.enrols.aor, ""}, localSeq: newSeq(),
		target: t.enrols.server, routes: t.proxied()}
	return c
}

// run lives until the binding is taken back, which it does as soon as leave is
// closed.
func (c *clerk) run(leave <-chan struct{}) {
	due := time.NewTimer(0)
	defer due.Stop()
	look := time.NewTicker(c.watch)
	defer look.Stop()
	for c.state.phase != regLeft {
		e := regEvent{kind: regDue}
		select {
		case <-c.cut:
			c.cut = nil
			if c.state.word == regRegistered {
				due.Reset(max(renewal(rand.Float64()), time.Until(c.since.Add(renewalLeast))))
			}
			continue
		case <-leave:
			e.kind = regLeave
		case <-due.C:
		case <-look.C:
			if e.kind = regMoved; c.home.listener == nil || c.holds(c.home) {
				continue
			}
		}
		c.follow(e, due, leave)
	}
}

// follow takes an event and whatever comes of it.
func (c *clerk) follow(e regEvent, due *time.Timer, leave <-chan struct{}) {
	for {
		do := c.step(e)
		if do.wait > 0 {
			due.Reset(do.wait)
		}
		switch {
		case do.ask:
			e = c.attempt(c.state.wish, c.patience(), leave)
		case do.leave:
			e = c.attempt(0, c.quick, nil)
		default:
			c.cut = c.line(c.home)
			return
		}
	}
}

// renewalLeast is how long a registration lasts at least before a lost connection
// has it renewed: a registrar may hang up after every answer.
const renewalLeast = 30 * time.Second

// renewal is how long to wait before that: all who were connected to a registrar
// that begins anew have lost their connections at once (RFC 5626 §4.5).
func renewal(chance float64) time.Duration {
	return time.Second + time.Duration(chance*float64(2*time.Second))
}

// step moves the state on, and tells of it where its words change.
func (c *clerk) step(e regEvent) regAction {
	e.chance = rand.Float64()
	before := c.state
	var do regAction
	c.state, do = before.step(e)
	switch {
	case do.ask && before.phase == regResting:
		c.detour, c.auth = nil, nil
	case do.leave && before.phase != regLeaving:
		c.auth = nil
	}
	if word := c.state.word; word != before.word {
		c.word.Store(&word)
		c.tell(word, do.wait)
	}
	return do
}

// tell logs how the registration is now.
func (c *clerk) tell(word string, again time.Duration) {
	if word == regRegistered || word == regEnded {
		c.log.Info("a trunk's registration changed", "state", word)
		return
	}
	c.log.Warn("a trunk's registration is not in force", "state", word, "again_in", again.Round(time.Second).String())
}

func (c *clerk) patience() time.Duration { return max(c.trunk.ConnectTimeout, 10*time.Second) }
