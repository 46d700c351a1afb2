package sip

import (
	"context"
	"errors"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/signalling"
)

// textWait is how long a trunk may take to answer a message.
const textWait = 10 * time.Second

// Writer returns what takes text messages to a trunk; none where it takes none.
func (a *Agent) Writer(name string) (signalling.Correspondent, bool) {
	t, ok := a.trunks[name]
	return t, ok && t.Messages
}

// Text implements signalling.Correspondent: one MESSAGE to the trunk
// (RFC 3428 §4). Another target is tried only where the first cannot have it.
func (t *trunk) Text(ctx context.Context, text signalling.Text) error {
	number := outward(text.To.Number, t.NumberFormat)
	switch {
	case !t.Messages:
		return signalling.ErrNoText
	case number == "":
		return signalling.Undelivered{Cause: signalling.InvalidNumber}
	case len(text.Body) > maxText:
		return signalling.Undelivered{Cause: signalling.NoCodec, Detail: "it is too long"}
	}
	why := signalling.Undelivered{Cause: signalling.TrunkUnreachable}
	t.anywhere(func(at target) (answered bool, aside time.Duration) {
		why, answered, aside = t.message(ctx, at, number, text.Body)
		return answered, aside
	})
	if why.Cause == signalling.NormalClearing {
		return nil
	}
	return why
}

// message sends a text to one target, with credentials once they are asked for.
// answered tells that no other target is to be tried, and aside for how long
// this one is to be tried last.
func (t *trunk) message(ctx context.Context, at target, number, body string) (why signalling.Undelivered, answered bool, aside time.Duration) {
	uri := sipmsg.Uri{Scheme: "sip", User: number, Host: t.domain}
	me := sipmsg.Uri{Scheme: "sip", User: outward(t.CallerID, t.NumberFormat), Host: t.domain}
	d := &dialog{agent: t.agent, trunk: t, listener: at.listener, host: at.listener.hostFor(at.addr), callID: newTag(), local: party{"", me, newTag()},
		remote: party{"", uri, ""}, localSeq: newSeq(), peer: at.addr, target: uri, routes: t.preloaded()}
	if _, port, _ := splitHost(t.Host); port != 0 {
		d.target.Port = int(port)
	}
	creds := credentials{trunk: t}
	var auth []sipmsg.Header
	for {
		req := d.request(sipmsg.MESSAGE)
		req.SetBody([]byte(body))
		req.AppendHeader(sipmsg.NewHeader("Content-Type", textType+";charset=UTF-8"))
		show(req, auth)
		res, err := t.agent.consult(req, textWait, ctx.Done())
		if err != nil {
			lost := errors.Is(err, errSilence) || errors.Is(err, errLeaving) // it may have arrived all the same
			return signalling.Undelivered{Cause: signalling.TrunkUnreachable, Detail: short(err)}, lost, penalty
		}
		switch {
		case res.IsSuccess():
			creds.worked()
			return signalling.Undelivered{}, true, 0
		case challenged(res.StatusCode):
			if auth, err = creds.answer(req, res); err == nil {
				continue
			}
			return signalling.Undelivered{Cause: signalling.TrunkAuth, Detail: statusLine(res)}, true, 0
		}
		if why = signalling.Undelivered(causeOf(res)); res.StatusCode == 503 {
			return why, false, retryAfter(res)
		}
		return why, true, 0
	}
}
