package peer

import (
	"math/rand/v2"
	"time"

	"roomline/media"
)

// timeline is one monotonic sequence for an SSRC.
type timeline struct {
	clock  int
	seq    uint16
	ts     uint32
	at     time.Time
	ssrc   uint32
	source uint32
	begun  bool
}

func newTimeline(clock int) *timeline {
	return &timeline{clock: clock, seq: uint16(rand.Uint32()), ts: rand.Uint32()}
}

// Next numbers p.
func (l *timeline) Next(p *media.Packet, now time.Time) (uint16, uint32) {
	l.seq++
	if l.begun && p.SSRC == l.ssrc && p.Clock > 0 {
		step := int64(int32(p.Timestamp-l.source)) * int64(l.clock) / int64(p.Clock)
		l.ts += uint32(step)
	} else if l.begun {
		l.ts += uint32(now.Sub(l.at) * time.Duration(l.clock) / time.Second)
	}
	l.begun, l.ssrc, l.source, l.at = true, p.SSRC, p.Timestamp, now
	return l.seq, l.ts
}
