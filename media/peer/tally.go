package peer

import (
	"sync"
	"sync/atomic"
	"time"

	"roomline/media"
)

// tally counts one connection's packets as RFC 3550 appendix A does.
type tally struct {
	sent, rejected atomic.Uint64

	mu          sync.Mutex
	received    uint64
	first, last time.Time
	begun       bool
	ssrc        uint32
	base        uint32 // first extended sequence number of this source
	highest     uint32 // highest extended sequence number of this source
	seen        uint64 // packets of this source
	lost        uint64 // of earlier sources
	transit     time.Duration
	timed       bool
	jitter      float64 // ns, RFC 3550 A.8
	clock       int
}

// receive counts a packet accepted at now.
func (t *tally) receive(p *media.Packet, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.received++
	t.last = now
	if t.first.IsZero() {
		t.first = now
	}
	if !t.begun || p.SSRC != t.ssrc {
		t.lost += t.missing()
		t.begun, t.ssrc, t.seen, t.timed = true, p.SSRC, 0, false
		// One cycle up, so that a late packet before the first is no wrap.
		t.base = 1<<16 | uint32(p.Sequence)
		t.highest = t.base
	}
	t.seen++
	t.order(p.Sequence)
	if !p.Event { // the packets of one event share a timestamp
		t.spread(p, now)
	}
}

// order extends the sequence number (RFC 3550 A.1).
func (t *tally) order(seq uint16) {
	step := int16(seq - uint16(t.highest))
	if step > 0 {
		t.highest += uint32(step)
	} else if early := t.highest + uint32(int32(step)); early < t.base {
		t.base = early
	}
}

// missing is expected less seen for this source (RFC 3550 A.3).
func (t *tally) missing() uint64 {
	if !t.begun {
		return 0
	}
	expected := uint64(t.highest-t.base) + 1
	return expected - min(expected, t.seen)
}

// spread updates the interarrival jitter (RFC 3550 A.8).
func (t *tally) spread(p *media.Packet, now time.Time) {
	if p.Clock <= 0 {
		return
	}
	elapsed := now.Sub(t.first)
	transit := elapsed - time.Duration(p.Timestamp)*time.Second/time.Duration(p.Clock)
	if t.timed && t.clock == p.Clock {
		d := transit - t.transit
		if d < 0 {
			d = -d
		}
		if d < time.Minute { // a timestamp that wrapped or jumped says nothing
			t.jitter += (float64(d) - t.jitter) / 16
		}
	}
	t.transit, t.timed, t.clock = transit, true, p.Clock
}

func (t *tally) stats() media.Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	return media.Stats{
		Received: t.received, Lost: t.lost + t.missing(), Rejected: t.rejected.Load(), Sent: t.sent.Load(),
		Jitter: time.Duration(t.jitter), First: t.first, Last: t.last,
	}
}
