package e2ee

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"time"

	"maunium.net/go/mautrix/event"
)

// Keyring knows the keys that a verification is about. Its methods may take a
// while.
type Keyring interface {
	// Own is the device of one of our users; an error if it has none.
	Own(ctx context.Context, user string) (Identity, error)
	// Theirs is a device of somebody, as the homeserver lists it now.
	Theirs(ctx context.Context, ours, user, device string) (Identity, error)
	// Vouch notes that the keys of somebody's device, and the master key if
	// there is one in them, have been compared by one of our users; it signs
	// what our user may sign. It refuses a master key that is not the one of
	// before.
	Vouch(ctx context.Context, ours string, them Identity) error
	// Engage lets somebody read what we say in a room, whose identity nobody
	// has confirmed yet, until it is taken back. It does not wait.
	Engage(user, room string, on bool)
}

// Courier takes our part of a verification to the other side.
type Courier interface {
	// Say says an event in a room as one of our users, encrypted where the room
	// is, and returns its id.
	Say(ctx context.Context, ours, room, eventType string, content any) (eventID string, err error)
	// Send sends a message to a device.
	Send(ctx context.Context, ours, user, device, eventType string, content any) error
}

// Ledger remembers the verifications under way, so that those which a sudden
// end of the gateway interrupts are cancelled afterwards.
type Ledger interface {
	Begin(ctx context.Context, v Verification) error
	End(ctx context.Context, v Verification) error
	Open(ctx context.Context) ([]Verification, error)
}

// Stage is how far a verification has come, for the people who take part.
type Stage uint8

// The stages, in their order.
const (
	Asked     Stage = iota // one side has asked
	Comparing              // Short is there: it is to be compared
	Compared               // both sides have proved their keys
	Ended                  // it came to nothing; Why says why
)

// Verification is one verification by emoji, as people see it.
type Verification struct {
	ID           string
	Ours         string // our user
	Room         string // empty: it goes from device to device
	User, Device string // the other side; the device is empty until it has answered
	Stage        Stage
	Short        Short  // from Comparing on
	Master       string // the master key that was proved; empty: only the device's own
	Why          string // Ended: one sentence without its full stop
}

// What is taken up, and no more.
const (
	maxTalks    = 16               // verifications at once
	maxAsks     = 5                // requests of one person that are answered within verifyLife
	maxAskers   = 1000             // people whose requests are counted
	maxPosted   = 256              // events that wait
	verifyLife  = 10 * time.Minute // of a verification (Matrix 1.18, "Key verification framework")
	verifyAhead = 5 * time.Minute  // how far a clock may be ahead (ibid.)
	verifyGrace = time.Minute      // in which somebody may still read how it ended
	verifyTime  = 15 * time.Second // for each thing that is asked of the homeserver
)

// Verifier takes part in verifications by emoji for all users of ours. One
// goroutine of its own does everything that may take a while.
type Verifier struct {
	keys Keyring
	post Courier
	book Ledger
	may  func(user string) bool // whose requests are answered
	tell func(Verification)     // returns at once
	log  *slog.Logger

	inbox chan func()
	ctx   context.Context
	stop  context.CancelFunc
	work  sync.WaitGroup
	once  sync.Once

	talks   map[string]*liveTalk // by transaction and user; of run alone, as is what follows
	askers  map[string][]time.Time
	parting context.Context // while we stop
	leaving []leaving
	left    []*liveTalk // of an earlier run
	again   time.Time   // when they are tried again
}

// liveTalk is a verification under way.
type liveTalk struct {
	talk
	until time.Time
}

// leaving is somebody with whom a verification is over.
type leaving struct {
	user, room string
	at         time.Time
}

// talkKey names a verification. Others may choose the same transaction.
func talkKey(id, user string) string { return id + " " + user }

func newLive(id, room string, us, them Identity, at talkStep) *liveTalk {
	return &liveTalk{talk{exchange: exchange{id: id, us: us, them: them}, room: room, at: at}, time.Now().Add(verifyLife)}
}

// NewVerifier makes a verifier. tell hears of every stage that a verification
// reaches; it must not wait.
func NewVerifier(keys Keyring, post Courier, book Ledger, may func(user string) bool, tell func(Verification), log *slog.Logger) *Verifier {
	v := &Verifier{keys: keys, post: post, book: book, may: may, tell: tell, log: log,
		inbox: make(chan func(), maxPosted), talks: map[string]*liveTalk{}, askers: map[string][]time.Time{}}
	v.ctx, v.stop = context.WithCancel(context.Background())
	return v
}

// Start cancels what an earlier run has left, and begins to listen.
func (v *Verifier) Start() {
	v.work.Go(v.run) // ends with ctx; awaited by Close
}

