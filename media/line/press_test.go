package line

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"roomline/media"
	"roomline/media/dtmf"
)

// gateway renumbers what a source at one clock says for a far end at another,
// as a peer and a port do, and reads the digits that the far end is told.
type gateway struct {
	line    *Line
	clock   int
	digits  dtmf.Receiver
	pressed []dtmf.Press
}

func newGateway(clock int) *gateway { return &gateway{line: New(clock), clock: clock} }

func (g *gateway) pass(p *media.Packet, now time.Time) {
	p.Sequence, p.Timestamp = g.line.Next(p, now)
	if p.Event {
		dtmf.Scale(p.Payload, p.Clock, g.clock)
	}
	p.Clock = g.clock
	g.digits.Take(p, now, func(d dtmf.Press) { g.pressed = append(g.pressed, d) })
}

// TestDigitsBetweenClocks: T47. All sixteen, one after the other among audio,
// and pressed so long that their duration fills several fields (RFC 4733
// §2.5.1.3), from 48 kHz to 8 kHz and back.
func TestDigitsBetweenClocks(t *testing.T) {
	const all = "0123456789*#ABCD"
	for _, c := range []struct {
		from, to int
		press    time.Duration
	}{
		{48000, 8000, 100 * time.Millisecond}, {8000, 48000, 100 * time.Millisecond}, {8000, 8000, 100 * time.Millisecond},
		{48000, 48000, 100 * time.Millisecond}, {48000, 8000, 5 * time.Second}, {48000, 48000, 5 * time.Second},
		{8000, 48000, time.Second}, {8000, 8000, 10 * time.Second}, {48000, 8000, 20 * time.Millisecond},
	} {
		t.Run(fmt.Sprintf("%v from %d to %d", c.press, c.from, c.to), func(t *testing.T) {
			g, now := newGateway(c.to), start
			f := &feed{ssrc: 1, clock: c.from}
			for i := range len(all) {
				for range 10 {
					g.pass(f.next(), now)
					now = now.Add(step)
				}
				now = f.press(g, now, byte(i), c.press)
			}
			for range 10 {
				g.pass(f.next(), now)
				now = now.Add(step)
			}
			if len(g.pressed) != len(all) {
				t.Fatalf("%d presses: %v", len(g.pressed), g.pressed)
			}
			for i, d := range g.pressed {
				if off := (d.Duration - c.press).Abs(); d.Digit != all[i] || off > step {
					t.Errorf("press %d is %c for %v", i, d.Digit, d.Duration)
				}
			}
		})
	}
}

// press plays a digit as a browser does: an update every 20 ms, another segment
// where the field is full, the end three times.
func (f *feed) press(g *gateway, now time.Time, code byte, length time.Duration) time.Time {
	frame := f.clock / 50
	at, begun := now, f.ts+uint32(frame)
	segment := begun
	left := int(length.Milliseconds()) * f.clock / 1000
	send := func(lasted int, end, marker bool) {
		f.seq++
		p := &media.Packet{SSRC: f.ssrc, Sequence: f.seq, Timestamp: segment, Clock: f.clock, Event: true, Marker: marker, Payload: []byte{code, 10, 0, 0}}
		if end {
			p.Payload[1] |= endBit
		}
		binary.BigEndian.PutUint16(p.Payload[2:], uint16(lasted))
		g.pass(p, now)
	}
	for lasted := frame; ; lasted += frame {
		if over := lasted - 0xffff; over > 0 {
			send(0xffff, false, false)
			segment, left, lasted = segment+0xffff, left-0xffff, over
		}
		if lasted >= left {
			break
		}
		send(lasted, false, segment == begun && lasted == frame)
		now = now.Add(step)
	}
	for range 3 {
		send(left, true, false)
		now = now.Add(step)
	}
	f.ts = begun + uint32(now.Sub(at)/step-1)*uint32(frame)
	return now
}

// TestAPauseOfTenSeconds: T48. A browser with DTX says next to nothing while
// nobody speaks; what follows is where the wall clock is, and so is what the
// telephone's side counts.
func TestAPauseOfTenSeconds(t *testing.T) {
	for _, c := range []struct{ from, to int }{{48000, 48000}, {48000, 8000}, {8000, 8000}} {
		l, f, now := New(c.to), &feed{ssrc: 1, clock: c.from}, start
		seq, base := l.Next(f.next(), now)
		for range 3 {
			for range 50 {
				now = now.Add(step)
				l.Next(f.next(), now)
			}
			now = now.Add(10 * time.Second)
			f.ts += uint32(10 * c.from)
		}
		now = now.Add(step)
		last, ts := l.Next(f.next(), now)
		if want := uint32(now.Sub(start).Milliseconds()) * uint32(c.to) / 1000; ts-base != want {
			t.Errorf("%d to %d: moved by %d, want %d", c.from, c.to, ts-base, want)
		}
		if last-seq != 151 {
			t.Errorf("%d to %d: %d numbers for 151 packets", c.from, c.to, last-seq)
		}
	}
}
