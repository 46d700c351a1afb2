package port

import (
	"time"

	"roomline/media"
	"roomline/media/dtmf"
)

// maxDigits wait to be sent (RFC 4733 §2.6 leaves the number to us).
const maxDigits = 32

// press is a digit that waits.
type press struct {
	digit    byte
	duration time.Duration
	tone     bool // as tones, not as an event
}

// WritePacket sends to the far end under the port's own SSRC and numbers. What
// cannot be sent now, on hold or before Start, is dropped. It fails with
// ErrClosed after Close.
func (p *Port) WritePacket(packet *media.Packet) error {
	p.out.Lock()
	defer p.out.Unlock()
	n := p.deal.Load()
	p.convert(packet, n)
	switch {
	case p.out.closed:
		return ErrClosed
	case n == nil || !n.Send || packet.Event && p.converts(n) || !packet.Event && p.sounding.Load() || len(packet.Payload) > maxPayload:
		return nil
	}
	h := header{pt: n.SendPT, marker: packet.Marker}
	if packet.Event {
		h.pt = n.SendEventPT
	}
	ours := *packet
	body := p.out.buf[headerSize : headerSize+copy(p.out.buf[headerSize:headerSize+maxPayload], packet.Payload)]
	ours.Payload = body
	h.seq, h.ts = p.out.line.Next(&ours, time.Now())
	if packet.Event {
		dtmf.Scale(body, packet.Clock, n.EventClock)
	}
	p.emit(h, len(body))
	return nil
}

// emit sends what lies in the buffer, with the outgoing side locked. A packet
// that the network refuses is as lost as one that it drops.
func (p *Port) emit(h header, size int) {
	far := p.far.Load()
	if far == nil {
		return
	}
	h.ssrc = p.out.line.SSRC()
	h.put(p.out.buf[:])
	packet := p.out.buf[:headerSize+size]
	if p.out.seal == nil && p.out.must {
		return
	}
	if p.out.seal != nil {
		var err error
		if packet, err = p.out.seal.rtp(p.out.buf[:], headerSize+size); err != nil { // after 2^48 packets
			return
		}
	}
	if _, err := p.pair.rtp.WriteToUDPAddrPort(packet, *far); err == nil {
		p.out.sent++
		p.out.octets += uint64(size)
	}
}

// SendDigit queues a digit that is pressed for duration (RFC 4733). It returns
// at once, with dtmf.ErrUnknown, ErrNoEvent, ErrBusy or ErrClosed where the
// digit will not be sent.
func (p *Port) SendDigit(digit byte, duration time.Duration) error {
	if _, ok := dtmf.Code(digit); !ok {
		return dtmf.ErrUnknown
	}
	n := p.deal.Load()
	switch {
	case p.over():
		return ErrClosed
	case n == nil || !n.Event:
		return ErrNoEvent
	}
	select {
	case p.digits <- press{digit: digit, duration: duration}:
		return nil
	default:
		return ErrBusy
	}
}

// motor is the goroutine that keeps time: digits as they come, and a report
// every five seconds (RFC 3550 §6.2).
func (p *Port) motor() {
	report := time.NewTicker(reportEvery)
	defer report.Stop()
	for {
		select {
		case <-p.done:
			return
		case <-report.C:
			p.exchangeReports(time.Now())
		case d := <-p.digits:
			p.play(d)
		}
	}
}

// play sends one press packet by packet, and ends early with the port.
func (p *Port) play(d press) {
	if d.tone {
		p.sound(d)
		return
	}
	n := p.deal.Load()
	packets, err := dtmf.Packets(d.digit, d.duration, n.EventClock)
	if err != nil {
		p.log.Debug("digit not sent", "error", err)
		return
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var ts uint32
	for i := range packets {
		ts = p.tone(&packets[i], ts)
		select {
		case <-p.done:
			return
		case <-tick.C:
		}
	}
	p.gap(tick)
}

// gap keeps two presses apart by the 40 ms that every receiver needs (ITU-T Q.24),
// of which the repeated ends have taken most.
func (p *Port) gap(tick *time.Ticker) {
	select {
	case <-p.done:
	case <-tick.C:
	}
}

// tone sends one packet of a press, all with the timestamp of the first, which
// it returns (RFC 4733 §2.2).
func (p *Port) tone(d *dtmf.Packet, ts uint32) uint32 {
	p.out.Lock()
	defer p.out.Unlock()
	n := p.deal.Load()
	if p.out.closed || !n.Send || !n.Event {
		return ts
	}
	seq, now := p.out.line.Insert(time.Now())
	if d.Marker {
		ts = now
	}
	size := copy(p.out.buf[headerSize:], d.Payload[:])
	p.emit(header{pt: n.SendEventPT, marker: d.Marker, seq: seq, ts: ts}, size)
	return ts
}
