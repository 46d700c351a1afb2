package sip

import (
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/media"
	"roomline/media/offer"
	"roomline/signalling"
)

// unacked is a 2xx of ours that waits for its ACK. The library does not repeat
// it; that is the user agent's work (RFC 3261 §13.3.1.4).
type unacked struct {
	tx       *sipmsg.ServerTx
	res      *sipmsg.Response
	first    bool               // to the INVITE that began the dialog
	offered  bool               // it holds our offer, so the ACK holds the answer
	parting  *signalling.Reason // the call wants to end as soon as the ACK is here
	timer    *time.Timer
	interval time.Duration
	deadline time.Time
}

func (u *unacked) due() <-chan time.Time {
	if u == nil {
		return nil
	}
	return u.timer.C
}

// acks is where the library puts an ACK with the branch of the INVITE; it holds
// a goroutine for each that nobody takes.
func (u *unacked) acks() <-chan *sipmsg.Request {
	if u == nil {
		return nil
	}
	return u.tx.Acks()
}

// release ends a transaction that the library would keep for ever: it sets no
// timer after an answer of which it was not told that it had left.
func (u *unacked) release() {
	if u != nil {
		u.tx.Terminate()
	}
}

// okay sends a 200 with a description, and expects an ACK.
func (l *leg) okay(tx *sipmsg.ServerTx, req *sipmsg.Request, body []byte, offered bool) error {
	res := l.agent.response(req, 200, "OK", body)
	res.AppendHeader(l.dialog.contact())
	res.AppendHeader(sipmsg.NewHeader("Allow", l.trunk.allowed()))
	res.AppendHeader(sipmsg.NewHeader("Supported", supportedList))
	l.session.answer(req, res)
	l.assert(res)
	if err := deliver(tx, res); err != nil {
		return err
	}
	l.accepted.release()
	t := l.agent.timing
	l.unacked = &unacked{tx: tx, res: res, offered: offered, timer: time.NewTimer(t.t1), interval: t.t1, deadline: time.Now().Add(t.ack)}
	l.accepted = l.unacked
	return nil
}

// repeat sends the 2xx again, at doubling intervals up to T2, and gives the
// call up after 64*T1.
func (l *leg) repeat() {
	u := l.unacked
	if time.Now().After(u.deadline) {
		l.part(signalling.Reason{Cause: signalling.PeerTimeout, Detail: "no ACK"})
		return
	}
	u.interval = min(2*u.interval, l.agent.timing.t2)
	u.timer.Reset(u.interval)
	l.agent.respond(u.tx, u.res)
}

// acked takes the ACK for our 2xx, and the answer in it if our offer was there.
func (l *leg) acked(ack *sipmsg.Request) {
	u := l.unacked
	if u == nil || ack.CSeq().SeqNo != u.res.CSeq().SeqNo {
		return // repeated
	}
	l.note(false, "ACK")
	u.timer.Stop()
	l.unacked = nil
	u.release()
	if u.offered {
		n, err := l.accept(ack.Body())
		if err != nil {
			l.part(signalling.Reason{Cause: signalling.NoCodec, Detail: "the ACK holds no answer that fits"})
			return
		}
		l.start(n)
	}
	if u.parting != nil {
		l.bye(*u.parting)
		return
	}
	if u.first {
		l.trunk.report("up")
		l.media.Store(l.port)
		l.post(signalling.Confirmed)
	}
}

// accept reads the answer to our last offer.
func (l *leg) accept(sdp []byte) (media.Negotiated, error) {
	remote, err := l.readSDP(sdp)
	if err != nil {
		return media.Negotiated{}, err
	}
	return offer.Accept(l.local, remote)
}
