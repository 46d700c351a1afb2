package sip

import (
	"bytes"
	"errors"

	"roomline/media"
	"roomline/media/offer"
)

// describe prepares our next description in the dialog.
func (l *leg) describe(hold bool) {
	l.local.Formats, l.local.Direction = []media.Format{l.codec}, offer.SendRecv
	l.local.Keep()
	if hold {
		l.local.Direction = offer.SendOnly
	}
}

// offer is what we would have, as it stands.
func (l *leg) offer() ([]byte, error) { return offer.Offer(l.local), nil }

// offerAsBefore is what was agreed on, for a re-INVITE that changes nothing.
func (l *leg) offerAsBefore() ([]byte, error) {
	if l.stopped {
		return l.said, nil
	}
	l.local.Direction = offer.Towards(l.agreed.Send, l.agreed.Receive)
	return l.offer()
}

// versioned writes a description under a new version if it says anything else
// than the last one did, and under the old one if not (RFC 3264 §8, RFC 4028 §7.4).
func (l *leg) versioned(write func() ([]byte, error)) ([]byte, error) {
	body, err := write()
	if err == nil && l.said != nil && !bytes.Equal(body, l.said) {
		l.local.Version++
		body, err = write()
	}
	if err == nil {
		l.said = body
	}
	return body, err
}

// answerTo answers an offer, or makes one where there is none: then n is nil.
func (l *leg) answerTo(sdp []byte) (body []byte, n *media.Negotiated, err error) {
	if len(sdp) == 0 {
		l.local.Renew(l.trunk.suites()...) // it may be for another far end than before
		body, err = l.versioned(l.offer)
		return body, nil, err
	}
	remote, err := l.readSDP(sdp)
	if errors.Is(err, offer.ErrStopped) && l.codec.Name != "" {
		return l.stop(remote)
	}
	if err != nil {
		return nil, nil, err
	}
	n = &media.Negotiated{}
	body, err = l.versioned(func() (answer []byte, err error) {
		answer, *n, err = offer.Answer(remote, l.local, l.codec)
		return answer, err
	})
	if err == nil {
		l.local.Lines, l.local.Index, l.stopped = remote.Lines, remote.Index, false
	}
	return body, n, err
}

// stop agrees that no audio flows for now: hold as some write it.
func (l *leg) stop(remote offer.Audio) (body []byte, n *media.Negotiated, err error) {
	n = &media.Negotiated{}
	*n = l.agreed
	n.Send, n.Receive = false, false
	body, err = l.versioned(func() ([]byte, error) { return offer.Stop(remote, l.local), nil })
	l.local.Lines, l.local.Index, l.stopped = remote.Lines, remote.Index, true
	return body, n, err
}

// keepNumbers makes the payload types that were agreed on ours, too: in one session
// a number means one thing for good (RFC 3264 §8.3.2).
func (l *leg) keepNumbers() {
	n := l.agreed
	l.local.Numbers = []offer.Codec{{PT: n.RecvPT, Format: n.Format}}
	if n.Event {
		l.local.Numbers = append(l.local.Numbers, offer.Event(n.RecvEventPT, n.EventClock))
	}
}
