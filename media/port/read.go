package port

import (
	"errors"
	"net"
	"net/netip"
	"time"

	"roomline/media"
)

// maxFailures in a row end the reading: the socket is no longer one.
const maxFailures = 100

// read is the reading goroutine, the only one that writes into the sink.
func (p *Port) read() {
	var (
		buf      = make([]byte, maxPacket)
		packet   media.Packet // lent to the sink while it writes
		failures int
	)
	for !p.over() && failures < maxFailures {
		n, from, err := p.pair.rtp.ReadFromUDPAddrPort(buf)
		if err != nil {
			failures++
			if errors.Is(err, net.ErrClosed) {
				return
			}
			continue
		}
		failures = 0
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		now := time.Now()
		if !p.sort(buf[:n], from, now) && p.receive(buf[:n], from, now, &packet) {
			p.deliver(&packet)
		}
	}
}

// receive judges one packet and lays it out. It is false where nothing of it
// goes on.
func (p *Port) receive(b []byte, from netip.AddrPort, now time.Time, packet *media.Packet) bool {
	n := p.deal.Load()
	if n == nil {
		return false
	}
	p.in.Lock()
	defer p.in.Unlock()
	proved := p.in.guard.on()
	b, ok := p.open(b, n, now)
	h, payload, sound := parse(b)
	kind := kindOf(h.pt, n)
	if !ok || !sound || kind == unknown || !p.hears(h, kind, from, now, proved) {
		p.in.rejected++
		return false
	}
	p.count(h, kind, n, now)
	if kind == comfort || len(payload) == 0 || !n.Receive {
		return false
	}
	*packet = media.Packet{
		Payload: payload, SSRC: h.ssrc, Sequence: h.seq, Timestamp: h.ts,
		Clock: n.Format.ClockRate, Marker: h.marker,
	}
	if kind == event {
		packet.Event, packet.Clock = true, n.EventClock
		p.in.keys.remember(payload, now)
	}
	return true
}

// open proves and decrypts a packet where that was agreed, and what is no packet
// of this stream costs no work (R4): it comes before all that learns.
func (p *Port) open(b []byte, n *media.Negotiated, now time.Time) ([]byte, bool) {
	if !p.in.guard.on() {
		return b, p.web.Load() == nil
	}
	h, ok := head(b)
	if !ok || kindOf(h.pt, n) == unknown {
		return nil, false
	}
	return p.in.guard.rtp(b, h.ssrc, now)
}

// kind is what a payload type stands for.
type kind uint8

const (
	unknown kind = iota
	audio
	event
	comfort
)

func kindOf(pt uint8, n *media.Negotiated) kind {
	switch {
	case pt == n.RecvPT:
		return audio
	case n.Event && pt == n.RecvEventPT:
		return event
	case pt == comfortPT:
		return comfort
	}
	return unknown
}

// hears asks the latch and the sequence. Comfort noise proves nobody: it is
// taken from a far end that is known.
func (p *Port) hears(h header, k kind, from netip.AddrPort, now time.Time, proved bool) bool {
	before := p.in.latch.locked
	if k == comfort && from != before {
		return false
	}
	if !p.in.latch.accept(from, h.ssrc, h.seq, proved) {
		return false
	}
	if p.in.latch.locked != before {
		p.in.source.forget()
		p.aim()
		p.log.Debug("rtp latched", "rank", p.in.latch.rank, "after", now.Sub(p.began))
	}
	return p.in.source.accept(h.ssrc, h.seq)
}

func (p *Port) count(h header, k kind, n *media.Negotiated, now time.Time) {
	p.in.received++
	p.in.last, p.in.life = now, now
	if p.in.first.IsZero() {
		p.in.first = now
	}
	if k == audio {
		p.in.source.time(h.ts, n.Format.ClockRate, now.Sub(p.began))
	}
}

// deliver ignores a sink that has closed: the call is about to say so.
func (p *Port) deliver(packet *media.Packet) {
	p.listen(packet)
	if sink := p.sink.Load(); sink != nil {
		_ = (*sink).WritePacket(packet)
	}
}
