package peer

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"roomline/media"
)

// Errors of a negotiation.
var (
	ErrState       = errors.New("session description does not fit the state of the negotiation")
	ErrCollision   = errors.New("session description came while ours waits for its answer")
	ErrFingerprint = errors.New("session description has another fingerprint than before")
)

// Answer makes a peer for an offer. The answer carries pick and the
// telephone-event that goes with it, and all candidates. The callback on comes
// from the library's goroutines: it must not block, nor call the peer.
func (f *Factory) Answer(offerSDP string, pick media.Format, on func(State)) (*Peer, string, error) {
	d, err := parse(offerSDP, "")
	if err != nil {
		return nil, "", err
	}
	list, err := d.pick(pick)
	if err != nil {
		return nil, "", err
	}
	p, err := f.newPeer(list, on)
	if err != nil {
		return nil, "", err
	}
	p.mu.Lock()
	answer, err := p.answer(d, list)
	p.mu.Unlock()
	if err != nil {
		return nil, "", errors.Join(err, p.Close())
	}
	p.status.expect(f.cfg.ConnectTimeout)
	return p, answer, nil
}

// pick reduces an offer to one format and its telephone-event.
func (d *description) pick(f media.Format) ([]codec, error) {
	audio, ok := find(f, d.codecs)
	if !ok || isEvent(f) {
		return nil, ErrNoFormat
	}
	list := []codec{audio}
	if e, ok := eventFor(f, d.codecs); ok {
		list = append(list, e)
	}
	return list, nil
}

// Offer makes a peer and an offer of one audio section with these formats,
// telephone-event, and all candidates. See Answer for on.
func (f *Factory) Offer(formats []media.Format, on func(State)) (*Peer, string, error) {
	for _, m := range formats {
		if !isKnown(m) {
			return nil, "", fmt.Errorf("offer %s: %w", m, ErrNoFormat)
		}
	}
	if len(formats) == 0 {
		return nil, "", ErrNoFormat
	}
	list := offered(formats)
	p, err := f.newPeer(list, on)
	if err != nil {
		return nil, "", err
	}
	p.mu.Lock()
	p.offer = list
	err = p.describe(p.pc.CreateOffer(nil))
	p.mu.Unlock()
	if err != nil {
		return nil, "", errors.Join(err, p.Close())
	}
	return p, p.own.text, nil
}

// Accept takes the answer to our offer: to that of Offer, once, which fixes
// Format, and to each of Reoffer. Where it fails, what was before still holds.
func (p *Peer) Accept(answerSDP string) error {
	d, err := parse(answerSDP, p.mid())
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return ErrClosed
	case p.own.outstanding:
		return p.settle(d)
	case p.offer == nil || p.remote != nil:
		return ErrState
	}
	list := answered(d.codecs, p.offer)
	if len(list) == 0 || isEvent(list[0].Format) {
		return ErrNoFormat
	}
	if err := p.apply(webrtc.SDPTypeAnswer, d, list); err != nil {
		return err
	}
	p.status.expect(p.factory.cfg.ConnectTimeout)
	return nil
}

// answered is the answer's codecs that we offered, audio before events.
func answered(answer, offer []codec) []codec {
	var audio, events []codec
	for _, c := range answer {
		if _, ok := find(c.Format, offer); !ok {
			continue
		}
		if isEvent(c.Format) {
			events = append(events, c)
		} else {
			audio = append(audio, c)
		}
	}
	return append(audio, events...)
}

// Renegotiate answers a later offer of the far end: hold and resume, another
// network, a new direction. Held says that the far end does not want to hear
// us; nothing is sent to it then. Where it fails, the call goes on as it was.
// While an offer of ours waits for its answer the far end's is to be dropped:
// ErrCollision says so, and the far end, the callee, takes its own back and
// answers ours (Matrix v1.7, m.call.negotiate: the callee is polite).
func (p *Peer) Renegotiate(offerSDP string) (answer string, held bool, err error) {
	d, err := parse(offerSDP, p.mid())
	if err != nil {
		return "", false, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return "", false, ErrClosed
	case p.remote == nil:
		return "", false, ErrState
	case p.own.outstanding:
		return "", false, ErrCollision
	case d.print != p.print: // the DTLS association stays, and so must its far end
		return "", false, ErrFingerprint
	}
	list, err := d.pick(p.audio.Format)
	if err != nil {
		return "", false, err
	}
	answer, err = p.answer(d, list)
	return answer, d.deaf(), err
}

// mid is the far end's name for the audio, empty where it is not known yet.
func (p *Peer) mid() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.remote == nil {
		return ""
	}
	mid, _ := p.remote.section().Attribute(sdp.AttrKeyMID)
	return mid
}

// deaf says that the far end does not want to receive (RFC 3264 §5.1).
func (d *description) deaf() bool {
	return d.direction == sdp.AttrKeySendOnly || d.direction == sdp.AttrKeyInactive
}

// answer applies an offer and describes what we answer. The lock is held.
func (p *Peer) answer(d *description, list []codec) (string, error) {
	if err := p.apply(webrtc.SDPTypeOffer, d, list); err != nil {
		return "", err
	}
	if err := p.describe(p.pc.CreateAnswer(nil)); err != nil {
		return "", err
	}
	return p.dressed(reply(d.direction, p.own.holding), false)
}

// apply settles a description, hands it to pion and lets the candidates
// follow. The lock is held.
func (p *Peer) apply(kind webrtc.SDPType, d *description, list []codec) error {
	before, restarted := p.terms, p.remote != nil && p.remote.ufrag != d.ufrag
	var paths []netip.AddrPort
	if restarted {
		paths = p.paths()
	}
	p.fix(d, list)
	err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: kind, SDP: d.plain(list)})
	if err != nil {
		p.restore(before)
		return fmt.Errorf("apply session description: %w", err)
	}
	if restarted {
		p.given, p.checked = 0, 0 // an ICE restart counts afresh
	}
	waiting := p.pending
	p.pending = nil
	for _, c := range d.candidates {
		_ = p.check(c)
	}
	for _, c := range waiting {
		_ = p.check(c.Candidate)
	}
	p.hearStill(paths)
	return nil
}

// fix keeps what a description settles. The lock is held.
func (p *Peer) fix(d *description, list []codec) {
	if d.ssrc == "" {
		d.ssrc = p.ssrc // pion drops a source that is no longer named
	}
	p.restore(terms{list[0], list, d.print, d.ssrc, d})
}

// restore makes terms count. The lock is held.
func (p *Peer) restore(t terms) {
	p.terms = t
	if t.remote == nil {
		return
	}
	p.payloads.Store(&payloads{t.audio, t.codecs[1:]})
	p.track.negotiated(t.audio, t.codecs)
	p.track.hold(t.remote.deaf())
}

// describe has pion take a description of ours, and keeps it once it names
// every candidate, which takes no network. The lock is held.
func (p *Peer) describe(own webrtc.SessionDescription, err error) error {
	if err != nil {
		return fmt.Errorf("describe session: %w", err)
	}
	gathered := webrtc.GatheringCompletePromise(p.pc)
	if err := p.pc.SetLocalDescription(own); err != nil {
		return fmt.Errorf("describe session: %w", err)
	}
	select {
	case <-gathered:
	case <-p.done:
		return ErrClosed
	}
	p.own.text = p.pc.LocalDescription().SDP
	return nil
}
