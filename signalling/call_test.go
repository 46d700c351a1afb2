package signalling

import (
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"roomline/media"
)

// fakeLeg does at once what it is told, unless it is stuck.
type fakeLeg struct {
	mu      sync.Mutex // where a test acts while the call does
	side    Side
	in      *Inbox
	stuck   bool
	faulty  bool
	preview bool // says Early when it is given progress
	slow    bool // says Confirmed only when the test does
	to      Target
	refer   *Event // what it answers to Transfer; nil: nothing
	did     []string
	hung    []Reason
	views   []View
	asked   []Destination
	became  []Reason // of the transfers that it asked for
	audio   *fakeEnd
}

func (l *fakeLeg) Offers() []media.Format { return []media.Format{media.PCMU, media.PCMA} }
func (l *fakeLeg) Ring()                  { l.note("ring") }

// Progress is what a telephone does, which hears what comes before the answer.
func (l *fakeLeg) Progress(f media.Format, connect bool) {
	if connect {
		l.note("connect " + f.Name)
	} else {
		l.note("progress " + f.Name)
	}
	if l.preview {
		l.in.Post(Event{Kind: Early, Side: l.side})
	}
}

func (l *fakeLeg) SendDigit(d byte) { l.note("digit " + string(d)) }

func (l *fakeLeg) note(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.did = append(l.did, what)
}

func (l *fakeLeg) Show(v View) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.views = append(l.views, v)
}

func (l *fakeLeg) Transferred(r Reason) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.became = append(l.became, r)
}

func (l *fakeLeg) Transfer(to Destination) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.asked = append(l.asked, to); l.refer != nil {
		l.say(*l.refer)
	}
}

func (l *fakeLeg) say(e Event) { e.Side = l.side; l.in.Post(e) }

func (l *fakeLeg) view() View {
	if len(l.views) == 0 {
		return View{}
	}
	return l.views[len(l.views)-1]
}

func (l *fakeLeg) Answer(f media.Format) {
	if l.faulty {
		var none *fakeLeg
		none.did = nil // a fault, as a bug would make it
	}
	l.note("answer " + f.Name)
	if !l.slow {
		l.in.Post(Event{Kind: Confirmed, Side: l.side})
	}
}

func (l *fakeLeg) Media() media.Endpoint {
	if l.audio == nil {
		return nil
	}
	return l.audio
}

func (l *fakeLeg) Hangup(r Reason) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hung = append(l.hung, r)
	if !l.stuck {
		l.in.Post(Event{Kind: Gone, Side: l.side})
	}
}

// over tells whether the leg has left or was told to.
func (l *fakeLeg) over() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.hung) > 0 || slices.Contains(l.did, "left")
}

// hears tells whether what a leg's far end says reaches this one.
func (l *fakeLeg) hears(from *fakeLeg) bool {
	before := l.audio.Stats().Sent
	if from.audio.sink != nil {
		_ = from.audio.sink.WritePacket(&media.Packet{Payload: []byte("hello")})
	}
	return l.audio.Stats().Sent > before
}

// fakeEnd notices when two write to it at once.
type fakeEnd struct {
	f       media.Format
	sink    media.Sink
	mu      sync.Mutex
	stats   media.Stats
	overlap atomic.Bool
}

func (e *fakeEnd) Format() media.Format { return e.f }
func (e *fakeEnd) SendTo(s media.Sink)  { e.sink = s }
func (e *fakeEnd) Close() error         { return nil }

func (e *fakeEnd) Stats() media.Stats {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.stats
}

func (e *fakeEnd) WritePacket(*media.Packet) error {
	if !e.mu.TryLock() {
		e.overlap.Store(true)
		return nil
	}
	defer e.mu.Unlock()
	runtime.Gosched() // lets another in, if there is one
	e.stats.Sent++
	return nil
}

// rig is an exchange with one fake leg on each side.
type rig struct {
	x       *Exchange
	a, b    *fakeLeg
	records []Record
	script  func(in *Inbox) // what leg B does when dialled
	offered []media.Format
}

