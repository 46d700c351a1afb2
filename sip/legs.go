package sip

import "roomline/signalling"

// legKey finds a leg by what stays the same through its dialog.
type legKey struct{ callID, localTag string }

// mergeKey recognises a request that reached us on two ways (RFC 3261 §8.2.2.2).
type mergeKey struct {
	callID, fromTag string
	seq             uint32
}

// adopt runs a leg in a goroutine of its own, which ends after its Gone and is
// awaited by Close.
func (a *Agent) adopt(l *leg, run func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		l.mail.close()
		l.hungUp(signalling.Reason{Cause: signalling.ShuttingDown})
		l.in.Post(signalling.Event{Kind: signalling.Gone, Side: l.side})
		return
	}
	if l.dialog != nil {
		a.legs[l.key()] = l
	}
	a.running.Go(func() {
		defer l.gone()
		defer l.survive()
		run()
	})
}

func (l *leg) key() legKey { return legKey{l.dialog.callID, l.dialog.local.tag} }

func (a *Agent) find(callID, localTag string) *leg {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.legs[legKey{callID, localTag}]
}

// admit remembers the INVITE that a leg comes from, and refuses a second one
// that is the same call on another way.
func (a *Agent) admit(k mergeKey) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.fresh[k] {
		return false
	}
	a.fresh[k] = true
	return true
}

func (a *Agent) release(k mergeKey) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.fresh, k)
}

// enrol lets requests find the leg.
func (a *Agent) enrol(l *leg) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.legs[l.key()] = l
}
