package matrix

import (
	"roomline/media"
	"roomline/media/peer"
)

// Peers makes the WebRTC ends of calls.
type Peers interface {
	// Formats lists what an offer can speak, best first.
	Formats(offer string) ([]media.Format, error)
	// Answer makes a peer for an offer, and its answer with all candidates.
	Answer(offer string, pick media.Format, on func(peer.State)) (Peer, string, error)
	// Offer makes a peer and an offer with all candidates.
	Offer(formats []media.Format, on func(peer.State)) (Peer, string, error)
}

// Peer is one WebRTC end, a *peer.Peer.
type Peer interface {
	media.Endpoint
	Accept(answer string) error
	Renegotiate(offer string) (answer string, held bool, err error)
	// Reoffer makes an offer within the call that puts the far end on hold, or
	// takes it back; Accept takes the answer to it, and Abandon does without.
	Reoffer(hold bool) (offer string, err error)
	Abandon()
	// Held tells whether the far end's latest description holds us.
	Held() bool
	AddCandidate(peer.Candidate) error
	StreamID() string
	SendDigit(digit byte) error
}

// factory lends *peer.Factory the interface of Peers.
type factory struct{ *peer.Factory }

// Formats implements Peers.
func (factory) Formats(offer string) ([]media.Format, error) { return peer.Formats(offer) }

// Answer implements Peers.
func (f factory) Answer(offer string, pick media.Format, on func(peer.State)) (Peer, string, error) {
	p, answer, err := f.Factory.Answer(offer, pick, on)
	if err != nil {
		return nil, "", err // not a nil *peer.Peer inside an interface
	}
	return p, answer, nil
}

// Offer implements Peers.
func (f factory) Offer(formats []media.Format, on func(peer.State)) (Peer, string, error) {
	p, offer, err := f.Factory.Offer(formats, on)
	if err != nil {
		return nil, "", err
	}
	return p, offer, nil
}

// toPeer writes a candidate as the media side takes it.
func (c candidate) toPeer() peer.Candidate {
	p := peer.Candidate{Candidate: c.Text}
	if c.Mid != "" {
		p.SDPMid = &c.Mid
	}
	if c.Line >= 0 {
		line := uint16(c.Line)
		p.SDPMLineIndex = &line
	}
	if c.Frag != "" {
		p.UsernameFragment = &c.Frag
	}
	return p
}
