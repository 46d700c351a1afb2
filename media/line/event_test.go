package line

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"roomline/media"
	"roomline/media/dtmf"
)

// recorded is a packet of testdata, and when it came.
type recorded struct {
	media.Packet
	at time.Duration
}

func readRecorded(t *testing.T, name string) (packets []recorded) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for row := range strings.Lines(string(text)) {
		var ms float64
		var pt, marker int
		var head string
		r := recorded{Packet: media.Packet{SSRC: 1, Clock: 8000}}
		if n, _ := fmt.Sscan(row, &ms, &pt, &marker, &r.Sequence, &r.Timestamp, &head); n < 5 {
			continue
		}
		r.at = time.Duration(ms * float64(time.Millisecond))
		r.Marker, r.Event = marker == 1, pt == 101
		if r.Payload, err = hex.DecodeString(head); err != nil {
			t.Fatal(err)
		}
		packets = append(packets, r)
	}
	return packets
}

// judge watches what goes out for audio within events and events within what
// was before.
type judge struct {
	t       testing.TB
	clock   int
	known   bool
	pressed uint32 // the latest event's timestamp
	until   uint32 // and where it ends
	before  uint32 // the timestamp of the event before it
	heard   bool
	edge    uint32 // just after all audio
	digits  []byte
}

func (j *judge) take(p *media.Packet, ts uint32) {
	j.t.Helper()
	if !p.Event {
		if j.known && ts-j.pressed < j.until-j.pressed {
			j.t.Fatalf("audio at %d in the event from %d to %d", ts, j.pressed, j.until)
		}
		if int32(ts-j.until) > 1<<29 { // too old to compare soon
			j.known = false
		}
		if !j.heard || int32(ts+1-j.edge) > 0 {
			j.heard, j.edge = true, ts+1
		}
		return
	}
	e, err := dtmf.Parse(p.Payload)
	if err != nil {
		j.t.Fatal(err)
	}
	end := ts + uint32(int(e.Duration)*j.clock/p.Clock)
	switch {
	case j.known && ts == j.pressed:
		j.until = later(j.until, end)
	case j.known && ts == j.before:
		if int32(end-j.pressed) > 0 {
			j.t.Fatalf("the event at %d lasts until %d, into the one at %d", ts, end, j.pressed)
		}
	default:
		if j.known && int32(ts-j.until) < 0 || j.heard && int32(ts-j.edge) < 0 {
			j.t.Fatalf("event at %d after one until %d and audio until %d", ts, j.until, j.edge)
		}
		j.before, j.known, j.pressed, j.until = j.pressed, true, ts, end
		j.digits = append(j.digits, e.Digit)
	}
}

// TestAsterisk: its events last longer than the time they take, and its audio
// goes on from inside them.
func TestAsterisk(t *testing.T) {
	packets := readRecorded(t, "testdata/asterisk22-dtmf.txt")
	for _, clock := range []int{8000, 48000} {
		l, j := New(clock), &judge{t: t, clock: clock}
		var seq0 uint16
		var ts0 uint32
		events := map[uint32]uint32{}
		for i, r := range packets {
			p := r.Packet
			p.Payload = append([]byte(nil), r.Payload...)
			seq, ts := l.Next(&p, start.Add(r.at))
			if i == 0 {
				seq0, ts0 = seq, ts
			}
			if seq-seq0 != p.Sequence-packets[0].Sequence {
				t.Fatalf("packet %d: number %d", i, seq-seq0)
			}
			if was, ok := events[p.Timestamp]; p.Event && ok && was != ts {
				t.Fatalf("packet %d: another timestamp for the same event", i)
			} else if p.Event {
				events[p.Timestamp] = ts
			}
			j.take(&p, ts)
			passed := r.at - time.Duration(int32(ts-ts0))*time.Second/time.Duration(clock)
			if first := !p.Event || p.Marker; first && passed.Abs() > 60*time.Millisecond {
				t.Errorf("packet %d: %v behind the wall clock", i, passed)
			}
		}
		if string(j.digits) != "0123456789*#ABCD" || len(events) != 16 {
			t.Errorf("digits %q, %d events", j.digits, len(events))
		}
	}
}

// TestAPressKeepsItsLength: what is shortened of Asterisk's presses is what they
// never lasted.
func TestAPressKeepsItsLength(t *testing.T) {
	l := New(8000)
	ends := 0
	for _, r := range readRecorded(t, "testdata/asterisk22-dtmf.txt") {
		p := r.Packet
		l.Next(&p, start.Add(r.at))
		if e, err := dtmf.Parse(p.Payload); err == nil && e.End {
			ends++
			if d := time.Duration(e.Duration) * time.Second / 8000; d < 90*time.Millisecond || d > 200*time.Millisecond {
				t.Errorf("%c lasts %v", e.Digit, d)
			}
		}
	}
	if ends != 3*16 {
		t.Errorf("%d ends", ends)
	}
}

