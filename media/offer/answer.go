package offer

import (
	"fmt"
	"net/netip"

	"roomline/media"
)

// Local is our own end of the stream. SessionID stays for the dialog, Version
// grows by one with each description that differs (RFC 3264 §8).
type Local struct {
	Addr               netip.AddrPort
	Formats            []media.Format // in order of preference
	Direction          Direction      // what we wish
	SessionID, Version uint64

	Policy Policy
	Keys   []Crypto         // that an offer names: see Renew and Keep
	Proto  string           // of an offer within a call, as it was agreed; empty: what the policy says
	Agreed media.Protection // what the call has so far, and keeps

	Web     Web             // what our end is known by, under the policy of WebRTC
	Greeted media.Handshake // that the call had so far, and keeps

	Numbers []Codec // payload types of the session so far, which stay (RFC 3264 §8.3.2)
	Lines   []MLine // every m= line of the session so far, ours at Index; nil: ours alone
	Index   int
}

// Our own payload types, the same in every offer.
const (
	pcmuPT    = 0 // RFC 3551 §6
	pcmaPT    = 8
	g722PT    = 9
	eventPT   = 101 // telephone-event/8000
	event48PT = 102 // telephone-event/48000
	opusPT    = 107
)

const opusFmtp = "useinbandfec=1" // RFC 7587 §6.1

// ours is how an offer of ours numbers its formats.
func ours(l Local) (codecs, events []Codec) {
	table := []Codec{{pcmuPT, media.PCMU, ""}, {pcmaPT, media.PCMA, ""}, {g722PT, media.G722, ""}, {opusPT, media.Opus, opusFmtp}}
	wide, n := false, newNumbering(l.Numbers)
	for _, f := range l.Formats {
		for _, c := range table {
			if c.Format.Same(f) {
				codecs = append(codecs, n.number(c))
				wide = wide || f.Same(media.Opus)
			}
		}
	}
	events = []Codec{n.number(event(eventPT, 8000))}
	if wide {
		events = append(events, n.number(event(event48PT, 48000)))
	}
	return codecs, events
}

// Event is a telephone-event under a payload type, at clock Hz.
func Event(pt uint8, clock int) Codec { return event(pt, clock) }

func event(pt uint8, clock int) Codec {
	return Codec{pt, media.Format{Name: "telephone-event", ClockRate: clock, Channels: 1}, "0-16"}
}

// Offer is a session description with one audio stream of our formats.
func Offer(l Local) []byte {
	codecs, events := ours(l)
	w := begin(l)
	if len(l.Lines) == 0 {
		w.ours(l, append(codecs, events...))
	}
	for i, line := range l.Lines { // a stream keeps its place for ever (RFC 3264 §8)
		if i == l.Index {
			w.ours(l, append(codecs, events...))
		} else {
			w.refuse(line)
		}
	}
	return w.Bytes()
}

// Answer accepts remote's audio in the one format pick and refuses its other
// streams, each in its own place (RFC 3264 §6). Payload types are the offer's.
// It fails with ErrNoCommon where pick was not offered, with ErrFamily where no
// packet could cross, and with ErrPlain, ErrNoKey or ErrWeaker where encryption
// is missed.
func Answer(remote Audio, l Local, pick media.Format) ([]byte, media.Negotiated, error) {
	if err := remote.reaches(l); err != nil {
		return nil, media.Negotiated{}, err
	}
	codec, ok := remote.codec(pick)
	if !ok {
		return nil, media.Negotiated{}, fmt.Errorf("%w: %s was not offered", ErrNoCommon, pick)
	}
	protection, key, err := l.reply(remote)
	if err != nil {
		return nil, media.Negotiated{}, err
	}
	n := remote.negotiated(l)
	n.Protection = protection
	setup := ""
	if l.Policy == WebRTC {
		if n.Handshake, setup, err = l.greet(remote); err != nil {
			return nil, media.Negotiated{}, err
		}
	}
	n.Format, n.SendPT, n.RecvPT = pick, codec.PT, codec.PT
	chosen := []Codec{{codec.PT, pick, ""}}
	if pick.Same(media.Opus) {
		chosen[0].Fmtp = opusFmtp
	}
	if e, ok := remote.event(pick.ClockRate); ok {
		n.Event, n.EventClock, n.SendEventPT, n.RecvEventPT = true, e.Format.ClockRate, e.PT, e.PT
		chosen = append(chosen, event(e.PT, e.Format.ClockRate))
	}
	w := begin(l)
	for i, line := range remote.Lines {
		if i == remote.Index {
			w.audio(l.Addr.Port(), line.Proto, chosen, direction(n.Send, n.Receive))
			if protection.On() {
				w.crypto(key)
			}
			if setup != "" {
				w.web(l, setup)
			}
		} else {
			w.refuse(line)
		}
	}
	return w.Bytes(), n, nil
}

// Accept is what our own offer of l led to: we send with the numbers of the
// answer and receive with those of our offer. It fails with ErrNoCommon where
// the answer holds none of our formats, with ErrFamily
// and for its encryption as Answer does.
func Accept(l Local, answer Audio) (media.Negotiated, error) {
	if err := answer.reaches(l); err != nil {
		return media.Negotiated{}, err
	}
	protection, err := l.settled(answer)
	if err != nil {
		return media.Negotiated{}, err
	}
	codecs, events := ours(l)
	n := answer.negotiated(l)
	n.Protection = protection
	if l.Policy == WebRTC {
		if n.Handshake, _, err = l.greet(answer); err != nil {
			return media.Negotiated{}, err
		}
	}
	for _, theirs := range answer.Codecs {
		for _, c := range codecs {
			unnamed := theirs.Format.Name == "" && theirs.PT == c.PT
			if !unnamed && !c.Format.Same(theirs.Format) {
				continue
			}
			n.Format, n.SendPT, n.RecvPT = c.Format, theirs.PT, c.PT
			return agreeEvent(n, answer, events), nil
		}
	}
	return media.Negotiated{}, fmt.Errorf("%w: the answer holds none that we offered", ErrNoCommon)
}

// agreeEvent takes the telephone-event that both ends named, the one at the
// codec's own clock before any other.
func agreeEvent(n media.Negotiated, answer Audio, events []Codec) media.Negotiated {
	e, ok := answer.event(n.Format.ClockRate)
	for _, own := range events {
		if ok && own.Format.ClockRate == e.Format.ClockRate {
			n.Event, n.EventClock = true, e.Format.ClockRate
			n.SendEventPT, n.RecvEventPT = e.PT, own.PT
		}
	}
	return n
}

// reaches wants both ends in one address family; who holds the RFC 2543 way
// names no address.
func (a Audio) reaches(l Local) error {
	theirs, own := a.Addr.Addr(), l.Addr.Addr().Unmap()
	if theirs.IsUnspecified() || theirs.Is4() == own.Is4() {
		return nil
	}
	return fmt.Errorf("%w: %s and %s", ErrFamily, theirs, own)
}

// negotiated holds what does not depend on the codec. A direction of ours is
// what we wish and the far end allows: its sendonly is our recvonly (§6.1).
func (a Audio) negotiated(l Local) media.Negotiated {
	return media.Negotiated{
		Ptime:   a.Ptime,
		Remote:  a.Addr,
		Send:    l.Direction.sends() && a.Direction.receives(),
		Receive: l.Direction.receives() && a.Direction.sends(),
	}
}
