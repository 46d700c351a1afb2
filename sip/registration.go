package sip

import (
	"fmt"
	"time"
)

// registration is what is known of a trunk's binding at its registrar. Only
// step changes it, a table over values: no clock, no socket, no goroutine.
type registration struct {
	phase      regPhase
	word       string        // how it is, for people
	wish       time.Duration // the expiry that we ask for
	failures   int           // one after the other
	bound      bool          // the registrar has, or may have, a binding of ours
	proved     bool          // this attempt showed credentials
	raised     bool          // this attempt asked again because of a 423
	redirected bool          // this attempt followed a 3xx
}

// regPhase is what the registration waits for.
type regPhase int

const (
	regResting regPhase = iota // for the time to ask, again
	regAsking                  // for the answer to a REGISTER
	regLeaving                 // for the answer to one that takes the binding back
	regLeft                    // for nothing
)

// The words of a registration; after "failed: " stand a status and why.
const (
	regNever       = "not registered yet"
	regRegistered  = "registered"
	regUnreachable = "unreachable"
	regEnded       = "not registered"
)

// regKind is what happens to a registration.
type regKind int

const (
	regDue     regKind = iota // the time has come
	regMoved                  // we, or the registrar, are at another address now
	regReply                  // a final answer came
	regSilence                // none came, or it could not be asked
	regLeave                  // we take no calls any more
)

// regEvent is one thing that happened.
type regEvent struct {
	kind    regKind
	status  int
	phrase  string        // the registrar's own words, cleaned
	granted time.Duration // 2xx: what is left of our own binding; 0: there is none
	least   time.Duration // 423: Min-Expires
	after   time.Duration // Retry-After
	proof   bool          // 401, 407: there are credentials that answer it
	why     string        // 401, 407: why there are none
	follow  bool          // 3xx: it leads to an address of the trunk's
	chance  float64       // of [0, 1), for the jitter
}

// regAction is what is to be done: ask, or ask to be forgotten; and how long to
// wait until regDue, where that is not 0.
type regAction struct {
	ask, leave bool
	wait       time.Duration
}

// Waits after a failure: they double from the least to the most, with up to
// half as much again by chance. Who said no is not asked again soon (403 above
// all); who did not answer may be back any moment.
const (
	refusedLeast = 30 * time.Second
	refusedMost  = 30 * time.Minute
	absentLeast  = 4 * time.Second
	absentMost   = 2 * time.Minute
)

// step is the whole behaviour of a registration.
func (r registration) step(e regEvent) (registration, regAction) {
	switch {
	case r.phase == regLeft:
		return r, regAction{}
	case e.kind == regLeave:
		return r.leave()
	case r.phase == regLeaving:
		return r.leaving(e)
	case r.phase == regResting && (e.kind == regDue || e.kind == regMoved && r.bound):
		r.phase, r.proved, r.raised, r.redirected = regAsking, false, false, false
		return r, regAction{ask: true}
	case r.phase == regAsking && e.kind == regSilence:
		r.bound = true // perhaps: it may have arrived all the same
		return r.fail(regUnreachable, absentLeast, absentMost, e)
	case r.phase == regAsking && e.kind == regReply:
		return r.answered(e)
	}
	return r, regAction{}
}

// leave takes the binding back, where there may be one. One that is being asked
// for may be.
func (r registration) leave() (registration, regAction) {
	switch {
	case r.phase == regLeaving:
		return r, regAction{}
	case !r.bound && r.phase != regAsking:
		r.phase, r.word = regLeft, regEnded
		return r, regAction{}
	}
	r.phase, r.proved = regLeaving, false
	return r, regAction{leave: true}
}

func (r registration) leaving(e regEvent) (registration, regAction) {
	switch {
	case e.kind == regReply && challenged(e.status) && e.proof:
		r.proved = true
		return r, regAction{leave: true}
	case e.kind == regReply, e.kind == regSilence:
		r.phase, r.word, r.bound = regLeft, regEnded, false
	}
	return r, regAction{}
}

// answered judges a final answer.
func (r registration) answered(e regEvent) (registration, regAction) {
	switch {
	case e.status < 300 && e.granted > 0:
		r.phase, r.word, r.failures, r.bound = regResting, regRegistered, 0, true
		return r, regAction{wait: refresh(e.granted, e.chance)}
	case e.status < 300:
		return r.failed(e, "without a binding of ours")
	case challenged(e.status) && e.proof:
		r.proved = true
		return r, regAction{ask: true}
	case e.status == 423 && !r.raised && e.least > r.wish && e.least <= maxExpires: // RFC 3261 §10.2.8
		r.raised, r.wish = true, e.least
		return r, regAction{ask: true}
	case e.status < 400 && e.follow && !r.redirected:
		r.redirected = true
		return r, regAction{ask: true}
	}
	return r.failed(e, r.reason(e))
}

// reason is why an answer is no registration, in words.
func (r registration) reason(e regEvent) string {
	switch {
	case challenged(e.status):
		return e.why
	case e.status < 400:
		return "leads to a place that is not the trunk's"
	case e.status == 403 && r.proved:
		return "wrong password"
	case e.status == 404:
		return "unknown account"
	case e.status == 423:
		return "wants a registration of another length"
	}
	return e.phrase
}

// failed ends an attempt that had an answer. Faults of the registrar's pass
// sooner than those of ours.
func (r registration) failed(e regEvent, why string) (registration, regAction) {
	word := fmt.Sprintf("failed: %d %s", e.status, why)
	if e.status == 408 || e.status == 480 || e.status >= 500 && e.status < 600 {
		return r.fail(word, absentLeast, absentMost, e)
	}
	return r.fail(word, refusedLeast, refusedMost, e)
}

func (r registration) fail(word string, least, most time.Duration, e regEvent) (registration, regAction) {
	wait := most
	if r.failures < 16 {
		wait = min(most, least<<r.failures)
	}
	wait = min(wait+time.Duration(float64(wait)/2*e.chance), most)
	r.phase, r.word, r.failures = regResting, word, r.failures+1
	return r, regAction{wait: max(wait, min(e.after, refusedMost))}
}

// refresh is when to ask again: after 80 to 90 % of what was granted.
func refresh(granted time.Duration, chance float64) time.Duration {
	return max(time.Second, time.Duration(float64(granted)*(0.8+0.1*chance)))
}

func challenged(status int) bool { return status == 401 || status == 407 }
