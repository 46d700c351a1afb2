package sip

import (
	"runtime/debug"

	"roomline/signalling"
)

// survive keeps a fault in one leg from taking the program along.
func (l *leg) survive() {
	fault := recover()
	if fault == nil {
		return
	}
	l.log.Error("a SIP leg broke down", "fault", fault, "stack", string(debug.Stack()))
	why := signalling.Reason{Cause: signalling.Internal}
	l.hungUp(why)
	if l.farewell != nil {
		defer func() { _ = recover() }() // what broke the leg may break this too
		l.farewell(why)
	}
}

// gone releases everything, and says so last.
func (l *leg) gone() {
	for _, tx := range l.begun {
		tx.Terminate()
	}
	l.accepted.release()
	l.letGo()
	l.giveBack()
	if l.dialog != nil {
		l.agent.mu.Lock()
		delete(l.agent.legs, l.key())
		l.agent.mu.Unlock()
		if l.known.Load() != nil {
			l.agent.scribe.forget(entryKey(l.dialog.callID, l.dialog.local.tag))
		}
	}
	for _, m := range l.mail.close() {
		switch m := m.(type) {
		case request:
			if m.tx != nil {
				l.agent.refuse(m.Request, m.tx, refuse(481, "Call/Transaction Does Not Exist"))
			}
		case takeOver:
			l.agent.refuse(m.Request, m.tx, refuse(481, "Call/Transaction Does Not Exist"))
		case anotherOkay:
			l.agent.stray(m.Response)
		}
	}
	l.in.Post(signalling.Event{Kind: signalling.Gone, Side: l.side})
}
