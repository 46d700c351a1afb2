package sip

import (
	"strconv"
	"strings"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/signalling"
)

const (
	// silences is how many targets in a row may leave an INVITE without an
	// answer: a caller does not wait longer.
	silences = 3
	// longestAside bounds what a Retry-After can ask for.
	longestAside = 10 * time.Minute
)

// hunt is the way of one call through its trunk's targets (RFC 3263 §4.3). Never
// two of them have an INVITE at once: one that has answered anything at all
// keeps the call, and a silent one that answers late has its answer cancelled.
type hunt struct {
	now    target
	left   []target
	until  time.Time          // no attempt begins later: by then so many have been silent
	failed *signalling.Reason // of the latest attempt, where another target may do better

	way  detour   // what is called now
	ways []detour // where far ends sent the call on to, and it was not yet
	gone []detour // where it was
}

// aim chooses the targets of the call, the first to begin with.
func (o *outgoing) aim() bool {
	all := o.trunk.targets()
	if len(all) == 0 {
		return false
	}
	o.hunt.now, o.hunt.left, o.hunt.until = all[0], all[1:], time.Now().Add(silences*o.trunk.ConnectTimeout)
	return true
}

// call tries one target after the other and returns a 2xx; whatever else came,
// it has reported.
func (o *outgoing) call() *sipmsg.Response {
	for {
		if res := o.attempt(); res != nil || !o.elsewhere() {
			return res
		}
	}
}

// missed says that the target did not take the call, so that the next one may.
// It is tried last for a while: for the usual one if aside is 0.
func (o *outgoing) missed(why signalling.Reason, aside time.Duration) {
	if aside == 0 {
		aside = penalty
	}
	o.trunk.host.setAside(o.hunt.now.addr, aside)
	o.hunt.failed = &why
}

// abandoned says so of a target that did not answer; if it does so late, that is
// cancelled (RFC 3261 §9.1).
func (o *outgoing) abandoned(why string) {
	o.agent.forsaken.add(o.invite)
	o.missed(signalling.Reason{Cause: signalling.TrunkUnreachable, Detail: why}, 0)
}

// elsewhere turns to the next target after one that failed, or to where a far
// end sent the call on to. Where none is left, or nobody waits, that failure is
// how the call ends.
func (o *outgoing) elsewhere() bool {
	h := &o.hunt
	if h.failed == nil {
		return false
	}
	why := *h.failed
	h.failed = nil
	waited := !o.told && !o.over && o.agent.ctx.Err() == nil
	if waited && len(h.left) > 0 && time.Now().Before(h.until) {
		o.log.Info("a call goes to the trunk's next target", "failed", h.now.addr, "next", h.left[0].addr, "cause", why.Cause)
		h.now, h.left = h.left[0], h.left[1:]
		o.turn()
		return true
	}
	if waited && o.detoured(&why) {
		return true
	}
	o.refused(why)
	return false
}

// turn has the next INVITE go to the target.
func (o *outgoing) turn() {
	d, to := o.dialog, o.hunt.now
	d.peer, d.listener, d.host = to.addr, to.listener, to.listener.hostFor(to.addr)
	o.creds = credentials{trunk: o.trunk}
}

// retryAfter is for how long a target wants to be left alone (RFC 3261 §20.33),
// within bounds; 0 if it does not say.
func retryAfter(res *sipmsg.Response) time.Duration {
	h := res.GetHeader("retry-after")
	if h == nil {
		return 0
	}
	digits, _, _ := strings.Cut(h.Value(), ";")
	digits, _, _ = strings.Cut(digits, "(")
	n, err := strconv.ParseUint(strings.TrimSpace(digits), 10, 32)
	if err != nil {
		return 0
	}
	return min(time.Duration(n)*time.Second, longestAside)
}
