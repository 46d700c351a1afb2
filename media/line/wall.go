package line

import "time"

// slack is the share of a clock's time by which it may be slower than ours: the
// thousandth that sound cards are allowed.
const slack = 1024

// wall ties the line to the wall clock by the packet that was on its way the
// shortest, so that one which comes late says nothing about the clock.
type wall struct {
	ts   uint32
	at   time.Time
	lead uint32 // units by which events pushed the line ahead of it
}

// wallTime is what the line would show at now if nothing had pushed it.
func (l *Line) wallTime(now time.Time) uint32 { return l.wall.ts + l.units(now.Sub(l.wall.at)) }

// follow lets the wall clock follow audio that went out as out at now.
func (l *Line) follow(out uint32, now time.Time) {
	out -= l.wall.lead
	late := int32(l.wallTime(now) - out)
	if late <= int32(l.units(now.Sub(l.wall.at)/slack)) {
		l.wall.ts, l.wall.at = out, now
	}
}

// pushed ties the line anew: what went out as out at now is ahead by lead.
func (l *Line) pushed(out uint32, now time.Time, lead uint32) {
	l.wall = wall{out - lead, now, lead}
}

// agrees reports a timestamp that may be what the line shows at now: a little
// early, or as late as a network makes it.
func (l *Line) agrees(out uint32, now time.Time) bool {
	off := int32(out - l.wallTime(now))
	return off <= int32(l.units(early)) && off >= -int32(l.units(late))
}

// later is the later of two timestamps less than half a turn apart.
func later(a, b uint32) uint32 {
	if int32(a-b) > 0 {
		return a
	}
	return b
}
