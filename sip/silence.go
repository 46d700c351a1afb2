package sip

import (
	"fmt"
	"time"

	"roomline/signalling"
)

// watch ends a call whose audio stopped without a goodbye. None is due before
// a description was agreed on, which an ACK may bring late.
func (l *leg) watch(now time.Time) {
	if l.since.IsZero() {
		return
	}
	stats := l.port.Stats()
	limit, last := l.trunk.SilenceTimeout, stats.Last
	if stats.First.IsZero() {
		limit = max(limit, l.agent.timing.silence)
	}
	if l.held || l.reoffer.agreed || !l.agreed.Receive {
		limit = holdLimit
	}
	for _, sign := range []time.Time{l.since, l.port.Life()} { // RTCP counts: some are silent when nobody speaks
		if last.Before(sign) {
			last = sign
		}
	}
	if now.Sub(last) > limit {
		l.part(signalling.Reason{Cause: signalling.MediaLost, Detail: fmt.Sprintf("no audio from the trunk for %.0f s", limit.Seconds())})
	}
}

// holdLimit is how long a call on hold may be silent.
const holdLimit = 1800 * time.Second
