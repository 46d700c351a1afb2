package matrix

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
)

// gate is the vault of an application service. It lets nothing of ours be
// encrypted before the homeserver has shown that it plays its part: Synapse
// does so with switches that are off by default, and others not at all. Users
// with keys whom no message reaches would make clients encrypt rooms in which
// nothing can be read.
type gate struct {
	vault
	test tester
	bot  string
	late *arrears // nil: nobody knows which devices there are
	log  *slog.Logger

	known chan struct{} // closed when the first test is over
	until time.Time     // for so long that is waited for
	wake  chan struct{} // somebody wants a test

	mu      sync.Mutex // guards what follows
	state   ability
	tested  time.Time
	asked   bool          // for a test, though none is due
	next    chan struct{} // closed when the next test is over
	nonce   string
	arrived chan struct{} // closed when the message with the nonce has come
	counts  chan struct{} // closed when the counts of the bot's keys have
}

// tester asks of the homeserver what the gate has to see.
type tester interface {
	// prepare makes the bot's device, to which the message goes.
	prepare(ctx context.Context) error
	// send sends the bot a message from itself.
	send(ctx context.Context, nonce string) error
}

// The bot's device that the test is sent to. It never has keys, so nobody
// encrypts for it.
const (
	probeDevice = "ROOMLINE_TEST"
	probeName   = "Roomline: test of encryption"
	typeProbe   = "org.roomline.test"
)

const (
	probes     = 5               // a homeserver that has just found us again drops what is not for rooms
	probeTime  = 3 * time.Second // until the message is with us; Synapse takes some hundredths
	countTime  = 3 * time.Second // after that; they come in the same transaction
	probeAgain = 5 * time.Minute
	freshFor   = 5 * time.Second // who asks within it hears what the last test has shown
	firstTest  = probes*probeTime + countTime
)

// errUntested is the end of an attempt to encrypt before the test: it is made again.
var errUntested = errors.New("the homeserver has not shown yet that encryption can work")

func newGate(v vault, t tester, bot string, log *slog.Logger) *gate {
	return &gate{vault: v, test: t, bot: bot, log: log, state: abilityUnknown, known: make(chan struct{}), until: time.Now().Add(firstTest),
		wake: make(chan struct{}, 1), next: make(chan struct{})}
}

func (g *gate) ability() ability {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.state
}

// found notes what a test has shown.
func (g *gate) found(now ability) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.state == abilityUnknown && now != abilityUnknown {
		close(g.known)
	}
	g.state, g.tested = now, time.Now()
	close(g.next)
	g.next = make(chan struct{})
}

// fresh is the ability after another test, where the last one is not to be relied
// on: whoever asks may have just put the homeserver right.
func (g *gate) fresh(ctx context.Context) ability {
	g.mu.Lock()
	state, next, due := g.state, g.next, g.state != abilityOn && time.Since(g.tested) >= freshFor
	g.asked = g.asked || due
	g.mu.Unlock()
	if !due {
		return state
	}
	select {
	case g.wake <- struct{}{}:
	default: // it is awake
	}
	happens(ctx, next, firstTest)
	return g.ability()
}

// Ensure implements vault. While nobody can reach them, our users get no keys.
// Right after the start it waits for the first test: a client that looks a
// number up in that moment would make a plain chat with it for ever.
func (g *gate) Ensure(ctx context.Context, user string) error {
	if g.ability() == abilityUnknown {
		happens(ctx, g.known, time.Until(g.until))
	}
	if g.ability() != abilityOn {
		return nil
	}
	return g.vault.Ensure(ctx, user)
}

// Seal implements vault.
func (g *gate) Seal(ctx context.Context, user, room, eventType string, content any, members func(context.Context) ([]string, error)) (*event.EncryptedEventContent, error) {
	switch can := g.ability(); {
	case can == abilityUnknown:
		return nil, errUntested
	case can.missing():
		return nil, errNotInClear
	}
	return g.vault.Seal(ctx, user, room, eventType, content, members)
}

// Await implements vault. The key may have been sent while the homeserver could
// not bring it. The bot's own messages Synapse gives to nobody.
func (g *gate) Await(ctx context.Context, user string, e *event.Event) bool {
	if g.late != nil && user != g.bot {
		g.late.collect(ctx, user)
	}
	return g.vault.Await(ctx, user, e)
}

// ToDevice implements vault.
func (g *gate) ToDevice(user, device string, e *event.Event, done func()) {
	if user != g.bot || device != probeDevice {
		g.vault.ToDevice(user, device, e, done)
		return
	}
	done()
	var content struct{ Nonce text }
	if e.Type.Type != typeProbe || e.Sender.String() != g.bot || json.Unmarshal(e.Content.VeryRaw, &content) != nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.nonce != "" && string(content.Nonce) == g.nonce {
		g.nonce = ""
		close(g.arrived)
	}
}

// hear takes what a transaction brings for devices.
func (g *gate) hear(d *delivery) {
	for _, l := range d.letters {
		g.ToDevice(l.user, l.device, l.event, func() {})
	}
	for _, n := range d.counts {
		g.Counted(n.left, n.fallbacks)
	}
}

// Counted implements vault. Synapse tells the counts of the bot's devices in
// every transaction.
func (g *gate) Counted(left mautrix.OTKCount, fallbacks []string) {
	if left.UserID.String() == g.bot {
		g.mu.Lock()
		if g.counts != nil {
			close(g.counts)
			g.counts = nil
		}
		g.mu.Unlock()
	}
	if left.UserID.String() != g.bot || left.DeviceID != probeDevice {
		g.vault.Counted(left, fallbacks)
	}
}
