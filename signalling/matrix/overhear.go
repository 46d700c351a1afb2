package matrix

import (
	"roomline/media/peer"
	"roomline/signalling"
)

// This file holds what a client hears of a telephone that has not answered: an
// announcement, or the network's own ringing. No client plays anything before
// m.call.answer, so it gets that answer ahead of the telephone's, where the
// trunk is set up for it. For the room the telephone rings all the same.

// overhear lets the client hear the network until the telephone is answered.
func (l *leg) overhear() *outcome {
	l.ahead = true
	l.tell(ringing, signalling.Reason{})
	if o := l.connected(); o != nil {
		return o
	}
	if l.ahead {
		l.open()
	}
	for l.ahead {
		it := l.wait(nil)
		if it.kind == mediaIs && it.state == peer.Lost {
			return l.fail(signalling.MediaLost, "")
		}
		if o := l.during(it); o != nil {
			return o
		}
	}
	l.ready(signalling.Confirmed)
	return nil
}

// open shows the audio to the call before the answer.
func (l *leg) open() {
	l.mu.Lock()
	l.media = l.keyed()
	l.mu.Unlock()
	l.report(signalling.Event{Kind: signalling.Early, Side: l.side})
}

// catchUp takes what the telephone does meanwhile.
func (l *leg) catchUp(it item) bool {
	switch it.kind {
	case answerIt:
		l.ahead = false
	case otherRings:
		l.tell(ringing, signalling.Reason{})
	default:
		return false
	}
	return true
}

// heardAt is the stage as the client's own words are to be read: whoever hangs
// up before the telephone was answered has given the call up.
func (l *leg) heardAt() stage {
	s := l.stage
	s.answered = s.answered && !l.ahead
	return s
}