// TestAnExactSourceStaysExact: a browser's timestamps are exact through its
// events, and pass as they are, however unevenly they come.
func TestAnExactSourceStaysExact(t *testing.T) {
	for _, c := range []struct{ from, to, late int }{{8000, 8000, 0}, {48000, 48000, 0}, {48000, 8000, 0}, {8000, 8000, 35}, {48000, 48000, 35}} {
		l, f, j := New(c.to), &feed{ssrc: 1, clock: c.from}, &judge{t: t, clock: c.to}
		begun, now := f.ts, start
		_, out := l.Next(f.packet(), now)
		want := func(p *media.Packet, ts uint32) {
			t.Helper()
			j.take(p, ts)
			if got := int(ts - out); got != int(p.Timestamp-begun)*c.to/c.from {
				t.Fatalf("%+v: moved by %d for %d", c, got, p.Timestamp-begun)
			}
		}
		for i := 1; i < 3000; i++ {
			now = start.Add(time.Duration(i)*step + time.Duration(i*7%(c.late+1))*time.Millisecond)
			p := f.next()
			if k := i % 20; k >= 8 && k < 16 { // a press of 160 ms
				p = f.event(byte(i/20%16), k-7, min(k-7, 6))
			}
			said := string(p.Payload)
			_, ts := l.Next(p, now)
			want(p, ts)
			if string(p.Payload) != said {
				t.Fatalf("%+v: a press was changed", c)
			}
		}
	}
}

// event is the nth packet of an event that has lasted for so many packets, and
// takes the place of audio.
func (f *feed) event(code byte, n, lasted int) *media.Packet {
	frame := f.clock / 50
	p := f.packet()
	p.Event, p.Marker, p.Timestamp = true, n == 1, f.ts-uint32((n-1)*frame)
	p.Payload = []byte{code, 10, 0, 0}
	if n >= 6 {
		p.Payload[1] |= endBit
	}
	binary.BigEndian.PutUint16(p.Payload[2:], uint16(lasted*frame))
	return p
}

// TestAClockThatIsSlow: after hours a source may be far from the wall clock,
// and its events are still where it says.
func TestAClockThatIsSlow(t *testing.T) {
	for _, ppm := range []int{-500, 500} {
		l, f := New(8000), &feed{ssrc: 1, clock: 8000}
		now := start
		_, base := l.Next(f.packet(), now)
		for range 50 * 3600 {
			now = now.Add(step + step*time.Duration(ppm)/1_000_000)
			l.Next(f.next(), now)
		}
		f.next()
		if _, ts := l.Next(f.event(1, 1, 1), now.Add(step)); ts-base != f.ts {
			t.Errorf("%d ppm: moved by %d for %d", ppm, ts-base, f.ts)
		}
	}
}

// TestAnEventWhoseSourceLags: where the source's clock stood still, the wall
// clock counts.
func TestAnEventWhoseSourceLags(t *testing.T) {
	r, f := newRig(t, 8000), &feed{ssrc: 1, clock: 8000}
	r.expect("audio", f.next(), 1, 0)
	r.wait(time.Second)
	f.next()
	r.expect("an event a second later", f.event(1, 1, 1), 1, 8000)
	r.wait(100 * time.Millisecond)
	r.expect("audio that goes on from before it", f.next(), 1, 800)
}

// TestEventsThatClaimTooMuch push the line no further each time.
func TestEventsThatClaimTooMuch(t *testing.T) {
	l, f := New(8000), &feed{ssrc: 1, clock: 8000}
	now := start
	_, base := l.Next(f.packet(), now)
	for i := range 200 {
		for range 5 {
			now = now.Add(step)
			l.Next(f.next(), now)
		}
		now = now.Add(5 * step)
		for n := range 3 {
			p := f.event(byte(i%16), 1, 400)
			p.Sequence += uint16(n)
			l.Next(p, now)
		}
		f.seq += 2
	}
	_, ts := l.Next(f.next(), now.Add(step))
	if ahead := int(ts-base) - int(now.Sub(start)/step)*160; ahead > 800 {
		t.Errorf("%d ahead of the wall clock", ahead)
	}
}

// TestLatePacketsOfEvents keep the timestamp of theirs, and do not reach into
// the next.
func TestLatePacketsOfEvents(t *testing.T) {
	r, f := newRig(t, 8000), &feed{ssrc: 1, clock: 8000}
	r.expect("audio", f.next(), 1, 0)
	f.next()
	r.wait(step)
	r.expect("one", f.event(1, 1, 1), 1, 160)
	late := f.event(1, 1, 3)
	f.next()
	late.Sequence, late.Payload[1] = f.seq, endBit
	f.next()
	r.wait(2 * step)
	r.expect("two", f.event(2, 1, 1), 2, 320)
	r.expect("the end of one", late, -1, -320)
	if d := binary.BigEndian.Uint16(late.Payload[2:]); d > 320 {
		t.Errorf("one lasts %d, into the other", d)
	}
}

func TestALengthIsNotLostWithTheClock(t *testing.T) {
	l, f := New(8000), &feed{ssrc: 1, clock: 8000}
	l.Next(f.next(), start)
	f.next()
	_, event := l.Next(f.event(1, 1, 2), start.Add(step))
	l.SetClock(48000)
	g := &feed{ssrc: 1, clock: 48000, seq: f.seq}
	if _, ts := l.Next(g.next(), start.Add(step)); ts-event < 320 {
		t.Errorf("audio is %d after the event began", ts-event)
	}
}
