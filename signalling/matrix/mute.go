package matrix

import "roomline/signalling"

// This file holds how the state of a microphone crosses the border (MSC3291).

// hearVoice notes whether the client's microphone is on. Sound may flow either
// way: a muted client sends silence.
func (l *leg) hearVoice(v voice) {
	muted := v == voiceOff
	if v == voiceUnknown || muted == l.silent {
		return
	}
	l.silent = muted
	if !l.talked.IsZero() {
		l.sayVoice()
	}
}

func (l *leg) sayVoice() {
	k := signalling.Unmuted
	if l.silent {
		k = signalling.Muted
	}
	l.report(signalling.Event{Kind: k, Side: l.side})
}

// showMuted lets the client show that the other side cannot be heard: muted,
// or holding where the client cannot be shown that. The stream keeps the id
// that our invite or answer gave it.
func (l *leg) showMuted() {
	muted := l.view.Muted || l.view.Held && !l.hold.shown && !l.hold.asked
	if muted == l.muted || l.stage.v0 {
		return
	}
	l.muted = muted
	l.post(outgoing{eventType: typeStreams, content: streamsOut{l.head(), usermedia(l.peer.StreamID(), muted)}})
}

// audible describes our stream as heard, muted or not. Element on the web
// looks at the flag when a stream begins anew, and would never play one that
// was muted in that moment: so the truth follows in an event of its own.
func (l *leg) audible() map[string]stream {
	l.muted = false
	return usermedia(l.peer.StreamID(), false)
}
