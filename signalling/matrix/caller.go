package matrix

import (
	"errors"
	"time"

	"roomline/media"
	"roomline/media/peer"
	"roomline/signalling"
)

const (
	ringGrace = 5 * time.Second // for the call to end a leg that rang too long
	ringAhead = 5 * time.Second // at most, of the client, whose own timer would end the call without a reason
)

// ringsFor is how long the telephone may ring for an invite that lives so long.
func ringsFor(life time.Duration) time.Duration { return life - min(ringAhead, life/10) }

// caller is the recipe of a leg whose Matrix user placed the call (side A).
func (l *leg) caller(life time.Duration) outcome {
	l.tell(dialling, signalling.Reason{})
	it, o := l.ringing(life)
	if o == nil {
		o = l.answer(it.format)
	}
	switch {
	case o != nil:
	case it.kind == previewIt:
		o = l.overhear()
	default:
		o = l.connect(signalling.Confirmed)
	}
	if o != nil {
		return *o
	}
	return l.talk()
}

// ringing waits for the telephone to be answered, or to be overheard before
// that. Nothing goes to the room.
func (l *leg) ringing(life time.Duration) (item, *outcome) {
	timer := time.NewTimer(ringsFor(life))
	defer timer.Stop()
	l.c.calls.dials(l, l.other.Number)
	defer l.c.calls.dials(l, "")
	for late := false; ; {
		it := l.wait(timer.C)
		switch {
		case it.kind == answerIt, it.kind == previewIt:
			return it, nil
		case it.kind == otherRings:
			l.tell(ringing, signalling.Reason{})
		case it.kind == timerFired && late:
			return item{}, l.fail(signalling.NoAnswer, "")
		case it.kind == timerFired:
			late = true
			l.in.Post(signalling.Event{Kind: signalling.TimedOut, Side: l.side})
			timer.Reset(ringGrace)
		case it.is(typeCandidates) && l.mine(it.heard):
			l.addCandidates(it.heard.Candidates)
		case it.kind == wanted:
			if o := l.giveAway(it.leg); o != nil {
				return item{}, o
			}
		case l.takenOver(it):
			return item{}, &outcome{reason: signalling.Reason{Cause: signalling.Elsewhere}, own: true}
		default:
			if o := l.over(it); o != nil {
				return item{}, o
			}
		}
	}
}

// takenOver tells whether another party took the call that a room placed: it
// answered first, or the caller chose it (Matrix 1.7, "m.call.select_answer").
func (l *leg) takenOver(it item) bool {
	switch {
	case !l.stage.placed:
		return false
	case it.is(typeAnswer):
		return l.peer == nil && !it.heard.from(l.far)
	case it.is(typeSelectAnswer):
		return l.mine(it.heard) && it.heard.Selected != "" && it.heard.Selected != l.party
	}
	return false
}

// answer makes the peer and sends its answer; candidates follow the answer,
// never the other way round, or js-sdk loses them.
func (l *leg) answer(f media.Format) *outcome {
	p, sdp, err := l.c.peers.Answer(l.offer, f, l.onState)
	if err != nil {
		l.log.Warn("could not answer the offer", "error", err)
		return l.fail(mediaCause(err), "")
	}
	l.peer = p
	l.flushCandidates()
	until := time.Now().Add(l.c.cfg.ConnectTimeout + abandonGrace) // connected gives up first, and says why
	l.post(outgoing{eventType: typeAnswer, content: l.answerContent(sdp), until: until, done: l.awaited()})
	l.post(outgoing{eventType: typeCandidates, content: endOfCandidates(l.head()), until: until})
	l.identify()
	return nil
}

func (l *leg) answerContent(sdp string) answerOut {
	a := answerOut{head: l.head(), Answer: sdpOut{"answer", sdp}}
	if !l.stage.v0 {
		a.Capabilities, a.Streams = ours(), usermedia(l.peer.StreamID(), false)
	}
	return a
}

func mediaCause(err error) signalling.Cause {
	if errors.Is(err, peer.ErrNoFormat) {
		return signalling.NoCodec
	}
	return signalling.MediaFailed
}
