package matrix

import (
	"time"

	"roomline/media/peer"
	"roomline/signalling"
)

// This file holds what both kinds of leg do once there is a peer.

// connect waits until audio can flow, and says so to the call.
func (l *leg) connect(done signalling.Kind) *outcome {
	o := l.connected()
	if o == nil {
		l.ready(done)
	}
	return o
}

// connected waits until audio can flow.
func (l *leg) connected() *outcome {
	timer := time.NewTimer(l.c.cfg.ConnectTimeout)
	defer timer.Stop()
	for {
		it := l.wait(timer.C)
		switch {
		case it.kind == mediaIs && it.state == peer.Connected:
			l.stage.answered = true // nobody connects to an answer that never came
			return nil
		case it.kind == timerFired, it.kind == mediaIs && it.state == peer.Lost:
			return l.fail(signalling.MediaFailed, "")
		}
		if o := l.during(it); o != nil {
			return o
		}
	}
}

// talk is the call itself.
func (l *leg) talk() outcome {
	for {
		it := l.wait(nil)
		if it.kind == mediaIs {
			l.log.Debug("audio connection", "state", it.state)
			if it.state == peer.Lost {
				return *l.fail(signalling.MediaLost, "")
			}
		}
		if o := l.during(it); o != nil {
			return *o
		}
	}
}

// during handles what may come at any time after an answer.
func (l *leg) during(it item) *outcome {
	switch {
	case it.kind == wasSent && it.err == nil:
		l.stage.answered = true
	case l.ahead && l.catchUp(it):
	case it.kind == playDigit:
		l.digit(it.digit)
	case it.kind == pressed:
		l.write(it.digit)
	case it.kind == digitsSent:
		l.digitsSent()
	case it.kind == offerLate:
		l.unanswered(it.round)
	case it.is(typeCandidates) && l.mine(it.heard):
		l.addCandidates(it.heard.Candidates)
	case it.is(typeNegotiate) && l.mine(it.heard):
		l.negotiate(it.heard)
	case it.is(typeStreams) && l.mine(it.heard):
		l.hearVoice(it.heard.Voice)
	case it.is(typeReplaces) && l.mine(it.heard):
		return l.replace(it.heard)
	case l.takenOver(it):
		return &outcome{reason: signalling.Reason{Cause: signalling.Elsewhere}, own: true}
	}
	return l.over(it)
}

// addCandidates gives candidates to the peer, or keeps them until there is
// one. One that cannot be used is no reason to fail.
func (l *leg) addCandidates(list []candidate) {
	for _, c := range list {
		if l.count++; l.count > maxCallCandidates {
			return
		}
		if l.peer == nil {
			l.early = append(l.early, c)
		} else if err := l.peer.AddCandidate(c.toPeer()); err != nil {
			l.log.Debug("ignored a candidate", "error", err)
		}
	}
}

// flushCandidates gives the peer what came before it.
func (l *leg) flushCandidates() {
	early := l.early
	l.early, l.count = nil, 0
	l.addCandidates(early)
}

// life is how long an event is of use.
func (h heard) life() time.Duration {
	if h.Lifetime == 0 {
		return defaultLifetime
	}
	return h.Lifetime
}

// age is how old an event is now.
func (h heard) age() time.Duration { return h.Age + time.Since(h.At) }
