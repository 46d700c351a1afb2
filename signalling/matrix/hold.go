package matrix

import (
	"time"

	"roomline/signalling"
)

// This file holds the negotiations within a call (Matrix 1.7, "m.call.negotiate").
//
// The leg that placed the call is the impolite side: where two offers cross, it
// ignores the other one. The leg that answered never offers, because the media
// library cannot take an offer back, as a polite side has to.

// negotiateTime is how long an offer or answer of ours may be of use; it is
// what js-sdk allows.
const negotiateTime = time.Minute

// holding is what the client knows about being on hold.
type holding struct {
	shown  bool // it was told by an offer, and agreed
	asked  bool // an offer of ours waits for its answer
	wanted bool // what our last offer said, whatever became of it
	round  int  // which offer an alarm belongs to
}

// negotiate takes a description from within the call.
func (l *leg) negotiate(h heard) {
	switch {
	case h.V0 || h.age() > h.life() || h.SDP == "":
		l.c.calls.ignore(h.Type)
	case h.SDPType == "offer":
		l.reoffered(h)
	case h.SDPType == "answer":
		l.reanswered(h)
	}
}

// reoffered answers a later offer: hold, another network, video.
func (l *leg) reoffered(h heard) {
	if l.hold.asked { // a collision: the client takes its own back and answers ours
		l.c.calls.ignore(h.Type)
		return
	}
	answer, held, err := l.peer.Renegotiate(h.SDP)
	if err != nil {
		l.log.Warn("could not answer a new offer within the call", "error", err)
		return
	}
	l.hearVoice(h.Voice)
	l.postNegotiate("answer", answer)
	l.showMuted()
	l.hearHeld(held)
}

// hearHeld tells the call. A client that holds sends nothing to be heard.
func (l *leg) hearHeld(held bool) {
	if held == l.held {
		return
	}
	l.held = held
	if held {
		l.report(signalling.Event{Kind: signalling.Held, Side: l.side, Silent: true})
		return
	}
	l.report(signalling.Event{Kind: signalling.Resumed, Side: l.side})
}

func (l *leg) postNegotiate(kind, sdp string) {
	l.post(outgoing{eventType: typeNegotiate, until: time.Now().Add(negotiateTime),
		content: negotiateOut{l.head(), negotiateTime.Milliseconds(), sdpOut{kind, sdp}, l.audible()}})
}

// showHold offers again so that the client shows that it is on hold, or is not
// any more; see showMuted for clients that cannot be shown it.
func (l *leg) showHold() {
	h := &l.hold
	if l.stage.placed || l.stage.v0 || h.asked || h.wanted == l.view.Held {
		return
	}
	h.wanted = l.view.Held
	offer, err := l.peer.Reoffer(h.wanted)
	if err != nil {
		l.log.Warn("could not make a new offer within the call", "error", err)
		return
	}
	h.asked = true
	h.round++
	round := h.round
	l.postNegotiate("offer", offer)
	time.AfterFunc(l.c.calls.waits.offer, func() { l.box.put(item{kind: offerLate, round: round}) }) // only posts
}

// reanswered takes the answer to our offer. One that comes too late, or is to
// nothing, has no effect.
func (l *leg) reanswered(h heard) {
	if !l.hold.asked {
		l.c.calls.ignore(h.Type)
		return
	}
	l.hearVoice(h.Voice)
	l.hold.asked = false
	if err := l.peer.Accept(h.SDP); err != nil {
		l.log.Warn("could not take the answer to our offer within the call", "error", err)
		l.peer.Abandon()
		l.hold.shown = false
	} else {
		l.hold.shown = l.hold.wanted
		l.hearHeld(l.peer.Held()) // a browser that took back its own offer to hold says it in the answer
	}
	l.update()
}

// unanswered gives up an offer. The call goes on as it was, and the next offer
// puts right what the client may have made of this one.
func (l *leg) unanswered(round int) {
	if !l.hold.asked || round != l.hold.round {
		return
	}
	l.log.Info("the client did not answer an offer within the call")
	l.peer.Abandon()
	l.hold.asked, l.hold.shown = false, false
	l.update()
}
