package port

import (
	"time"

	"roomline/media"
	"roomline/media/codec/g711"
	"roomline/media/dtmf"
)

// keys is what the reading goroutine knows of the far end's digits.
type keys struct {
	detector dtmf.Detector
	digit    byte // the latest that came as an event
	at       time.Time
}

// HearTones passes on digits that the far end sends as tones, where it has agreed
// on no telephone-event and the audio is G.711. They are cut out of the audio, so
// that whoever is told of a digit does not hear it, too. heard is called in the
// port's reading goroutine and must not block. Call it before Start.
func (p *Port) HearTones(heard func(digit byte)) { p.toned.Store(&heard) }

// Pressed is the latest digit that came as a telephone-event, and when; 0 if none
// ever did.
func (p *Port) Pressed() (digit byte, at time.Time) {
	p.in.Lock()
	defer p.in.Unlock()
	return p.in.keys.digit, p.in.keys.at
}

// remember keeps the digit of an event, with the incoming side locked.
func (k *keys) remember(payload []byte, now time.Time) {
	if e, err := dtmf.Parse(payload); err == nil {
		k.digit, k.at = e.Digit, now
	}
}

// listen looks for tones in a packet that is about to go on, and silences what
// belongs to one. It belongs to the reading goroutine.
func (p *Port) listen(packet *media.Packet) {
	heard, n := p.toned.Load(), p.deal.Load()
	if heard == nil || packet.Event || n.Event || !plainCode(n.Format) {
		return
	}
	var samples [maxPayload]int16
	decode, quiet := g711.DecodeULaw, byte(0xff)
	if n.Format.Same(media.PCMA) {
		decode, quiet = g711.DecodeALaw, 0xd5
	}
	size := decode(samples[:], packet.Payload)
	if !p.in.keys.detector.Take(samples[:size], *heard) {
		return
	}
	for i := range packet.Payload {
		packet.Payload[i] = quiet
	}
}
