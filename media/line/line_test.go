package line

import (
	"testing"
	"time"

	"roomline/media"
)

var start = time.Unix(1_000_000, 0)

// feed is a source of 20 ms packets at clock Hz.
type feed struct {
	ssrc  uint32
	clock int
	seq   uint16
	ts    uint32
}

func (f *feed) next() *media.Packet {
	f.seq++
	f.ts += uint32(f.clock / 50)
	return f.packet()
}

func (f *feed) packet() *media.Packet {
	return &media.Packet{SSRC: f.ssrc, Sequence: f.seq, Timestamp: f.ts, Clock: f.clock}
}

// rig holds a line and the last that came out of it.
type rig struct {
	*Line
	t   *testing.T
	now time.Time
	seq uint16
	ts  uint32
}

func newRig(t *testing.T, clock int) *rig {
	l := New(clock)
	return &rig{Line: l, t: t, now: start, seq: l.seq, ts: l.ts}
}

// expect sends p and checks how far number and timestamp moved.
func (r *rig) expect(what string, p *media.Packet, seq int, ts int) {
	r.t.Helper()
	gotSeq, gotTS := r.Next(p, r.now)
	if d := int(int16(gotSeq - r.seq)); d != seq {
		r.t.Errorf("%s: number moved by %d, want %d", what, d, seq)
	}
	if d := int(int32(gotTS - r.ts)); d != ts {
		r.t.Errorf("%s: timestamp moved by %d, want %d", what, d, ts)
	}
	r.seq, r.ts = gotSeq, gotTS
}

func (r *rig) wait(d time.Duration) { r.now = r.now.Add(d) }

func TestGapsAndReorderKeepTheirPlace(t *testing.T) {
	r, f := newRig(t, 8000), &feed{ssrc: 1, clock: 8000, seq: 65533, ts: 0xffffff00}
	r.expect("first", f.next(), 1, 0)
	r.wait(step)
	r.expect("second", f.next(), 1, 160)
	late := f.next()
	r.expect("after a gap", f.next(), 2, 320)
	r.expect("late", late, -1, -160)
	r.expect("twice", late, 0, 0)
	r.expect("and on", f.next(), 2, 320)
}

func TestAHugeGapCloses(t *testing.T) {
	r, f := newRig(t, 8000), &feed{ssrc: 1, clock: 8000}
	r.expect("first", f.next(), 1, 0)
	f.seq += 5000
	r.wait(step)
	r.expect("after the gap", f.next(), 1, 160)
	f.seq -= 3000
	r.wait(step)
	r.expect("after going back", f.next(), 1, 160)
}

func TestAnotherSourceFollowsAtOnce(t *testing.T) {
	r := newRig(t, 8000)
	a, b := &feed{ssrc: 1, clock: 8000}, &feed{ssrc: 2, clock: 48000, seq: 500, ts: 77}
	r.expect("a", a.next(), 1, 0)
	r.wait(time.Hour)
	r.expect("b, an hour later", b.next(), 1, 3600*8000)
	r.wait(step)
	r.expect("b again, scaled", b.next(), 1, 160)
	r.expect("a, at once", a.next(), 1, 160)
	before := b.packet()
	before.Sequence--
	r.wait(step)
	r.expect("b, at once", b.next(), 1, 160)
	r.expect("b from before the change", before, 1, -160)
	r.expect("b goes on", b.next(), 1, 320)
}

func TestTimestampsThatJump(t *testing.T) {
	r, f := newRig(t, 8000), &feed{ssrc: 1, clock: 8000}
	r.expect("first", f.next(), 1, 0)
	r.wait(12 * time.Second)
	f.ts += 12*8000 - 160
	r.expect("silence of twelve seconds", f.next(), 1, 12*8000)
	for _, jump := range []int{1 << 30, -(1 << 30), 11 * 8000, -2 * 8000} {
		f.ts += uint32(jump)
		r.wait(step)
		r.expect("jump", f.next(), 1, 160)
		r.wait(step)
		r.expect("after the jump", f.next(), 1, 160)
	}
	r.wait(time.Minute)
	r.expect("a clock that stood still", f.next(), 1, 60*8000)
}

func TestScalingDoesNotDrift(t *testing.T) {
	l := New(8000)
	f := &feed{ssrc: 1, clock: 44100}
	_, first := l.Next(f.packet(), start)
	var last uint32
	for i := 1; i <= 50*60; i++ {
		_, last = l.Next(f.next(), start.Add(time.Duration(i)*step))
	}
	if got := last - first; got != 60*8000 {
		t.Errorf("a minute became %d units", got)
	}
}

func TestALongEventKeepsOneTimestamp(t *testing.T) {
	for _, clock := range []int{8000, 48000} {
		r, f := newRig(t, 8000), &feed{ssrc: 1, clock: 8000}
		r.expect("audio", f.next(), 1, 0)
		r.wait(step)
		event := &media.Packet{SSRC: 1, Timestamp: f.ts + 160, Clock: clock, Event: true}
		r.expectEvent(f, event, 160)
		for range 15 * 50 {
			r.wait(step)
			r.expectEvent(f, event, 0)
		}
		f.ts += 15*8000 + 160
		r.wait(step)
		r.expect("audio again", f.next(), 1, 15*8000+160)
	}
}

