// Package line keeps one monotonic line of RTP sequence numbers and timestamps
// per outgoing SSRC.
package line

import (
	"crypto/rand"
	"encoding/binary"
	"time"

	"roomline/media"
)

const (
	maxGap  = 3000                  // packets; RFC 3550 A.1 MAX_DROPOUT
	maxLate = 100                   // packets; RFC 3550 A.1 MAX_MISORDER
	maxJump = 10 * time.Second      // of timestamps against the wall clock
	maxBack = time.Second           // by which audio may be older than what came before it
	step    = 20 * time.Millisecond // the least distance between two sources

	early    = 40 * time.Millisecond  // by which an event may be ahead of the wall clock
	spare    = 20 * time.Millisecond  // that it may claim beyond the packet of its last update
	late     = 200 * time.Millisecond // by which a network may delay them
	maxFrame = 120 * time.Millisecond // packet of audio (RFC 7587 §4.2)
	shortest = 100 * time.Millisecond // press that is left as it is; Q.24 asks for 40 ms
)

// Line renumbers what different sources say into what one source would have
// said, for as long as a call lasts: through hold, through a change of source
// or of codec. A receiver of SRTP drops numbers that it has seen (RFC 3711
// §3.3.2). A Line belongs to one goroutine at a time.
type Line struct {
	ssrc  uint32
	clock int // Hz of what goes out

	seq uint16    // the highest that went out
	ts  uint32    // that went out with it
	at  time.Time // when ts last moved

	wall  wall
	frame uint32 // units in one packet of audio
	end   uint32 // of all that went out

	source  source
	event   event // the latest
	before  event // the one before it
	pressed bool  // no audio went out since the latest event began
}

// source is where in its own numbers the current source stands.
type source struct {
	known bool
	ssrc  uint32
	clock int
	seq   uint16 // the highest taken
	room  int    // how many numbers, down from the line's highest, are in step with it
	ts    uint32 // the newest of audio taken
	top   uint32 // the newest taken
	moved int64  // units of the source's clock since base
	base  uint32 // what its first timestamp became
}

// New begins a line at clock Hz with a random SSRC and random first numbers
// (RFC 3550 §5.1). The first sequence number leaves room: a receiver of SRTP that
// misses the first turn of the numbers can decrypt nothing (RFC 3711 §3.3.1).
func New(clock int) *Line {
	var b [10]byte
	_, _ = rand.Read(b[:]) // never fails, since Go 1.24
	l := &Line{
		clock: clock,
		ssrc:  binary.BigEndian.Uint32(b[0:]),
		ts:    binary.BigEndian.Uint32(b[4:]),
		seq:   binary.BigEndian.Uint16(b[8:]) >> 1,
	}
	l.frame = l.units(step)
	return l
}

// SSRC is the line's own, the same for its whole life.
func (l *Line) SSRC() uint32 { return l.ssrc }

// SetClock changes the rate of what goes out to clock Hz, as a change of codec
// does. The numbers go on from where they are.
func (l *Line) SetClock(clock int) {
	if clock == l.clock || l.clock <= 0 {
		return
	}
	left := int64(int32(l.end-l.ts)) * int64(clock) / int64(l.clock)
	l.clock, l.end = clock, l.ts+uint32(left)
	l.frame = l.units(step)
	l.wall = wall{ts: l.ts, at: l.at}
	l.source, l.event, l.before, l.pressed = source{}, event{}, event{}, false
}

// Next gives the numbers under which p goes out. Gaps of a source stay gaps and
// what comes late keeps its place, so that the receiver sees what was lost. The
// duration of an event is shortened in p where it is longer than time has passed.
func (l *Line) Next(p *media.Packet, now time.Time) (seq uint16, ts uint32) {
	s := &l.source
	ahead := int(int16(p.Sequence - s.seq))
	switch {
	case l.strange(p, ahead):
		return l.anchor(p, now)
	case ahead > 0:
		s.seq = p.Sequence
		s.room = min(s.room+ahead, maxLate)
		l.seq += uint16(ahead)
		return l.seq, l.stamp(p, now, ahead)
	case -ahead < s.room:
		return l.seq + uint16(ahead), l.stamp(p, now, 0)
	}
	// Its place went to another packet, so it takes a new one.
	return l.take(), l.stamp(p, now, 0)
}

// Insert gives the numbers for a packet of our own among those of the source.
func (l *Line) Insert(now time.Time) (seq uint16, ts uint32) {
	l.start(now)
	return l.take(), l.Timestamp(now)
}

// Timestamp is what the line's clock shows at now (RFC 3550 §6.4.1).
func (l *Line) Timestamp(now time.Time) uint32 { return l.ts + l.units(now.Sub(l.at)) }

// take uses up the next number, after which none below is in step with the source.
func (l *Line) take() uint16 {
	l.seq++
	l.source.room = 0
	return l.seq
}

// strange reports a packet that does not follow from those before it: another
// source, or the same one begun anew.
func (l *Line) strange(p *media.Packet, ahead int) bool {
	s := &l.source
	if !s.known || p.SSRC != s.ssrc || ahead > maxGap || ahead < -maxLate {
		return true
	}
	if p.Event {
		return false
	}
	// Numbers that went back while timestamps went on would be used twice.
	return p.Clock != s.clock || ahead < 0 && int32(p.Timestamp-s.top) > 0
}

// anchor lets p follow at once on what went out last, as far along in time as
// the wall clock is.
func (l *Line) anchor(p *media.Packet, now time.Time) (uint16, uint32) {
	if p.SSRC != l.source.ssrc {
		l.event.known, l.before.known = false, false
	}
	l.seq++
	l.source = source{known: true, ssrc: p.SSRC, clock: p.Clock, seq: p.Sequence, room: 1}
	l.rebase(p, now)
	if !p.Event {
		return l.seq, l.ts
	}
	if l.find(p) == nil {
		l.begin(p, l.ts)
	}
	return l.seq, l.press(p, now)
}
