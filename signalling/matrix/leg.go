package matrix

import (
	"crypto/rand"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"roomline/media"
	"roomline/media/peer"
	"roomline/signalling"
)

// outcome is how a leg ends.
type outcome struct {
	reason signalling.Reason
	own    bool // the leg noticed by itself and has to tell the call
	tell   bool // the room has to be told
}

// leg is the Matrix half of a call. Its methods may be called from any
// goroutine and only post to its mailbox; everything else belongs to the
// leg's own goroutine.
type leg struct {
	c       *Client
	side    signalling.Side
	stage   stage
	room    string
	ghost   string            // which of our users speaks
	id      string            // call_id; changes when calls cross
	party   string            // our party_id; empty in version 0
	user    string            // who we talk to; empty while any member of the room may answer
	far     party             // the same with the device, once it is known
	with    party             // the same; guarded by calls, and empty until it is settled
	talks   bool              // it is a conversation; guarded by calls
	dialled string            // the number that is rung for the user; guarded by calls
	waits   bool              // for the room's call to the telephone; guarded by calls
	yielded bool              // the call is another leg's now
	other   signalling.Party  // the telephone
	target  signalling.Target // who was to be rung, where we place the call; never changes
	name    string            // of the far end, where it placed the call
	offer   string            // the far end's session description, where it placed the call
	can     []media.Format
	since   time.Time // when the invite came
	until   time.Time // when the invite ends
	rings   bool      // an invite of the user's may take its place; guarded by calls

	box   *mailbox
	out   *outbox
	story *story // what the room is told; nil: nothing yet
	in    *signalling.Inbox
	seat  atomic.Pointer[signalling.Inbox] // the same, for who asks which call this is
	log   *slog.Logger

	peer     Peer
	early    []candidate           // came before there was a peer
	parties  map[party][]candidate // came before there was an answer
	declined map[string]bool       // members who do not want a call that rings their whole room
	count    int                   // candidates taken
	held     bool                  // the client holds
	silent   bool                  // the client's microphone is off
	view     signalling.View
	renamed  bool                             // the other side is not any more who it was
	faces    atomic.Pointer[signalling.Party] // who it is by then
	named    string                           // what the client was told of its name
	muted    bool                             // and of its microphone
	hold     holding
	keys     keys
	ahead    bool      // the client is answered, and the telephone is not
	talked   time.Time // zero: never
	asking   bool      // a user is rung who wants to call; see callBack
	puzzled  bool      // a call to no number: the room is asked for one instead of told

	mu    sync.Mutex // guards what follows
	media media.Endpoint
	given *signalling.Inbox // of the call that adopted the leg
	ended bool              // before it was adopted
}

func newLeg(c *Client, side signalling.Side) *leg {
	return &leg{c: c, side: side, party: rand.Text()[:10], box: newMailbox(), log: c.log}
}

func (l *leg) key() callKey { return callKey{l.room, l.id} }

func (l *leg) head() head { return head{version(l.stage.v0 && l.stage.placed), l.id, l.party} }

// Offers implements signalling.Leg.
func (l *leg) Offers() []media.Format { return l.can }

// Ring implements signalling.Leg: the client plays its own ringing tone, and
// early media would confuse it (MSC3635), so only the room's notice changes.
func (l *leg) Ring() { l.box.put(item{kind: otherRings}) }

// Progress implements signalling.Leg: a client hears nothing before an answer.
func (l *leg) Progress(f media.Format, connect bool) {
	if connect {
		l.box.put(item{kind: previewIt, format: f})
		return
	}
	l.Ring()
}

// Answer implements signalling.Leg.
func (l *leg) Answer(f media.Format) { l.box.put(item{kind: answerIt, format: f}) }

// Show implements signalling.Leg.
func (l *leg) Show(v signalling.View) { l.box.put(item{kind: shown, view: v}) }

// Transfer implements signalling.Leg: no client does that unasked by its user.
func (l *leg) Transfer(signalling.Destination) { l.box.put(item{kind: askedAway}) }

// Transferred implements signalling.Leg: a client that asks for a transfer has
// left already.
func (l *leg) Transferred(signalling.Reason) {}

// SendDigit implements signalling.Leg.
func (l *leg) SendDigit(d byte) { l.box.put(item{kind: playDigit, digit: d}) }

// Hangup implements signalling.Leg.
func (l *leg) Hangup(r signalling.Reason) { l.box.put(item{kind: hangItUp, reason: r}) }

// Media implements signalling.Leg.
func (l *leg) Media() media.Endpoint {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.media
}

// ready shows the audio to the call.
func (l *leg) ready(k signalling.Kind) {
	l.mu.Lock()
	if l.media == nil {
		l.media = l.keyed()
	}
	l.mu.Unlock()
	l.talked = time.Now()
	l.c.calls.talking(l)
	l.tell(talking, signalling.Reason{})
	l.report(signalling.Event{Kind: k, Side: l.side})
	if l.silent {
		l.sayVoice()
	}
	l.update()
}

// report posts an event to the call, once there is one.
func (l *leg) report(e signalling.Event) {
	if l.in != nil {
		l.in.Post(e)
	}
}

// run is the leg's goroutine: it follows a recipe and cleans up after it.
func (l *leg) run(recipe func() outcome) {
	var o outcome
	if !signalling.Survives(l.log, "a Matrix call", func() { o = recipe() }) {
		o = *l.fail(signalling.Internal, "")
	}
	if o.own {
		l.report(signalling.Event{Kind: signalling.HungUp, Side: l.side, Reason: o.reason})
	}
	l.conclude(o)
	l.c.undress(l.room)
	l.handBack()
	if l.peer != nil {
		l.peer.Close()
	}
	if l.in == nil {
		l.orphaned()
		return
	}
	l.report(signalling.Event{Kind: signalling.Gone, Side: l.side})
}

// post queues an event and notes it on the call's ladder.
func (l *leg) post(o outgoing) {
	if l.in != nil && o.eventType != typeNotice {
		l.in.Note(signalling.Matrix, true, o.eventType)
	}
	l.out.put(o)
}

// awaited makes a done function that lets the leg know.
func (l *leg) awaited() func(error) {
	id := l.id
	return func(err error) { l.box.put(item{kind: wasSent, call: id, err: err}) }
}

// onState is the peer's callback: it only posts.
func (l *leg) onState(s peer.State) { l.box.put(item{kind: mediaIs, state: s}) }

// wait returns what happens next.
func (l *leg) wait(timer <-chan time.Time) item {
	for {
		if it, ok := l.box.take(); ok {
			if it.kind == wasSent && it.call != l.id {
				continue // of a call that was given up for another
			}
			if l.in != nil && (it.kind == fromRoom || it.kind == crossed) {
				l.in.Note(signalling.Matrix, false, it.heard.Type)
			}
			return it
		}
		select {
		case <-l.box.ready:
		case <-timer:
			return item{kind: timerFired}
		case <-l.c.ctx.Done():
			return item{kind: stopped}
		}
	}
}
