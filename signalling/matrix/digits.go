package matrix

import (
	"strings"
	"time"
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

// digit plays a digit to the client, and writes it into the room, where bots
// can read it: clients show no such event.
func (l *leg) digit(d byte) {
	if strings.IndexByte("0123456789*#ABCD", d) < 0 {
		return
	}
	if err := l.peer.SendDigit(d); err != nil {
		l.log.Debug("could not play a digit", "error", err)
	}
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
