package signalling

import (
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"roomline/media"
)

func TestEarlyMediaTable(t *testing.T) {
	dial := step{Event{Kind: Routed}, Dialling, []Action{{Do: DoDial, Side: B}}}
	progress := step{Event{Kind: Early, Side: B}, Alerting, []Action{{Do: DoProgress, Side: A}}}
	opened := step{Event{Kind: Early, Side: A}, Alerting, nil}
	answer := step{Event{Kind: Answered, Side: B}, Answering, []Action{{Do: DoAnswer, Side: A}}}
	confirm := step{Event{Kind: Confirmed, Side: A}, Connected, nil}
	busy := Reason{Cause: Busy}
	for name, tt := range map[string]struct {
		steps []step
		hears source // both of them, at the end
	}{
		"offered":                             {[]step{dial, progress}, silence},
		"heard":                               {[]step{dial, progress, opened}, preview},
		"once":                                {[]step{dial, progress, opened, {Event{Kind: Early, Side: B}, Alerting, nil}}, preview},
		"that the caller has and nobody else": {[]step{dial, {Event{Kind: Early, Side: A}, Dialling, nil}}, silence},
		"worth an answer": {[]step{dial, {Event{Kind: Early, Side: B, Connect: true}, Alerting,
			[]Action{{Do: DoProgress, Side: A, Connect: true}}}}, silence},
		"and then it rings": {[]step{dial, progress, {Event{Kind: Ringing, Side: B}, Alerting, []Action{{Do: DoRing, Side: A}}},
			{Event{Kind: Ringing, Side: B}, Alerting, nil}}, silence},
		"after it rang":                         {[]step{dial, {Event{Kind: Ringing, Side: B}, Alerting, []Action{{Do: DoRing, Side: A}}}, progress, opened}, preview},
		"goes on until the caller is connected": {[]step{dial, progress, opened, answer}, preview},
		"that the caller has after the answer":  {[]step{dial, progress, answer, {Event{Kind: Early, Side: A}, Answering, nil}}, preview},
		"becomes the call":                      {[]step{dial, progress, opened, answer, confirm}, partner},
		"takes digits": {[]step{dial, progress, {Event{Kind: Digit, Side: A, Digit: '1'}, Alerting, nil}, opened,
			{Event{Kind: Digit, Side: A, Digit: '2'}, Alerting, []Action{{Do: DoDigit, Side: B, Digit: '2'}}}, answer,
			{Event{Kind: Digit, Side: A, Digit: '3'}, Answering, []Action{{Do: DoDigit, Side: B, Digit: '3'}}}}, preview},
		"ends with its call": {[]step{dial, progress, opened,
			{Event{Kind: HungUp, Side: B, Reason: busy}, Ending, []Action{{Do: DoHangup, Side: A, Reason: busy}}},
			{Event{Kind: Early, Side: A}, Ending, nil}}, silence},
		"is no answer": {[]step{dial, progress, opened,
			{Event{Kind: TimedOut}, Ending, []Action{{Do: DoHangup, Side: A, Reason: Reason{Cause: NoAnswer}}, {Do: DoHangup, Side: B, Reason: Reason{Cause: NoAnswer}}}}}, silence},
		"of who takes a transferred call is nothing": {up(step{asks(false), Connected, []Action{{Do: DoRoute, To: blind(false)}}},
			step{Event{Kind: Routed}, Connected, []Action{{Do: DoDial, Side: C}}}, step{Event{Kind: Early, Side: C}, Connected, nil},
			step{Event{Kind: HungUp, Side: C, Reason: busy}, Connected, []Action{became(Busy)}}), partner},
	} {
		t.Run(name, func(t *testing.T) {
			p := walk(t, tt.steps)
			for _, s := range [...]Side{A, B} {
				if got := p.hears(s); got != tt.hears {
					t.Errorf("%v hears %v, want %v", s, got, tt.hears)
				}
			}
		})
	}
}

// early is a call whose called side plays something before it answers.
func (r *rig) early(connect bool) {
	r.a.preview, r.b.audio.f = !connect, media.PCMU
	r.script = func(in *Inbox) { in.Post(Event{Kind: Early, Side: B, Connect: connect}) }
	r.call("+49301")
	synctest.Wait()
}

// TestAnnouncementIsHeard: a network that never answers (livekit/sip 813, 102)
// says so to the caller, who may press keys; the call is not answered for that.
func TestAnnouncementIsHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(limits())
		r.early(false)
		if !r.a.hears(r.b) || !r.b.hears(r.a) {
			t.Error("the two do not hear each other before the answer")
		}
		r.a.in.Post(Event{Kind: Digit, Side: A, Digit: '4'})
		pass(10 * time.Second)
		r.b.in.Post(Event{Kind: HungUp, Side: B, Reason: Reason{Cause: Unallocated, Detail: "404 Not Found"}})
		synctest.Wait()
		if r.a.hears(r.b) || r.b.hears(r.a) {
			t.Error("the two still hear each other")
		}
		r.b.in.Post(Event{Kind: Gone, Side: B})
		r.x.Stop()
		if rec := r.records[0]; rec.Audio != NotAnswered || rec.TalkMS != 0 || rec.WaitMS != 0 || rec.Cause != "unallocated" {
			t.Errorf("%+v", rec)
		}
		if !slices.Equal(r.a.did, []string{"progress PCMU"}) || !slices.Equal(r.b.did, []string{"digit 4"}) {
			t.Errorf("did %q and %q", r.a.did, r.b.did)
		}
	})
}

