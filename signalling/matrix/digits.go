package matrix

import (
	"time"

	"roomline/media"
	"roomline/media/dtmf"
)

const (
	digitTime = 10 * time.Second // nobody waits longer for a digit
	maxDigits = 64               // that wait for the homeserver
)

// keys are the digits on their way to the room.
type keys struct {
	waiting []byte
	since   time.Time // of the first that waits
	sending bool
}

// keyed is the client's end of the audio, which finds the digits in what the
// telephone says (RFC 4733) on their way to the client.
type keyed struct {
	Peer
	receiver dtmf.Receiver // of the goroutine that writes
	pressed  func(dtmf.Press)
}

// keyed posts a digit to the leg, as long as nobody presses more than a finger can.
func (l *leg) keyed() *keyed {
	return &keyed{Peer: l.peer, pressed: func(p dtmf.Press) { l.box.offer(item{kind: pressed, digit: p.Digit}, maxMail/2) }}
}

// WritePacket implements media.Sink.
func (k *keyed) WritePacket(p *media.Packet) error {
	if p.Event {
		k.receiver.Take(p, time.Now(), k.pressed)
	} else {
		k.receiver.Expire(time.Now(), k.pressed)
	}
	return k.Peer.WritePacket(p)
}

// digit plays a digit to the client that came beside the audio.
func (l *leg) digit(d byte) {
	if _, ok := dtmf.Code(d); !ok {
		return
	}
	if err := l.peer.SendDigit(d); err != nil {
		l.log.Debug("could not play a digit", "error", err)
	}
	l.write(d)
}

// write puts a digit into the room, where bots can read it: clients show no
// such event.
func (l *leg) write(d byte) {
	if len(l.keys.waiting) == 0 {
		l.keys.since = time.Now()
	}
	if len(l.keys.waiting) < maxDigits {
		l.keys.waiting = append(l.keys.waiting, d)
	}
	l.sendDigits()
}

// sendDigits sends what waits in one event, one event at a time.
func (l *leg) sendDigits() {
	k := &l.keys
	if k.sending || len(k.waiting) == 0 {
		return
	}
	l.post(outgoing{eventType: typeDigits, until: time.Now().Add(digitTime),
		content: digitsOut{l.head(), string(k.waiting), k.since.UnixMilli()},
		done:    func(error) { l.box.put(item{kind: digitsSent}) }})
	k.waiting, k.sending = nil, true
}

func (l *leg) digitsSent() {
	l.keys.sending = false
	l.sendDigits()
}
