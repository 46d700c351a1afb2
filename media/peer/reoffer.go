package peer

import (
	"fmt"

	"github.com/pion/sdp/v3"
)

// own is what we said, beyond what pion knows of it. Holding is ours alone:
// pion cannot roll an offer back, and takes sendonly for sendrecv, so it sees
// one negotiation that always was sendrecv, and never a later offer of ours.
type own struct {
	text        string // pion's latest description
	version     uint64 // of the latest that went out (RFC 8866 §5.2)
	holding     bool   // we do not want to hear the far end
	outstanding bool   // an offer waits for its answer
	before      bool   // holding, until that offer
}

// Reoffer describes the call anew, as its caller, with the direction changed:
// sendonly to hold, sendrecv to resume. Addresses, keys and codec stay. The
// answer is for Accept; Abandon does without one. A callee never offers, being
// the polite side of two that cannot both roll back, and nobody offers twice
// at once, or before the first answer: ErrState.
func (p *Peer) Reoffer(hold bool) (offer string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return "", ErrClosed
	case p.offer == nil || p.remote == nil || p.own.outstanding:
		return "", ErrState
	}
	direction := sdp.AttrKeySendRecv
	if hold {
		direction = sdp.AttrKeySendOnly
	}
	offer, err = p.dressed(direction, true)
	if err != nil {
		return "", err
	}
	p.own.outstanding, p.own.before, p.own.holding = true, p.own.holding, hold
	return offer, nil
}

// Abandon forgets an offer of Reoffer that was not answered in time: the call
// is as it was before, and the next offer, of either side, sets the far end
// right, whether it took this one or not. Without one it does nothing.
func (p *Peer) Abandon() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.own.outstanding {
		p.own.outstanding, p.own.holding = false, p.own.before
	}
}

// Held says whether the far end does not want to hear us, as it told last: an
// answer tells it as well as an offer, where both hold at the same moment.
func (p *Peer) Held() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.remote != nil && p.remote.deaf()
}

// settle takes the answer to a later offer. It changes who is heard, and
// nothing else: no answer restarts ICE by itself (RFC 8839 §4.4.1.1.1). An
// answer that we cannot use is an offer without one. The lock is held.
func (p *Peer) settle(d *description) error {
	list := answered(d.codecs, p.spoken())
	var err error
	switch {
	case d.print != p.print:
		err = ErrFingerprint
	case d.ufrag != p.remote.ufrag || d.pwd != p.remote.pwd:
		err = ErrState
	case len(list) == 0 || !list[0].Same(p.audio.Format):
		err = ErrNoFormat
	}
	p.own.outstanding = false
	if err != nil {
		p.own.holding = p.own.before
		return err
	}
	p.fix(d, list)
	return nil
}

// dressed is pion's latest description as the far end gets it. The lock is
// held.
func (p *Peer) dressed(direction string, offer bool) (string, error) {
	var s sdp.SessionDescription
	if err := s.UnmarshalString(p.own.text); err != nil {
		return "", fmt.Errorf("read own description: %w", err)
	}
	p.own.version = max(p.own.version, s.Origin.SessionVersion) + 1
	s.Origin.SessionVersion = p.own.version
	if offer { // the roles stay what they are, and are offered anew (RFC 8842 §5.5)
		replace(s.MediaDescriptions[0], sdp.AttrKeyConnectionSetup, "actpass")
	}
	return p.remote.compose(&s, p.spoken(), direction)
}

// spoken is the one codec that is in use and its events. The lock is held.
func (p *Peer) spoken() []codec {
	list := []codec{p.audio}
	for _, c := range p.codecs[1:] {
		if isEvent(c.Format) {
			list = append(list, c)
		}
	}
	return list
}

func replace(m *sdp.MediaDescription, key, value string) {
	for i, a := range m.Attributes {
		if a.Key == key {
			m.Attributes[i].Value = value
		}
	}
}
