package line

import (
	"encoding/binary"
	"time"

	"roomline/media"
)

const (
	eventSize = 4    // bytes, RFC 4733 §2.3
	endBit    = 0x80 // of the second
)

// event is a telephone-event, whose packets share one timestamp (RFC 4733
// §2.2), possibly at another clock than the audio.
type event struct {
	known   bool
	ts, out uint32
	length  uint32 // the longest that went out, in units of the line's clock
	code    byte   // which event
	next    uint32 // where its source would begin another segment of it
	over    bool   // its end went out
}

// press is the one timestamp of p's event.
func (l *Line) press(p *media.Packet, now time.Time) uint32 {
	e := l.find(p)
	if e == nil {
		e = l.begin(p, l.place(p, now))
	}
	l.pressed = l.pressed || e == &l.event
	l.lengthen(e, p, now)
	return e.out
}

// find is the event that p belongs to, nil if it begins one.
func (l *Line) find(p *media.Packet) *event {
	for _, e := range [...]*event{&l.event, &l.before} {
		if e.known && e.ts == p.Timestamp {
			return e
		}
	}
	return nil
}

// begin makes p's event, which goes out as out, the latest.
func (l *Line) begin(p *media.Packet, out uint32) *event {
	l.before, l.event = l.event, event{known: true, ts: p.Timestamp, out: out}
	return &l.event
}

// place is where a new event begins: where its source says, if the wall clock
// agrees, and never inside what went out before.
func (l *Line) place(p *media.Packet, now time.Time) uint32 {
	if l.event.continues(p) {
		return l.event.out + l.event.length
	}
	out := l.wallTime(now)
	if s := &l.source; p.Clock == s.clock {
		if said := s.base + l.scale(s.moved+int64(int32(p.Timestamp-s.ts))); l.agrees(said, now) {
			out = said
		}
	}
	return later(out, l.end)
}

// continues reports the next segment of an event whose duration field is full
// (RFC 4733 §2.5.1.3): it begins exactly where the one before it ended, and goes
// out so, too, however their clocks divide.
func (e *event) continues(p *media.Packet) bool {
	return e.known && !e.over && len(p.Payload) == eventSize && p.Payload[0] == e.code && p.Timestamp == e.next
}

// lengthen takes in how long the event has lasted, and shortens in p what would
// push the line too far ahead of the wall clock: some say more than time has
// passed. The end says the same each time (RFC 4733 §2.5.1.4).
func (l *Line) lengthen(e *event, p *media.Packet, now time.Time) {
	if len(p.Payload) != eventSize || p.Clock <= 0 { // several at once: nobody's, and passed on as they are
		return
	}
	field := p.Payload[2:]
	said := int64(binary.BigEndian.Uint16(field))
	e.code, e.next = p.Payload[0], p.Timestamp+uint32(said)
	length := uint32(said * int64(l.clock) / int64(p.Clock))
	if most := l.longest(e, now); length > most {
		length = most
		binary.BigEndian.PutUint16(field, uint16(int64(length)*int64(p.Clock)/int64(l.clock)))
	}
	e.length = max(e.length, length)
	e.over = e.over || p.Payload[1]&endBit != 0
	l.end = later(l.end, e.out+e.length)
}

// longest is how long an event can have lasted at now. One that is over, or that
// another has followed, lasts no longer.
func (l *Line) longest(e *event, now time.Time) uint32 {
	if e.over || e != &l.event {
		return e.length
	}
	passed := int32(l.wallTime(now) + l.frame + l.units(spare) - e.out)
	return max(uint32(max(passed, 0)), e.length, l.units(shortest))
}
