package line

import (
	"time"

	"roomline/media"
)

// stamp is p's timestamp on the line. ahead says by how many its number is
// beyond the highest so far; only such a packet may move the line on.
func (l *Line) stamp(p *media.Packet, now time.Time, ahead int) uint32 {
	if s := &l.source; ahead > 0 && p.Clock == s.clock {
		s.top = later(s.top, p.Timestamp)
	}
	switch {
	case p.Event:
		return l.press(p, now)
	case ahead > 0:
		return l.newest(p, now, ahead)
	}
	return l.belated(p, now)
}

// newest moves the line on to p's timestamp, or to where the wall clock is if
// that cannot be.
func (l *Line) newest(p *media.Packet, now time.Time, ahead int) uint32 {
	s := &l.source
	delta, out := l.said(p)
	if l.jumped(delta, now) || l.pressed && (int32(out-l.event.out-l.event.length) < 0 || !l.agrees(out, now)) {
		l.rebase(p, now)
		return l.ts
	}
	l.pressed = false
	if delta > 0 {
		if step := out - l.ts; ahead == 1 && step <= l.units(maxFrame) {
			l.frame = step
		}
		s.moved, s.ts = s.moved+delta, p.Timestamp
		l.move(out, now)
		l.follow(out, now)
	}
	return out
}

// belated keeps p's place in time. Never does that move the line.
func (l *Line) belated(p *media.Packet, now time.Time) uint32 {
	delta, out := l.said(p)
	if l.jumped(delta, now) {
		out = l.ts
	}
	if out-l.event.out < l.event.length {
		out = l.event.out + l.event.length
	}
	l.end = later(l.end, out+l.frame)
	return out
}

// said is how far p is from the audio before, in units of its source's clock,
// and where that is on the line.
func (l *Line) said(p *media.Packet) (delta int64, out uint32) {
	delta = int64(int32(p.Timestamp - l.source.ts))
	return delta, l.source.base + l.scale(l.source.moved+delta)
}

// jumped reports a timestamp that no real source reaches in the time that has
// passed. The same timestamp again is never a jump.
func (l *Line) jumped(delta int64, now time.Time) bool {
	if delta == 0 || l.source.clock <= 0 {
		return false
	}
	moved := time.Duration(delta) * time.Second / time.Duration(l.source.clock)
	off := moved - now.Sub(l.at)
	return moved < -maxBack || off > maxJump || off < -maxJump
}

// rebase lets p's timestamp follow on all that went out before, as far along as
// the wall clock is.
func (l *Line) rebase(p *media.Packet, now time.Time) {
	l.start(now)
	want := l.wallTime(now)
	out := later(want, l.end)
	l.move(out, now)
	l.pushed(out, now, out-want)
	l.pressed = false
	s := &l.source
	s.base, s.moved, s.ts, s.top = out, 0, p.Timestamp, p.Timestamp
}

// start ties the line to the wall clock before the first packet.
func (l *Line) start(now time.Time) {
	if l.at.IsZero() {
		l.at, l.end = now, l.ts
		l.pushed(l.ts, now, 0)
	}
}

// move makes out what the line shows at now, and forgets events that are long over.
func (l *Line) move(out uint32, now time.Time) {
	l.ts, l.at = out, now
	if e := &l.event; int32(out-e.out-e.length) > int32(l.units(maxJump)) {
		e.known, l.before.known = false, false
	}
	l.end = later(l.end, out+l.frame)
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
