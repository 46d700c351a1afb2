package sip

import (
	"fmt"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/signalling"
)

// digitLength is how long a digit from the other side sounds here.
const digitLength = 160 * time.Millisecond

// heardTone is a digit that the far end sent as tones.
type heardTone struct{ digit byte }

// press sends a digit by the way that the trunk is configured for, or by the
// first that this call can do: RFC 4733, tones, INFO.
func (l *leg) press(d byte) {
	var err error
	switch way := l.trunk.DTMF; {
	case way == dtmfEvent || way == dtmfAuto && l.agreed.Event:
		err = l.port.SendDigit(d, digitLength)
	case way == dtmfInfo:
		l.informOf(d)
	default:
		if err = l.port.SendTone(d, digitLength); err != nil && way == dtmfAuto && l.allows(sipmsg.INFO) {
			l.informOf(d)
			return
		}
	}
	if err != nil {
		l.log.Info("a digit was not sent", "error", err)
	}
}

// informOf sends a digit in an INFO, in the form that most understand.
func (l *leg) informOf(d byte) {
	l.ask(question{method: sipmsg.INFO, final: func(res *sipmsg.Response) {
		if res == nil || !res.IsSuccess() {
			l.log.Info("a digit was not taken by INFO")
		}
	}, dress: func(req *sipmsg.Request) {
		req.AppendHeader(l.dialog.contact())
		ct := sipmsg.ContentTypeHeader("application/dtmf-relay")
		req.AppendHeader(&ct)
		req.RemoveHeader("Content-Length")
		req.SetBody(fmt.Appendf(nil, "Signal=%c\r\nDuration=%d\r\n", d, digitLength.Milliseconds()))
	}})
}

// convertDigits listens for digits in the audio, where the trunk may send them so,
// and sends those that came as events in the trunk's own way.
func (l *leg) convertDigits() {
	way := l.trunk.DTMF
	l.port.ConvertEvents(way == dtmfInfo || way == dtmfInband, func(d byte) { l.mail.post(toDigit{d}) })
	if l.trunk.DTMF == dtmfAuto || l.trunk.DTMF == dtmfInband {
		l.port.HearTones(func(d byte) { l.mail.post(heardTone{d}) })
	}
}

// digitsIn are those that came by INFO, and wait for the same by another way: some
// send each digit twice, and one digit is one digit.
type digitsIn struct {
	waiting []informed
	timer   *time.Timer
	tone    byte // the latest that came as tones
	at      time.Time
}

type informed struct {
	digit byte
	at    time.Time
}

func (d *digitsIn) due() <-chan time.Time {
	if d.timer == nil {
		return nil
	}
	return d.timer.C
}

// toned takes a digit that came as tones.
func (l *leg) toned(d byte) {
	l.digits.tone, l.digits.at = d, time.Now()
	l.in.Post(signalling.Event{Kind: signalling.Digit, Side: l.side, Digit: d})
}

// informed takes a digit that came by INFO.
func (l *leg) informed(d byte) {
	if len(l.digits.waiting) >= maxQuestions {
		return
	}
	l.digits.waiting = append(l.digits.waiting, informed{d, time.Now()})
	if len(l.digits.waiting) == 1 {
		l.digits.timer = time.NewTimer(l.agent.timing.digit)
	}
}

// believed passes on the digit that has waited the longest, unless it came by
// another way meanwhile.
func (l *leg) believed() {
	q := &l.digits
	one := q.waiting[0]
	if q.waiting = q.waiting[1:]; len(q.waiting) > 0 {
		q.timer = time.NewTimer(max(0, l.agent.timing.digit-time.Since(q.waiting[0].at)))
	} else {
		q.timer = nil
	}
	same := 3 * l.agent.timing.digit // apart, at most
	event, at := l.port.Pressed()
	if event == one.digit && one.at.Sub(at) < same || q.tone == one.digit && one.at.Sub(q.at) < same {
		return
	}
	l.in.Post(signalling.Event{Kind: signalling.Digit, Side: l.side, Digit: one.digit})
}