func (r *rig) Dial(to Target, offer []media.Format, in *Inbox) Leg {
	r.offered, r.b.in = offer, in
	if r.script != nil {
		r.script(in)
	}
	return r.b
}

func newRig(limits Limits) *rig {
	r := &rig{a: &fakeLeg{side: A, audio: &fakeEnd{f: media.PCMU}}, b: &fakeLeg{side: B, audio: &fakeEnd{f: media.PCMA}}}
	plan := Plan{Outbound: []Outbound{{Match: "+49*", Trunk: "pbx"}, {Match: "+1*", Trunk: "nowhere"}}}
	r.x = NewExchange(Options{Router: plan, Limits: limits, Max: 1, Log: slog.New(slog.DiscardHandler),
		Report: func(rec Record) { r.records = append(r.records, rec) }})
	r.x.Connect("pbx", r)
	return r
}

func (r *rig) call(number string) (Reason, bool) {
	return r.x.Accept(Incoming{Via: Matrix, From: Party{User: "@alice:ex.org"}, To: Party{Number: number},
		Leg: func(in *Inbox) Leg { r.a.in = in; return r.a }})
}

func limits() Limits {
	return Limits{Route: time.Second, Ring: time.Minute, Answer: 10 * time.Second, Talk: time.Hour, End: 35 * time.Second, Refer: 35 * time.Second, Hops: 3}
}

func TestCallsEndInTime(t *testing.T) {
	post := func(kinds ...Kind) func(*Inbox) {
		return func(in *Inbox) {
			for _, k := range kinds {
				in.Post(Event{Kind: k, Side: B})
			}
		}
	}
	tests := []struct {
		name   string
		number string
		script func(*Inbox)
		stuck  bool
		cause  Cause
		by     string
		took   time.Duration
	}{
		{"nobody answers", "+49301", post(Ringing), false, NoAnswer, "gateway", time.Minute},
		{"the trunk says nothing", "+49301", nil, false, NoAnswer, "gateway", time.Minute},
		{"answered, then the hour is up", "+49301", post(Ringing, Answered), false, NormalClearing, "gateway", time.Hour},
		{"a leg never lets go", "+49301", post(Ringing), true, NoAnswer, "gateway", 95 * time.Second},
		{"no rule", "+33142", nil, false, NoRoute, "gateway", 0},
		{"a rule to a trunk that is not there", "+1555", nil, false, NoRoute, "gateway", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(limits())
				r.script, r.b.stuck = tt.script, tt.stuck
				began := time.Now()
				if why, ok := r.call(tt.number); !ok {
					t.Fatal(why)
				}
				r.x.wg.Wait()
				if took := time.Since(began); took != tt.took {
					t.Errorf("took %v, want %v", took, tt.took)
				}
				if len(r.records) != 1 || r.records[0].Cause != tt.cause.String() || r.records[0].EndedBy != tt.by {
					t.Errorf("reported %+v, want one record with %v by %v", r.records, tt.cause, tt.by)
				}
				if r.x.Live() != 0 {
					t.Error("the call is still listed")
				}
			})
		})
	}
}

