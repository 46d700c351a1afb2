package dtmf

import (
	"time"

	"roomline/media"
)

// Lost is how long an event may be silent before its end counts as lost: three
// updates of the slowest senders (RFC 4733 §2.5.2.2).
const Lost = 200 * time.Millisecond

// Press is one digit as it was pressed.
type Press struct {
	Digit    byte
	Duration time.Duration
}

// Receiver finds the presses in a stream of event packets, each exactly once,
// at its end. It belongs to one goroutine; its zero value is ready.
type Receiver struct {
	known    bool // an event was seen; the next fields are the latest one's
	open     bool // and its end was not
	ssrc     uint32
	start    uint32 // timestamp of the press, its first segment's
	segment  uint32 // timestamp of the current segment
	clock    int
	event    Event
	length   uint32 // since start, in clock units
	lastSeen time.Time
}

// Take looks at one event packet and passes on the presses that ended with it:
// the one before, whose end was lost, and its own. Packets that are not events,
// or not digits, do nothing.
func (r *Receiver) Take(p *media.Packet, now time.Time, pressed func(Press)) {
	e, err := Parse(p.Payload)
	if !p.Event || err != nil || p.Clock <= 0 || r.old(p) {
		return
	}
	if !r.continues(p, e) {
		r.finish(pressed)
		r.known, r.open = true, true
		r.ssrc, r.start, r.clock, r.length = p.SSRC, p.Timestamp, p.Clock, 0
	}
	r.segment, r.event, r.lastSeen = p.Timestamp, e, now
	r.length = max(r.length, p.Timestamp-r.start+uint32(e.Duration))
	if e.End {
		r.finish(pressed)
	}
}

// Expire passes on a press whose end was lost, once it has been silent for Lost.
func (r *Receiver) Expire(now time.Time, pressed func(Press)) {
	if r.open && now.Sub(r.lastSeen) >= Lost {
		r.finish(pressed)
	}
}

// old reports a packet of an event before the current one, come late. A source
// whose clock jumps back by more than ten seconds has begun anew.
func (r *Receiver) old(p *media.Packet) bool {
	back := int32(r.segment - p.Timestamp)
	return r.known && p.SSRC == r.ssrc && back > 0 && int64(back) < 10*int64(r.clock)
}

// continues reports another packet of the current event, or its next segment
// (RFC 4733 §2.5.1.3): the same digit, beginning where the last one was full.
func (r *Receiver) continues(p *media.Packet, e Event) bool {
	if !r.known || p.SSRC != r.ssrc {
		return false
	}
	next := r.open && e.Digit == r.event.Digit && p.Timestamp-r.segment == uint32(r.event.Duration)
	return p.Timestamp == r.segment || next
}

func (r *Receiver) finish(pressed func(Press)) {
	if !r.open {
		return
	}
	r.open = false
	length := time.Duration(r.length) * time.Second / time.Duration(r.clock)
	pressed(Press{r.event.Digit, length})
}
