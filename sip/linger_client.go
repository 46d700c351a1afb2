package sip

import (
	"net/netip"
	"sync/atomic"

	sipmsg "github.com/emiago/sipgo/sip"
)

// spent is an INVITE of ours that was accepted. The library keeps it for half a
// minute, for the repetitions of its 2xx, and no call ends that.
type spent struct {
	tx  *sipmsg.ClientTx
	req *sipmsg.Request
}

// nothing is a response that changes nothing in a transaction that was accepted.
var nothing = &sipmsg.Response{StatusCode: 100}

// settled is for a transaction that had its final response, or is given up: then
// that is nil. What the far end
// repeats after this belongs to nobody, but for a refusal of an INVITE, which
// has its ACK again (RFC 3261 §17.1.1.2); so only that is kept.
func (l *leg) settled(tx *sipmsg.ClientTx, res *sipmsg.Response) {
	for i, t := range l.begun {
		if t == tx {
			l.begun = append(l.begun[:i], l.begun[i+1:]...)
			break
		}
	}
	req := tx.Origin()
	if res == nil {
		return
	}
	if req.Method == sipmsg.INVITE && res.IsSuccess() {
		l.spent = append(l.spent, spent{tx, req})
		return
	}
	if req.Method == sipmsg.INVITE && !sipmsg.IsReliable(req.Transport()) && res.To() != nil {
		l.agent.finished.refusedUs(req, following(req, sipmsg.ACK, res.To()))
	}
	end(tx)
}

// ear hears what the far end repeats, for a leg. The library holds on to it for
// longer than the leg lives.
type ear struct {
	agent *Agent
	leg   atomic.Pointer[leg] // nil: it is over
}

func (e *ear) hear(res *sipmsg.Response) {
	if l := e.leg.Load(); l != nil {
		l.another(res)
	} else if res.To() != nil {
		e.agent.stray(res)
	}
}

// heed listens to a transaction for as long as the leg lives.
func (l *leg) heed(tx *sipmsg.ClientTx) {
	if l.ear == nil {
		l.ear = &ear{agent: l.agent}
		l.ear.leg.Store(l)
	}
	tx.OnRetransmission(l.ear.hear)
}

// letGo frees what the library still knows of the leg.
func (l *leg) letGo() {
	if l.ear != nil {
		l.ear.leg.Store(nil)
	}
	for _, s := range l.spent {
		s.empty()
	}
	l.spent = nil
}

// end returns when the library has let go of a transaction whose final response
// was taken.
func end(tx *sipmsg.ClientTx) {
	_ = tx.Err() // it holds this lock while it still sets timers
	tx.Terminate()
}

// empty lets go of what the library cannot: its timer still knows the
// transaction, which knows its request and its latest response. So nothing stays
// in the one, since the leg is over and nobody else has it, and another takes the
// place of the other.
func (s spent) empty() {
	end(s.tx)
	s.tx.Receive(nothing)
	*s.req = sipmsg.Request{}
}

// refusedUs keeps the ACK for the refusal of an INVITE of ours.
func (f *finished) refusedUs(invite, ack *sipmsg.Request) {
	peer, err := netip.ParseAddrPort(invite.Destination())
	if err != nil {
		return
	}
	m := rawOf(invite)
	f.put(&remains{key: f.keyOf(m, unmapped(peer).Addr()), answer: []byte(ack.String()), to: unmapped(peer)}, &f.calls)
}

// acknowledgement is the ACK for a refusal that the far end repeats; nil: it
// does not.
func (f *finished) acknowledgement(m raw, peer netip.Addr) *remains {
	if _, method := m.sequence(); m.request || string(method) != string(sipmsg.INVITE) {
		return nil
	}
	key := f.keyOf(m, peer)
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.find(key)
}
