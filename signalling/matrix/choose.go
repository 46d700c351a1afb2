package matrix

import "roomline/signalling"

// keep stores candidates by party until one party is chosen.
func (l *leg) keep(h heard) {
	if l.parties == nil {
		l.parties = map[party][]candidate{}
	}
	list, known := l.parties[h.party()]
	if (known || len(l.parties) < maxParties) && len(list) < maxCallCandidates {
		l.parties[h.party()] = append(list, h.Candidates...)
	}
}

// maxParties is how many devices we listen to.
const maxParties = 32

// choose takes the first answer, tells all devices so, and gives the peer the
// candidates of that one.
func (l *leg) choose(answer heard) *outcome {
	if l.user == "" { // the room was rung as a whole: the call has to know whose it is now
		who := l.target.To
		who.User = answer.Sender
		l.report(signalling.Event{Kind: signalling.Identified, Side: l.side, Party: who})
	}
	l.c.calls.settle(l, answer.party())
	l.stage.v0, l.stage.answered = answer.V0, true
	l.hearVoice(answer.Voice)
	l.log.Debug("answered by a client", "v0", answer.V0, "dtmf", answer.Can.DTMF, "transferee", answer.Can.Transferee)
	if err := l.peer.Accept(answer.SDP); err != nil {
		l.log.Warn("could not take the answer", "error", err)
		return l.fail(mediaCause(err), "")
	}
	l.selectAnswer(answer)
	for p, list := range l.parties {
		if p.User == answer.Sender && p.Device == answer.Device && (p.ID == answer.Party || p.ID == "" || answer.V0) { // clients mix the versions within a call
			l.addCandidates(list)
		}
	}
	l.parties = nil
	return nil
}

// selectAnswer tells the user's devices which answer or reject counted
// (Matrix 1.7). Version 0 has no such event.
func (l *leg) selectAnswer(h heard) {
	if h.V0 || h.Party == "" {
		return
	}
	l.post(outgoing{eventType: typeSelectAnswer, content: selectOut{l.head(), h.Party}, final: true})
}