// TestAnnouncementFromTheFirstWord: a caller who has to be connected to hear
// it misses nothing, and neither the first word of the answer.
func TestAnnouncementFromTheFirstWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(limits())
		r.a.slow = true
		r.early(true)
		_ = r.b.audio.sink.WritePacket(&media.Packet{Payload: []byte("the number")})
		r.a.in.Post(Event{Kind: Early, Side: A})
		synctest.Wait()
		if r.a.audio.stats.Sent != 1 || !r.a.hears(r.b) {
			t.Error("the beginning of the announcement was lost")
		}
		r.b.in.Post(Event{Kind: Answered, Side: B})
		synctest.Wait()
		if !r.a.hears(r.b) {
			t.Error("the first word was lost")
		}
		if len(r.a.did) != 2 || r.a.did[0] != "connect PCMU" || r.a.did[1] != "answer PCMU" {
			t.Errorf("did %q", r.a.did)
		}
		r.a.in.Post(Event{Kind: Confirmed, Side: A})
		synctest.Wait()
		if !r.a.hears(r.b) || !r.b.hears(r.a) {
			t.Error("the two do not hear each other")
		}
		pass(5 * time.Second)
		r.x.Stop()
		if rec := r.records[0]; rec.TalkMS != 5000 {
			t.Errorf("%+v", rec)
		}
	})
}

// TestRingTimeoutHoldsWithEarlyMedia: an announcement without end is none.
func TestRingTimeoutHoldsWithEarlyMedia(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(limits())
		began := time.Now()
		r.early(false)
		r.x.wg.Wait()
		if took := time.Since(began); took != time.Minute || r.records[0].Cause != "no_answer" {
			t.Errorf("took %v: %+v", took, r.records[0])
		}
	})
}

// TestOnlyTheCallIsTapped: what is heard before the answer is not recorded.
func TestOnlyTheCallIsTapped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, taken := newRig(limits()), new(counter)
		r.x.opt.Tap = func(string) media.Tap { return taken }
		r.early(false)
		r.a.hears(r.b)
		if *taken != 0 {
			t.Error("recorded before the answer")
		}
		r.b.in.Post(Event{Kind: Answered, Side: B})
		synctest.Wait()
		r.a.hears(r.b)
		if *taken != 1 {
			t.Errorf("%d packets recorded", *taken)
		}
		r.x.Stop()
	})
}

type counter int

func (c *counter) Take(int, *media.Packet) { *c++ }

// TestEarlyMediaOfSeveral: of several nobody can be heard, but that it rings.
func TestEarlyMediaOfSeveral(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newInbox("hunt", 16, slog.New(slog.DiscardHandler))
		leg := &fakeLeg{audio: &fakeEnd{f: media.PCMU}}
		h := hunters{func(string) (Dialler, bool) { return single{leg}, true }, time.Second}.Dial(
			Target{Via: "pbx", Also: []Target{{Via: "pbx"}}}, nil, in)
		synctest.Wait()
		leg.in.Post(Event{Kind: Early, Connect: true})
		leg.in.Post(Event{Kind: Early})
		synctest.Wait()
		if got := in.Take(); len(got) != 1 || got[0].Kind != Ringing || h.Media() != nil {
			t.Errorf("the call hears %v, and %v", got, h.Media())
		}
		h.Hangup(Reason{})
		pass(2 * time.Second)
		if got := in.Take(); len(got) != 1 || got[0].Kind != Gone {
			t.Errorf("%v", got)
		}
	})
}

// single dials one leg, again and again.
type single struct{ leg *fakeLeg }

func (s single) Dial(_ Target, _ []media.Format, in *Inbox) Leg {
	s.leg.in = in
	return s.leg
}

// TestAnswerInAnotherCodec: the caller was promised one codec, and cannot be
// told another (RFC 3261 §13.2.1).
func TestAnswerInAnotherCodec(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(limits())
		r.early(false)
		r.b.audio.f = media.PCMA
		r.b.in.Post(Event{Kind: Answered, Side: B})
		synctest.Wait()
		r.x.Stop()
		if rec := r.records[0]; rec.Cause != "no_codec" {
			t.Errorf("%+v", rec)
		}
	})
}

// The same while the caller is still being connected for it.
func TestAnswerInAnotherCodecIsSoon(t *testing.T) {
	for _, k := range []Kind{Early, Confirmed} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(limits())
			r.a.slow, r.a.audio.f = true, media.PCMU
			r.early(true)
			r.b.audio.f = media.PCMA
			r.b.in.Post(Event{Kind: Answered, Side: B})
			synctest.Wait()
			r.a.audio.f = media.PCMU // as the client was answered
			r.a.in.Post(Event{Kind: k, Side: A})
			synctest.Wait()
			if r.a.hears(r.b) {
				t.Error("the caller hears packets of another codec")
			}
			r.x.Stop()
			if rec := r.records[0]; rec.Cause != "no_codec" {
				t.Errorf("%v: %+v", k, rec)
			}
		})
	}
}