func TestCallStory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(limits())
		r.a.audio.stats = media.Stats{Received: 99, Lost: 1}
		if _, ok := r.call("+49301"); !ok {
			t.Fatal("refused")
		}
		synctest.Wait()
		pass(time.Second) // fake time: the phone rings after a second
		r.b.in.Post(Event{Kind: Ringing, Side: B})
		pass(3 * time.Second)
		r.b.in.Post(Event{Kind: Answered, Side: B})
		synctest.Wait()
		if !r.a.hears(r.b) || !r.b.hears(r.a) {
			t.Error("the two sides do not hear each other")
		}
		pass(42 * time.Second)
		r.b.in.Post(Event{Kind: Digit, Side: B, Digit: '7'})
		r.b.in.Post(Event{Kind: HungUp, Side: B})
		synctest.Wait()
		if r.a.hears(r.b) || r.b.hears(r.a) {
			t.Error("the two sides still hear each other")
		}
		r.b.in.Post(Event{Kind: Gone, Side: B})
		r.x.Stop()

		if want := []string{"ring", "answer PCMA", "digit 7"}; !slices.Equal(r.a.did, want) {
			t.Errorf("leg A did %q, want %q", r.a.did, want)
		}
		if !slices.Equal(r.offered, []media.Format{media.PCMU, media.PCMA}) {
			t.Errorf("leg B was offered %v", r.offered)
		}
		rec := r.records[0]
		got := [...]int64{rec.RingMS, rec.SetupMS, rec.WaitMS, rec.TalkMS}
		if got != [...]int64{1000, 1000, 4000, 42000} {
			t.Errorf("ring, setup, wait, talk = %v", got)
		}
		if rec.Sentence != "Call to +49301 ended after 0:42." || rec.EndedBy != "called" || rec.Codec != "PCMA" ||
			rec.Audio != OnlyCallerHeard || rec.Caller.LossPercent != 1 || rec.Direction != RoomToPhone || rec.Trunk != "pbx" {
			t.Errorf("%+v", rec)
		}
	})
}

// TestFirstWord: what the called side says before the caller's leg is up is
// heard once it is.
func TestFirstWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(limits())
		r.a.slow = true
		r.script = func(in *Inbox) { in.Post(Event{Kind: Answered, Side: B}) }
		r.call("+49301")
		synctest.Wait()
		_ = r.b.audio.sink.WritePacket(&media.Packet{Payload: []byte("hello")})
		if r.a.audio.stats.Sent != 0 {
			t.Error("the caller's leg was given audio before it was up")
		}
		r.a.in.Post(Event{Kind: Confirmed, Side: A})
		synctest.Wait()
		if r.a.audio.stats.Sent != 1 {
			t.Error("the first word was lost")
		}
		r.x.Stop()
	})
}

func TestAdmission(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(limits())
		var refused []Cause
		r.x.opt.Refused = func(in Incoming, why Reason) { refused = append(refused, why.Cause) }
		r.call("+49301")
		if why, ok := r.call("+49302"); ok || why.Cause != Congestion {
			t.Errorf("a call past the limit: %v %v", why, ok)
		}
		r.x.Stop()
		if why, ok := r.call("+49303"); ok || why.Cause != ShuttingDown {
			t.Errorf("a call after Stop: %v %v", why, ok)
		}
		if !slices.Equal(refused, []Cause{Congestion, ShuttingDown}) {
			t.Errorf("the operator was told of %v", refused)
		}
		r.x.Stop()
	})
}

func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(limits())
		r.script = func(in *Inbox) { in.Post(Event{Kind: Answered, Side: B}) }
		r.call("+49301")
		synctest.Wait()
		began := time.Now()
		go func() {
			pass(10 * time.Second)
			r.a.in.Post(Event{Kind: HungUp, Side: A})
			r.a.in.Post(Event{Kind: Gone, Side: A})
		}()
		r.x.Drain(t.Context())
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("drain took %v: a live call must be left alone", took)
		}
		r.x.Drain(t.Context())
		r.x.Stop()
	})
}

func TestFaultStaysInItsCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(limits())
		r.a.faulty = true
		r.script = func(in *Inbox) { in.Post(Event{Kind: Answered, Side: B}) }
		r.call("+49301")
		r.x.wg.Wait()
		if len(r.records) != 1 || r.records[0].Cause != "internal" || len(r.a.hung) != 1 || len(r.b.hung) != 1 || r.x.Live() != 0 {
			t.Errorf("%+v, hung %v %v", r.records, r.a.hung, r.b.hung)
		}
	})
}

// pass lets the bubble's clock run on.
func pass(d time.Duration) { <-time.After(d) }
