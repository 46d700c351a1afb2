package port

import (
	"errors"
	"math/rand/v2"
	"time"

	"roomline/media"
	"roomline/media/codec/g711"
	"roomline/media/dtmf"
)

const (
	frameTime    = 20 * time.Millisecond
	frameSamples = dtmf.Rate / 50
	pause        = 3               // frames of silence after a tone (ITU-T Q.24 asks for 40 ms)
	longestTone  = 2 * time.Second // of one digit
)

// SendTone queues a digit that is sent as its two tones (ITU-T Q.23), in place of
// what else would be heard. It returns at once, with dtmf.ErrUnknown, ErrNoTone,
// ErrBusy or ErrClosed where the digit will not be sent.
func (p *Port) SendTone(digit byte, duration time.Duration) error {
	n := p.deal.Load()
	switch _, ok := dtmf.Code(digit); {
	case !ok:
		return dtmf.ErrUnknown
	case p.over():
		return ErrClosed
	case n == nil || !plainCode(n.Format):
		return ErrNoTone
	}
	select {
	case p.digits <- press{digit: digit, duration: min(max(duration, dtmf.Shortest), longestTone), tone: true}:
		return nil
	default:
		return ErrBusy
	}
}

// plainCode tells whether a format is one in which tones survive: G.711.
func plainCode(f media.Format) bool { return f.Same(media.PCMU) || f.Same(media.PCMA) }

// sound sends the tones of one press, and a pause, and ends early with the port.
func (p *Port) sound(d press) {
	p.sounding.Store(true)
	defer p.sounding.Store(false)
	tick := time.NewTicker(frameTime)
	defer tick.Stop()
	tones := int(d.duration / frameTime)
	packet := media.Packet{SSRC: rand.Uint32(), Timestamp: rand.Uint32(), Clock: dtmf.Rate, Marker: true}
	for i := range tones + pause {
		var samples [frameSamples]int16
		if i < tones {
			_ = dtmf.Tone(samples[:], d.digit, i*frameSamples) // it was checked
		}
		p.put(&packet, &samples)
		packet.Sequence, packet.Timestamp, packet.Marker = packet.Sequence+1, packet.Timestamp+frameSamples, false
		select {
		case <-p.done:
			return
		case <-tick.C:
		}
	}
}

// put sends one frame in the format of the moment, where that can hold it.
func (p *Port) put(packet *media.Packet, samples *[frameSamples]int16) {
	p.out.Lock()
	defer p.out.Unlock()
	n := p.deal.Load()
	if p.out.closed || !n.Send || !plainCode(n.Format) {
		return
	}
	body := p.out.buf[headerSize : headerSize+frameSamples]
	encode := g711.EncodeULaw
	if n.Format.Same(media.PCMA) {
		encode = g711.EncodeALaw
	}
	encode(body, samples[:])
	packet.Payload = body
	h := header{pt: n.SendPT, marker: packet.Marker}
	h.seq, h.ts = p.out.line.Next(packet, time.Now())
	p.emit(h, len(body))
}

// ErrNoTone says that the audio is in a format in which tones do not survive.
var ErrNoTone = errors.New("tones need G.711")
