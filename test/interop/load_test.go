//go:build interop

package interop

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"roomline/signalling"
	"roomline/test/interop/rig"
)

// plainBinary is the product as it is shipped: no race detector, no cgo.
func plainBinary(t *testing.T) string {
	t.Helper()
	if given := os.Getenv("ROOMLINE_BIN"); given != "" {
		return given
	}
	out := filepath.Join(t.TempDir(), "roomline")
	build := exec.CommandContext(t.Context(), "go", "build", "-tags", "goolm", "-o", out, "roomline/cmd/roomline")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return out
}

// TestHundredCallsOneAfterAnother: every one has audio both ways, and nothing is left.
func TestHundredCallsOneAfterAnother(t *testing.T) {
	const calls = 100
	s := open(t, with{limit: 10 * time.Minute, binary: plainBinary(t)})
	before := s.holdings(s.ctx)
	memory := s.metric(s.ctx, "process_resident_memory_bytes")
	for i := range calls {
		s.oneShortCall(i)
		if t.Failed() {
			t.Fatalf("call %d of %d failed", i+1, calls)
		}
	}
	s.record(s.ctx, calls-1)
	s.settled(s.ctx, before)
	// A closed call's RTP ports are kept until they have been silent for a while.
	s.until(s.ctx, "all RTP ports to come back", func() bool { return s.holdings(s.ctx).ports == before.ports })
	t.Logf("memory %+.0f KB after %d calls", (s.metric(s.ctx, "process_resident_memory_bytes")-memory)/1024, calls)
	figures(t, s.all())
}

// oneShortCall alternates between calls from the room and from the phone.
func (s *scene) oneShortCall(i int) {
	var call *rig.RoomCall
	var phone *rig.Phone
	if i%2 == 0 {
		call, phone = s.connect("+493023125606", "+493023125606")
	} else {
		call, phone = s.ring()
		ok(s.t, call.Answer(s.ctx, 0))
		ok(s.t, call.WaitState(s.ctx, "connected"))
		_, err := phone.WaitAnswered(s.ctx)
		ok(s.t, err)
	}
	heard := s.listen(call)
	ok(s.t, call.Hangup(s.ctx))
	_, _, err := phone.WaitEnded(s.ctx)
	ok(s.t, err)
	theirs, err := phone.Heard(s.ctx)
	ok(s.t, err)
	a, b := heard.Tone(phoneTone), theirs.Tone(aliceTone)
	if a.Present < 700*time.Millisecond || b.Present < 700*time.Millisecond {
		r := s.record(s.ctx, i)
		s.t.Errorf("call %d: alice hears %v, the phone hears %v of %v; %s %+v %+v", i+1, a, b, theirs.Length(), r.Audio, r.Caller, r.Called)
	}
}

// listen records a second and a half of the phone's tone. On a busy machine
// Asterisk may begin to play late; then it listens once more.
func (s *scene) listen(call *rig.RoomCall) (heard rig.Sound) {
	s.t.Helper()
	for range 3 {
		var err error
		heard, err = call.Record(s.ctx, 1500*time.Millisecond)
		ok(s.t, err)
		if heard.Tone(phoneTone).Present >= time.Second {
			break
		}
	}
	return heard
}

// TestUnansweredCallsLeaveNothing: what one ending forgets to give back is too
// little to see; ten of each are not.
func TestUnansweredCallsLeaveNothing(t *testing.T) {
	const rounds = 10
	s := open(t, with{limit: 5 * time.Minute, binary: plainBinary(t)})
	ports := s.holdings(s.ctx).ports
	endings := []func(){
		func() { s.dialInVain("610") },  // busy
		func() { s.dialInVain("9603") }, // declined
		func() { s.dialInVain("404") },  // unknown
		func() { // cancelled
			call, err := s.alice.Dial(s.ctx, "+493023125609", 0)
			ok(t, err)
			s.untilRinging()
			ok(t, call.Hangup(s.ctx))
		},
		func() { // given up
			call, phone := s.ring()
			ok(t, phone.Hangup(s.ctx))
			ok(t, call.WaitState(s.ctx, "ended"))
		},
		func() { // declined in the room
			call, phone := s.ring()
			ok(t, call.Reject(s.ctx))
			_, _, err := phone.WaitEnded(s.ctx)
			ok(t, err)
		},
	}
	round := func(n int) {
		for i, end := range endings {
			end()
			s.record(s.ctx, n*len(endings)+i)
		}
	}
	round(0) // makes the rooms, and the connections that stay
	s.settled(s.ctx, s.holdings(s.ctx))
	before, files := s.holdings(s.ctx), s.metric(s.ctx, "process_open_fds")
	for n := range rounds {
		round(n + 1)
	}
	s.settled(s.ctx, before)
	s.until(s.ctx, "all RTP ports to come back", func() bool { return s.holdings(s.ctx).ports == ports })
	if now := s.holdings(s.ctx); now.goroutines > before.goroutines+2 {
		t.Errorf("%v goroutines are left, %v before", now.goroutines, before.goroutines)
	}
	if now := s.metric(s.ctx, "process_open_fds"); now > files+rounds/2 {
		t.Errorf("%v files are open after %d calls, %v before", now, rounds*len(endings), files)
	}
}

