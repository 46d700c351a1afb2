package sip

import (
	"math/rand/v2"
	"strconv"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// soon is the answer to a request that has to wait for another of the far
// end's: 0 to 10 s (RFC 3261 §14.2, RFC 3311 §5.2).
func soon() refusal {
	return refuse(500, "Server Internal Error", sipmsg.NewHeader("Retry-After", strconv.Itoa(rand.IntN(11))))
}

// comeAgain is how long such an answer asks us to wait; no more than it should.
func comeAgain(res *sipmsg.Response) (time.Duration, bool) {
	return min(retryAfter(res), 10*time.Second), res.StatusCode == 500 && res.GetHeader("retry-after") != nil
}

// updated answers an UPDATE (RFC 3311 §5.2). Without a description it says who
// or where the far end is now; with one it is a re-INVITE that needs no ACK.
func (l *leg) updated(m request) {
	if r := l.session.judge(m.Request); r.status != 0 {
		l.reply(m, r)
		return
	}
	if len(m.Body()) == 0 {
		l.retarget(m.Contact())
		l.learnMethods(m)
		l.recognise(m)
		l.upToDate(m, nil)
		return
	}
	switch {
	case l.since.IsZero(): // the first offer is not answered yet
		l.reply(m, soon())
	case l.reoffer.tx != nil || l.unacked != nil:
		l.reply(m, refuse(491, "Request Pending"))
	default:
		body, _, err := l.renegotiate(m)
		if err != nil {
			l.reply(m, l.trunk.unacceptable(err).explain(l.log))
			return
		}
		l.upToDate(m, body)
		l.reoffer.agreed = l.reoffer.wish
	}
}

func (l *leg) upToDate(m request, body []byte) {
	res := l.agent.response(m.Request, 200, "OK", body)
	res.AppendHeader(l.dialog.contact())
	if l.known.Load() != nil {
		l.session.answer(m.Request, res)
	}
	l.send(m, res, sipmsg.NewHeader("Allow", l.trunk.allowed()))
}
