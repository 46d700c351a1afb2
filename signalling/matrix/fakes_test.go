package matrix

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"roomline/media"
	"roomline/media/peer"
	"roomline/signalling"
)

// board is a switchboard that takes every call and lets the test play it.
type board struct {
	in   chan signalling.Incoming
	deny atomic.Pointer[signalling.Reason]
}

func (b *board) Accept(in signalling.Incoming) (signalling.Reason, bool) {
	if r := b.deny.Load(); r != nil {
		return *r, false
	}
	b.in <- in
	return signalling.Reason{}, true
}

// fakePeers make peers that connect when the test says so.
type fakePeers struct {
	made   chan *fakePeer
	fail   error
	breaks atomic.Bool
}

// poisoned is an offer that brings its reader down.
const poisoned = "m=audio poison"

func (f *fakePeers) Formats(offer string) ([]media.Format, error) {
	if offer == poisoned {
		return nil, errors.New(offer[len(offer)+1:])
	}
	if !strings.Contains(offer, "m=audio") {
		return nil, errors.New("no audio")
	}
	return []media.Format{media.PCMU, media.PCMA}, nil
}

func (f *fakePeers) Answer(offer string, pick media.Format, on func(peer.State)) (Peer, string, error) {
	return f.make(pick, on, "answer to "+fmt.Sprint(len(offer)))
}

func (f *fakePeers) Offer(formats []media.Format, on func(peer.State)) (Peer, string, error) {
	return f.make(formats[0], on, offer)
}

func (f *fakePeers) make(m media.Format, on func(peer.State), sdp string) (Peer, string, error) {
	if f.breaks.Load() {
		sdp = sdp[len(sdp)+1:]
	}
	if f.fail != nil {
		return nil, "", f.fail
	}
	p := &fakePeer{format: m, on: on}
	f.made <- p
	return p, sdp, nil
}

type fakePeer struct {
	format media.Format
	on     func(peer.State)

	mu         sync.Mutex
	accepted   string
	candidates []string
	offers     []string
	offering   bool     // within the call
	answers    []string // to that
	last       string   // "held" by the last of these
	digits     string
	closed     bool
}

func (p *fakePeer) Format() media.Format            { return p.format }
func (p *fakePeer) WritePacket(*media.Packet) error { return nil }
func (p *fakePeer) SendTo(media.Sink)               {}
func (p *fakePeer) Stats() media.Stats              { return media.Stats{} }
func (p *fakePeer) StreamID() string                { return "stream1" }
func (p *fakePeer) Close() error                    { p.set(func() { p.closed = true }); return nil }
func (p *fakePeer) SendDigit(d byte) error          { p.set(func() { p.digits += string(d) }); return nil }

func (p *fakePeer) AddCandidate(c peer.Candidate) error {
	p.set(func() { p.candidates = append(p.candidates, c.Candidate) })
	return nil
}

func (p *fakePeer) Renegotiate(offer string) (string, bool, error) {
	p.set(func() { p.offers = append(p.offers, offer) })
	return "renegotiated", strings.Contains(offer, "sendonly") || strings.Contains(offer, "inactive"), nil
}

func (p *fakePeer) Reoffer(hold bool) (string, error) {
	p.set(func() { p.offering = true })
	if hold {
		return "our sendonly", nil
	}
	return "our sendrecv", nil
}

func (p *fakePeer) Held() bool {
	return p.get(func() string { return p.last }) != ""
}

func (p *fakePeer) Abandon() { p.set(func() { p.offering = false }) }

func (p *fakePeer) Accept(answer string) error {
	p.set(func() {
		if p.offering {
			p.answers, p.offering = append(p.answers, answer), false
			p.last = ""
			if strings.Contains(answer, "inactive") || strings.Contains(answer, "sendonly") {
				p.last = "held"
			}
		} else {
			p.accepted = answer
		}
	})
	if answer == "garbage" {
		return errors.New(answer)
	}
	return nil
}

func (p *fakePeer) set(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

func (p *fakePeer) get(f func() string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return f()
}

func (p *fakePeer) heardCandidates() string {
	return p.get(func() string { return strings.Join(p.candidates, ",") })
}

// digitsOnly reads numbers simply: digits with "+", 00 for it, or few digits.
type digitsOnly struct{}

func (digitsOnly) Parse(typed string) (string, error) {
	typed = strings.ReplaceAll(strings.TrimSpace(typed), " ", "")
	if rest, ok := strings.CutPrefix(typed, "00"); ok {
		typed = "+" + rest
	}
	if typed == "" || strings.Trim(typed, "+0123456789*#") != "" {
		return "", errors.New("not a number")
	}
	return typed, nil
}

func (digitsOnly) Format(n string) string { return strings.Replace(n, "+49", "+49 ", 1) }
