package line

import (
	"time"

	"roomline/media"
)

// stamp is p's timestamp on the line; newest says that it has the highest
// number so far, and so may move the line on.
func (l *Line) stamp(p *media.Packet, now time.Time, newest bool) uint32 {
	switch {
	case p.Event && l.event.known && p.Timestamp == l.event.ts:
		return l.event.out
	case p.Event && p.Clock != l.source.clock:
		return l.press(p, l.Timestamp(now))
	}
	s := &l.source
	delta := int64(int32(p.Timestamp - s.ts))
	if l.jumped(delta, now) {
		if newest {
			l.rebase(p, now)
		}
		delta = 0
	}
	out := s.base + l.scale(s.moved+delta)
	if newest && delta > 0 {
		s.moved, s.ts = s.moved+delta, p.Timestamp
		l.ts, l.at = out, now
	}
	if p.Event {
		return l.press(p, out)
	}
	return out
}

// press remembers what an event's one timestamp became.
func (l *Line) press(p *media.Packet, out uint32) uint32 {
	l.event = event{true, p.Timestamp, out}
	return out
}

// jumped reports a timestamp that no real source reaches in the time that has
// passed. The same timestamp again is a long event, never a jump.
func (l *Line) jumped(delta int64, now time.Time) bool {
	if delta == 0 || l.source.clock <= 0 {
		return false
	}
	moved := time.Duration(delta) * time.Second / time.Duration(l.source.clock)
	off := moved - now.Sub(l.at)
	return moved < -maxBack || off > maxJump || off < -maxJump
}

// rebase lets p's timestamp follow on the last by the wall clock, and by one
// packet's time at least.
func (l *Line) rebase(p *media.Packet, now time.Time) {
	if !l.at.IsZero() {
		l.ts += l.units(max(now.Sub(l.at), step))
	}
	l.at = now
	l.source.base, l.source.moved, l.source.ts = l.ts, 0, p.Timestamp
}

// units is d in units of the line's clock.
func (l *Line) units(d time.Duration) uint32 {
	return uint32(max(d, 0).Microseconds() * int64(l.clock) / 1_000_000)
}

// scale turns units of the source's clock into the line's.
func (l *Line) scale(units int64) uint32 {
	if l.source.clock <= 0 || l.source.clock == l.clock {
		return uint32(units)
	}
	return uint32(units * int64(l.clock) / int64(l.source.clock))
}
