package sip

import (
	"sync"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

const (
	maxForsaken  = 1000
	forsakenLife = 3 * time.Minute // timer C of the proxies on the way (RFC 3261 §16.6)
)

// forsaken are INVITEs that had no answer in time. A CANCEL may not be sent
// before there is one (RFC 3261 §9.1), so if one comes late, it is sent then:
// else a telephone rings for a call that nobody waits for.
type forsaken struct {
	mu  sync.Mutex
	all map[string]abandoned // by the branch
}

type abandoned struct {
	invite    *sipmsg.Request
	at        time.Time
	cancelled bool
}

func (f *forsaken) add(invite *sipmsg.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for branch, one := range f.all {
		if time.Since(one.at) > forsakenLife {
			delete(f.all, branch)
		}
	}
	if len(f.all) < maxForsaken {
		f.all[branchOf(invite)] = abandoned{invite: invite, at: time.Now()}
	}
}

// has tells whether res answers one of them.
func (f *forsaken) has(res *sipmsg.Response) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, ok := f.all[branchOf(res)]
	return ok
}

// reply is what to send for a late response, if anything: CANCEL once for a
// provisional one, ACK for each refusal (RFC 3261 §17.1.1.3). The 2xx is for
// who asks.
func (f *forsaken) reply(res *sipmsg.Response) *sipmsg.Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	branch := branchOf(res)
	one, ok := f.all[branch]
	switch {
	case !ok || res.IsSuccess():
		delete(f.all, branch)
		return nil
	case !res.IsProvisional():
		return following(one.invite, sipmsg.ACK, res.To())
	case one.cancelled:
		return nil
	}
	one.cancelled = true
	f.all[branch] = one
	return following(one.invite, sipmsg.CANCEL, one.invite.To())
}

func branchOf(msg sipmsg.Message) string {
	if via := msg.Via(); via != nil {
		branch, _ := via.Params.Get("branch")
		return branch
	}
	return ""
}

// following is a CANCEL for an INVITE, or an ACK for its refusal: both go the
// INVITE's way, under its own branch (RFC 3261 §9.1, §17.1.1.3).
func following(invite *sipmsg.Request, method sipmsg.RequestMethod, to *sipmsg.ToHeader) *sipmsg.Request {
	req := sipmsg.NewRequest(method, invite.Recipient)
	for _, name := range []string{"via", "max-forwards", "from", "call-id", "route"} {
		for _, h := range invite.GetHeaders(name) {
			req.AppendHeader(sipmsg.HeaderClone(h))
		}
	}
	req.AppendHeader(sipmsg.HeaderClone(to))
	req.AppendHeader(&sipmsg.CSeqHeader{SeqNo: invite.CSeq().SeqNo, MethodName: method})
	req.SetBody(nil)
	req.SetTransport(invite.Transport())
	req.SetDestination(invite.Destination())
	req.Laddr = invite.Laddr
	return req
}

// late answers a response to an INVITE that was given up.
func (a *Agent) late(res *sipmsg.Response) {
	switch req := a.forsaken.reply(res); {
	case req == nil || !a.admits(sourceOf(res).Addr()):
	case req.Method == sipmsg.ACK:
		if err := a.write(req); err != nil {
			a.log.Debug("an ACK was not sent", "error", short(err))
		}
	default:
		a.answerOf(req)
	}
}
