package signalling

import (
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"roomline/media"
)

// office is an exchange with two trunks and Matrix, whose legs do what their
// far ends were told to.
type office struct {
	t       *testing.T
	mu      sync.Mutex // the calls come from goroutines of their own
	x       *Exchange
	legs    []*fakeLeg         // dialled, in order
	when    map[string][]Event // what the far end of a number or user does when it is dialled
	format  map[string]media.Format
	playing map[media.Sink]int
	worst   int            // how many played to one sink at once
	parts   map[string]int // admitted and not yet left, by number
	talked  map[string]time.Duration
	deny    string // the number that nobody may dial, or the user who may dial none
	records []Record
}

const alice, bob, carol, dave = "@alice:ex.org", "@bob:ex.org", "@carol:ex.org", "@dave:ex.org"

func newOffice(t *testing.T) *office {
	o := &office{t: t, when: map[string][]Event{}, format: map[string]media.Format{}, playing: map[media.Sink]int{},
		parts: map[string]int{}, talked: map[string]time.Duration{}}
	plan := Plan{Inbound: []Inbound{{To: "+4930700", User: alice}, {To: "+4930800", Users: []string{bob, carol, dave}}, {To: "+44*", Trunk: "pbx", Via: "world"}},
		Outbound: []Outbound{{Match: "+49*", Trunk: "pbx"}, {Match: "+1*", Trunk: "world"}}}
	o.x = NewExchange(Options{Router: plan, Limits: limits(), Max: 9, Permit: o, Music: o, Log: slog.New(slog.DiscardHandler),
		Report: o.report})
	for _, via := range [...]string{"pbx", "world", Matrix} {
		o.x.Connect(via, o)
	}
	return o
}

func (o *office) report(r Record) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.records = append(o.records, r)
}

// in a bubble, with the clock to itself; at the end every call must be gone.
func inOffice(t *testing.T, f func(*office)) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		f(o)
		o.x.Stop()
		synctest.Wait()
		o.clean()
	})
}

// clean checks that nothing is left: no leg untold, no music, no permit.
func (o *office) clean() {
	for _, l := range o.legs {
		if len(l.hung) != 1 && !l.left() {
			o.t.Errorf("the leg to %s was hung up with %v", l.to.To.Label(), l.hung)
		}
		if l.audio.overlap.Load() {
			o.t.Errorf("two wrote to %s at once", l.to.To.Label())
		}
		if l.audio.sink != nil {
			o.t.Errorf("the leg to %s still speaks to somebody", l.to.To.Label())
		}
	}
	for _, n := range o.playing {
		if n != 0 {
			o.t.Errorf("music plays on")
		}
	}
	for number, n := range o.parts {
		if n != 0 {
			o.t.Errorf("%d parts with %s were never left", n, number)
		}
	}
	if o.worst > 1 {
		o.t.Errorf("%d played to one sink at once", o.worst)
	}
}

func (l *fakeLeg) left() bool { return slices.Contains(l.did, "left") }

// leave is a far end that hangs up.
func (l *fakeLeg) leave(c Cause) {
	l.note("left")
	l.say(Event{Kind: HungUp, Reason: Reason{Cause: c}})
	l.say(Event{Kind: Gone})
}

func (o *office) Dial(to Target, offer []media.Format, in *Inbox) Leg {
	f := media.PCMA
	if other, ok := o.format[to.To.Label()]; ok {
		f = other
	}
	l := &fakeLeg{side: B, in: in, to: to, audio: &fakeEnd{f: f}, refer: &Event{Kind: NotReferred}}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.legs = append(o.legs, l)
	for _, e := range o.when[to.To.Label()] {
		if l.say(e); e.Kind == HungUp {
			l.did = append(l.did, "left")
			l.say(Event{Kind: Gone})
		}
	}
	return l
}

func (o *office) Admit(user, number string) (func(time.Duration), Reason, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if number == o.deny || user == o.deny || user == "" {
		return nil, Reason{Cause: Forbidden}, false
	}
	o.parts[number]++
	return func(d time.Duration) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.parts[number]--
		o.talked[number] += d
	}, Reason{}, true
}

// Play writes a packet every 20 ms, so that the race detector sees whoever
// else writes to the same sink.
func (o *office) Play(to media.Sink, _ media.Format) func() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.playing[to]++; o.playing[to] > o.worst {
		o.worst = o.playing[to]
	}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() { // ends with stop
		defer close(done)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				_ = to.WritePacket(&media.Packet{Payload: []byte("la la")})
			case <-quit:
				return
			}
		}
	}()
	return func() {
		select {
		case <-quit:
		default:
			close(quit)
			<-done
			o.mu.Lock()
			defer o.mu.Unlock()
			o.playing[to]--
		}
	}
}

func (o *office) music(l *fakeLeg) bool { return o.playing[l.audio] == 1 }

var answers = []Event{{Kind: Ringing}, {Kind: Answered}}

// talk is a call of a Matrix user to a number that answers: its two legs.
func (o *office) talk(user, number string) (room, phone *fakeLeg) {
	o.when[number] = answers
	room = &fakeLeg{side: A, audio: &fakeEnd{f: media.PCMA}, to: Target{To: Party{User: user}}, refer: &Event{Kind: NotReferred}}
	before := len(o.legs)
	o.legs = append(o.legs, room)
	_, ok := o.x.Accept(Incoming{Via: Matrix, From: Party{User: user}, To: Party{Number: number},
		Leg: func(in *Inbox) Leg { room.in = in; return room }})
	synctest.Wait()
	if !ok || len(o.legs) != before+2 {
		o.t.Fatalf("no call to %s: %d legs", number, len(o.legs)-before)
	}
	return room, o.legs[before+1]
}

func (o *office) last() *fakeLeg {
	synctest.Wait()
	return o.legs[len(o.legs)-1]
}

// talk each other: both ways, and nothing plays to either.
func (o *office) joined(a, b *fakeLeg) {
	o.t.Helper()
	synctest.Wait()
	if o.music(a) || o.music(b) || !a.hears(b) || !b.hears(a) {
		o.t.Errorf("%s and %s do not hear each other", a.to.To.Label(), b.to.To.Label())
	}
}

func (o *office) parted(a, b *fakeLeg) {
	o.t.Helper()
	synctest.Wait()
	if a.hears(b) || b.hears(a) {
		o.t.Errorf("%s and %s hear each other", a.to.To.Label(), b.to.To.Label())
	}
}

// pass lets time go by. What the test has read so far is thereby read before
// whatever the calls do in that time.
func (o *office) pass(d time.Duration) {
	for _, l := range o.legs {
		l.say(Event{Kind: Ringing}) // of no effect once the call is up
	}
	synctest.Wait()
	pass(d)
	synctest.Wait()
}