func (r *rig) expectEvent(f *feed, p *media.Packet, ts int) {
	r.t.Helper()
	f.seq++
	p.Sequence = f.seq
	r.expect("event", p, 1, ts)
}

func TestAnEventAmongAudio(t *testing.T) {
	r, f := newRig(t, 48000), &feed{ssrc: 1, clock: 48000}
	r.expect("audio", f.next(), 1, 0)
	r.wait(step)
	event := &media.Packet{SSRC: 1, Timestamp: 4711, Clock: 8000, Event: true}
	r.expectEvent(f, event, 960)
	r.expect("audio", f.next(), 1, 0)
	r.wait(step)
	r.expect("audio", f.next(), 1, 960)
	r.expectEvent(f, event, -960)
}

func TestInsertedNumbersAreNobodyElses(t *testing.T) {
	r, f := newRig(t, 8000), &feed{ssrc: 1, clock: 8000}
	seq, first := r.Insert(r.now)
	r.wait(time.Second)
	_, second := r.Insert(r.now)
	if seq != r.seq+1 || second-first != 8000 {
		t.Errorf("number +%d, a second is %d units", seq-r.seq, second-first)
	}
	r.seq, r.ts = seq+1, second
	r.expect("audio", f.next(), 1, 0)
	same := f.packet()
	r.wait(step)
	if seq, ts := r.Insert(r.now); seq != r.seq+1 || ts != r.ts+160 {
		t.Errorf("inserted %d %d after %d %d", seq, ts, r.seq, r.ts)
	}
	r.seq++
	r.expect("the packet before it, again", same, 1, 0)
	r.expect("and on", f.next(), 1, 160)
}

func TestSetClock(t *testing.T) {
	r, f := newRig(t, 8000), &feed{ssrc: 1, clock: 8000}
	ssrc := r.SSRC()
	r.expect("at 8000", f.next(), 1, 0)
	r.SetClock(48000)
	f.clock = 48000
	r.wait(step)
	r.expect("at 48000", f.next(), 1, 960)
	r.wait(step)
	r.expect("at 48000", f.next(), 1, 960)
	if r.SSRC() != ssrc {
		t.Error("the SSRC changed")
	}
}

// FuzzNext plays any mixture of sources, losses, reorder and inserts. What goes
// out must pass a replay window (RFC 3711 §3.3.2): a number is used again only
// for the same packet, and none is far behind the highest. Audio and events keep
// apart.
func FuzzNext(f *testing.F) {
	f.Add([]byte{0, 0, 1, 2, 200, 3, 1, 4, 5, 6, 7, 16, 33, 64, 128, 255})
	f.Add([]byte("\x01\x21\x05\x05\x01\x46\x06\x07\x01\x04\x01\xf0\x01"))
	f.Add([]byte("\x01\x21\x95\x16\x16\x06\x01\x05\x06\x07\x0d\x85\x8e\x86\x07\x0a"))
	f.Fuzz(func(t *testing.T, script []byte) {
		type origin struct {
			ssrc uint32
			n    int // which of its packets
		}
		l, j := New(8000), &judge{t: t, clock: 8000}
		used := map[uint16]origin{}
		now, highest := start, l.seq
		check := func(seq uint16, o origin) {
			if back := int(int16(highest - seq)); back > maxLate {
				t.Fatalf("number %d is %d behind", seq, back)
			}
			if was, ok := used[seq]; ok && was != o {
				t.Fatalf("number %d for %+v and %+v", seq, was, o)
			}
			used[seq] = o
			if int16(seq-highest) > 0 {
				highest = seq
			}
		}
		var sent [2]int
		var pressed uint32
		sources := []*feed{{ssrc: 1, clock: 8000}, {ssrc: 2, clock: 48000, seq: 65000}}
		for i, op := range script[:min(len(script), 4000)] {
			s := sources[op>>7]
			p := s.next()
			sent[op>>7]++
			n := sent[op>>7]
			switch op & 7 {
			case 0:
				seq, _ := l.Insert(now)
				check(seq, origin{99, i})
				continue
			case 1: // lost
				continue
			case 2: // late
				back := uint16(op>>3) & 15
				n -= int(back)
				p.Sequence -= back
				p.Timestamp -= uint32(back) * uint32(s.clock/50)
			case 3:
				now = now.Add(time.Duration(op) * time.Second)
			case 4:
				s.ts += uint32(op) << 24
			case 5, 6: // 6 goes on with the event before, and audio goes on meanwhile
				p.Event, p.Payload = true, []byte{op >> 4 & 7, op << 4, op, op}
				if op&8 != 0 {
					p.Clock = 8000
				}
				if op&7 == 5 {
					pressed = p.Timestamp
				}
				p.Timestamp = pressed
			}
			now = now.Add(step)
			seq, ts := l.Next(p, now)
			check(seq, origin{p.SSRC, n})
			j.take(p, ts)
		}
	})
}