// dialInVain calls a number that refuses.
func (s *scene) dialInVain(last string) {
	s.t.Helper()
	call, err := s.alice.Dial(s.ctx, "+493023125"+last, 0)
	ok(s.t, err)
	ok(s.t, call.WaitState(s.ctx, "ended"))
}

// TestTwentyCallsAtOnce: each call has tones of its own in both directions, so
// that a crossed line would be heard.
func TestTwentyCallsAtOnce(t *testing.T) {
	const calls = 20
	s := open(t, with{limit: 5 * time.Minute, binary: plainBinary(t)})
	before := s.holdings(s.ctx)
	memory := s.metric(s.ctx, "process_resident_memory_bytes")
	lines := make([]pair, calls)
	each(lines, func(i int, p *pair) { p.err = p.dial(s.ctx, s.alice, i) })
	inUse := s.holdings(s.ctx)
	t.Logf("with %d calls: %+v, memory %+.0f KB a call", calls, inUse, (s.metric(s.ctx, "process_resident_memory_bytes")-memory)/1024/calls)
	each(lines, func(_ int, p *pair) { p.listen(s.ctx) })
	for i := range lines {
		if err := lines[i].verdict(s.ctx); err != nil {
			t.Errorf("call %d: %v", i+1, err)
		}
	}
	s.record(s.ctx, calls-1)
	s.settled(s.ctx, before)
	figures(t, s.all())
}

// pair is both ends of one of many calls.
type pair struct {
	call      *rig.RoomCall
	phone     *rig.Phone
	room, far float64 // Hz: what alice plays in this call, and what the phone plays
	heard     rig.Sound
	err       error
}

func each(lines []pair, f func(int, *pair)) {
	var wg sync.WaitGroup
	for i := range lines {
		wg.Go(func() { f(i, &lines[i]) })
	}
	wg.Wait()
}

func (p *pair) dial(ctx context.Context, alice *rig.User, i int) (err error) {
	p.far, p.room = float64(500+50*i), float64(1600+50*i)
	number := fmt.Sprintf("+4930231258%04.0f", p.far)
	if p.call, err = alice.Dial(ctx, number, p.room); err != nil {
		return err
	}
	if p.phone, err = bed.WaitCall(ctx, number); err != nil {
		return err
	}
	return p.call.WaitState(ctx, "connected")
}

func (p *pair) listen(ctx context.Context) {
	if p.err == nil {
		p.heard, p.err = p.call.Record(ctx, 2*time.Second)
	}
}

func (p *pair) verdict(ctx context.Context) error {
	if p.err != nil {
		return p.err
	}
	if err := p.call.Hangup(ctx); err != nil {
		return err
	}
	if _, _, err := p.phone.WaitEnded(ctx); err != nil {
		return err
	}
	theirs, err := p.phone.Heard(ctx)
	if err != nil {
		return err
	}
	a, b := p.heard.Tone(p.far), theirs.Tone(p.room)
	if a.Present < 1500*time.Millisecond || b.Present < 1500*time.Millisecond {
		return fmt.Errorf("alice hears %v, the phone hears %v", a, b)
	}
	return nil
}

// figures prints set-up times; no test asserts them.
func figures(t *testing.T, records []signalling.Record) {
	t.Helper()
	var toInvite, toAnswer []int64
	for _, r := range records {
		if r.Audio != signalling.BothWays {
			t.Errorf("call %s: %s, %s", r.ID, r.Audio, r.Sentence)
		}
		if r.Direction != signalling.RoomToPhone {
			continue
		}
		invite, answered, answer := at(r, "INVITE", true), at(r, "200 OK", false), at(r, "m.call.answer", true)
		toInvite, toAnswer = append(toInvite, invite), append(toAnswer, answer-answered)
	}
	t.Logf("%d calls; room to INVITE %s; 200 to m.call.answer %s", len(records), percentiles(toInvite), percentiles(toAnswer))
}

// at is when a message crossed the border first, in ms since the invitation.
func at(r signalling.Record, text string, sent bool) int64 {
	for _, m := range r.Ladder {
		if m.Sent == sent && strings.HasPrefix(m.Text, text) {
			return m.MS
		}
	}
	return -1
}

func percentiles(ms []int64) string {
	if len(ms) == 0 {
		return "none"
	}
	slices.Sort(ms)
	return fmt.Sprintf("p50 %d ms, p95 %d ms", ms[len(ms)/2], ms[len(ms)*95/100])
}