// Close cancels every verification, and returns when that is said. It may be
// called twice.
func (v *Verifier) Close() error {
	v.once.Do(v.stop)
	v.work.Wait()
	return nil
}

func (v *Verifier) run() {
	v.sweep()
	clock := time.NewTicker(time.Second)
	defer clock.Stop()
	for {
		select {
		case <-v.ctx.Done():
			v.leave()
			return
		case f := <-v.inbox:
			f()
		case now := <-clock.C:
			v.expire(now)
		}
	}
}

// Hear takes an event that belongs to a verification: from a room, decrypted
// if it was encrypted, or sent to a device of the user of ours. It does not
// wait, and tells whether it was one.
func (v *Verifier) Hear(ours string, e *event.Event) bool {
	if !VerifyEvent(e.Type.Type, e.Content.VeryRaw) {
		return false
	}
	w := utterance{kind: e.Type.Type, room: e.RoomID.String(), event: e.ID.String(), by: e.Sender.String(), to: ours, content: e.Content.VeryRaw,
		at: time.UnixMilli(e.Timestamp)}
	if w.kind == "m.room.message" {
		w.kind = verifyRequest
	}
	if len(w.content) > 65_536 || !v.heeds(w) {
		return true
	}
	select {
	case v.inbox <- func() { v.hear(w) }:
	default:
		v.log.Warn("ignored a verification event: too many at once")
	}
	return true
}

// heeds tells whether somebody is answered at all. Our own events come back to
// us from rooms; another device of our own user may verify this one.
func (v *Verifier) heeds(w utterance) bool {
	if w.by == w.to {
		return w.room == ""
	}
	return v.may(w.by)
}

// utterance is an event of a verification.
type utterance struct {
	kind, room, event, by, to string
	content                   json.RawMessage
	at                        time.Time
}

// hear is Hear in our own goroutine.
func (v *Verifier) hear(w utterance) {
	if w.kind == verifyRequest {
		v.requested(w)
		return
	}
	id := transactionOf(w.content, w.room != "")
	t := v.talks[talkKey(id, w.by)]
	switch {
	case id == "":
	case t == nil || t.room != w.room || w.room == "" && t.us.User != w.to:
		v.lost(w, id)
	case w.kind == verifyCancel:
		v.cancelled(t, w.content)
	default:
		v.proceed(t, w)
	}
}

// proceed lets a verification take an event.
func (v *Verifier) proceed(t *liveTalk, w utterance) {
	if w.kind == verifyReady && t.at == talkAsked {
		if err := v.answered(t, w); err != nil {
			v.fail(t, err)
			return
		}
	}
	before := t.at
	say, err := t.hear(w.kind, w.content)
	v.follow(t, before, say, err)
}

// answered learns which device it is that answers our request.
func (v *Verifier) answered(t *liveTalk, w utterance) error {
	var r requestContent
	if err := read(w.content, &r); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(v.ctx, verifyTime)
	defer cancel()
	return v.meet(ctx, t, verifyName(r.From))
}

// follow does what a step has led to.
func (v *Verifier) follow(t *liveTalk, before talkStep, say []said, err error) {
	if err == nil && t.at == talkDone && before != talkDone {
		err = v.vouch(t)
	}
	if err == nil {
		err = v.say(t, say)
	}
	switch {
	case err != nil:
		v.fail(t, err)
	case t.at == talkShown && before != talkShown:
		v.log.Info("a verification waits to be compared", "ours", t.us.User, "user", t.them.User, "device", t.them.Device, "emoji", t.text.String())
		v.tell(t.state(Comparing))
	case t.at == talkDone:
		v.forget(t)
		v.tell(t.state(Compared))
	}
}

// vouch writes down what has been proved.
func (v *Verifier) vouch(t *liveTalk) error {
	them := t.them
	if !t.master {
		them.Master = ""
	}
	ctx, cancel := context.WithTimeout(v.ctx, verifyTime)
	defer cancel()
	if err := v.keys.Vouch(ctx, t.us.User, them); err != nil {
		v.log.Warn("a verification could not be written down", "user", them.User, "error", err)
		if errors.As(err, new(broken)) {
			return err
		}
		return broken{codeUser, "it could not be written down"}
	}
	v.log.Info("verified", "ours", t.us.User, "user", them.User, "device", them.Device, "master", t.master)
	return nil
}

// state is what people are told of a verification.
func (t *liveTalk) state(s Stage) Verification {
	all := Verification{ID: t.id, Ours: t.us.User, Room: t.room, User: t.them.User, Device: t.them.Device, Stage: s, Short: t.text}
	if t.master {
		all.Master = t.them.Master
	}
	return all
}
