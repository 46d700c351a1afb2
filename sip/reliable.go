package sip

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/signalling"
)

// offerReliably says what we support in an INVITE of ours, and what we cannot
// do without.
func (t *trunk) offerReliably(req *sipmsg.Request) {
	list := supportedList
	if t.Reliable != reliableOff {
		list += ", " + reliably
	}
	req.AppendHeader(sipmsg.NewHeader("Supported", list))
	if t.Reliable == reliableRequired {
		req.AppendHeader(sipmsg.NewHeader("Require", reliably))
	}
}

// reliability refuses an INVITE that wants provisional responses otherwise than
// the trunk does (RFC 3262 §3, RFC 3261 §21.4.16).
func (t *trunk) reliability(req *sipmsg.Request) refusal {
	switch {
	case t.Reliable == reliableOff && lists(req, reliably, "require"):
		return refuse(420, "Bad Extension", sipmsg.NewHeader("Unsupported", reliably))
	case t.Reliable == reliableRequired && !lists(req, reliably, "require", "supported", "k"):
		return refuse(421, "Extension Required", sipmsg.NewHeader("Require", reliably))
	}
	return refusal{}
}

// reliable is the UAS side of RFC 3262 in one dialog: its provisional responses
// follow each other, each after the PRACK of the one before.
type reliable struct {
	can, must bool   // the caller takes them; takes no others
	seq       uint32 // of the latest; the first is random, below 2^31 (§3)
	waits     *unpracked
}

// unpracked is a response that waits for its PRACK.
type unpracked struct {
	res       *sipmsg.Response
	described bool // it holds a description, so a 2xx has to wait (§3)
	timer     *time.Timer
	interval  time.Duration
	deadline  time.Time
}

func newReliable(t *trunk, invite *sipmsg.Request) reliable {
	must := lists(invite, reliably, "require")
	can := t.Reliable != reliableOff && (must || lists(invite, reliably, "supported", "k"))
	return reliable{can: can, must: can && (must || t.Reliable == reliableRequired), seq: newSeq()}
}

func (r *reliable) due() <-chan time.Time {
	if r.waits == nil {
		return nil
	}
	return r.waits.timer.C
}

// send makes a response one that is repeated until its PRACK.
func (r *reliable) send(res *sipmsg.Response, t timing) {
	r.seq++
	res.AppendHeader(sipmsg.NewHeader("Require", reliably))
	res.AppendHeader(sipmsg.NewHeader("RSeq", fmt.Sprint(r.seq)))
	r.waits = &unpracked{res: res, described: len(res.Body()) > 0, timer: time.NewTimer(t.t1), interval: t.t1, deadline: time.Now().Add(t.ack)}
}

// acks tells whether a PRACK is for the response that waits, which then waits
// no more (§3).
func (r *reliable) acks(req *sipmsg.Request) bool {
	h, u := req.GetHeader("rack"), r.waits
	if h == nil || u == nil {
		return false
	}
	seq, invite, ok := parseRAck(h.Value())
	if !ok || seq != r.seq || invite != u.res.CSeq().SeqNo {
		return false
	}
	r.waits = nil
	u.timer.Stop()
	return true
}

// parseRAck reads which response to which INVITE a PRACK is for (RFC 3262 §7.2).
func parseRAck(s string) (seq, invite uint32, ok bool) {
	f := strings.Fields(s)
	if len(f) != 3 || f[2] != string(sipmsg.INVITE) {
		return 0, 0, false
	}
	a, err := strconv.ParseUint(f[0], 10, 32)
	b, err2 := strconv.ParseUint(f[1], 10, 31)
	return uint32(a), uint32(b), err == nil && err2 == nil && a > 0
}

// insistAgain repeats the response, at doubling intervals without an upper
// limit. After 64*T1 the call is refused (§3).
func (i *incoming) insistAgain() {
	u := i.sure.waits
	if time.Now().After(u.deadline) {
		i.turnAway(refuse(504, "Server Time-out"), signalling.Reason{Cause: signalling.PeerTimeout, Detail: "no PRACK"})
		return
	}
	u.interval *= 2
	u.timer.Reset(min(u.interval, time.Until(u.deadline)))
	i.agent.respond(i.tx, u.res)
}

// turnAway refuses the call for a reason that the leg found itself.
func (i *incoming) turnAway(r refusal, why signalling.Reason) {
	i.reject(r, why)
	i.hungUp(why)
}

// pracked answers a PRACK. One that comes twice, or for nothing, gets 481 (§3).
func (l *leg) pracked(m request) {
	described := l.sure.waits != nil && l.sure.waits.described
	switch {
	case !l.sure.acks(m.Request):
		l.reply(m, refuse(481, "Call/Transaction Does Not Exist"))
	case described && l.foretold != nil && l.known.Load() == nil:
		l.foretold(m)
	default:
		l.reply(m, refuse(200, "OK"))
	}
}
