package peer

import (
	"errors"
	"time"

	"github.com/pion/rtp"

	"roomline/media/dtmf"
)

const (
	maxDigits  = 64                     // that wait to be played
	digitPress = 100 * time.Millisecond // and as long a pause (Q.24 asks for 40 ms of each)
	digitPause = 70 * time.Millisecond
)

// Errors of SendDigit.
var (
	ErrNoEvents = errors.New("telephone-event was not negotiated")
	ErrBusy     = errors.New("too many digits are waiting")
)

// SendDigit plays one DTMF digit (0-9 * # A-D) after those that are waiting,
// and returns at once.
func (p *Peer) SendDigit(d byte) error {
	if _, ok := dtmf.Code(d); !ok {
		return dtmf.ErrUnknown
	}
	if !p.track.takesEvents() {
		return ErrNoEvents
	}
	select {
	case <-p.done:
		return ErrClosed
	default:
	}
	select {
	case p.digits <- d:
		return nil
	default:
		return ErrBusy
	}
}

// play sends waiting digits, one goroutine for the peer's life.
func (p *Peer) play() {
	for {
		select {
		case <-p.done:
			return
		case d := <-p.digits:
			p.press(d)
			p.sleep(digitPause)
		}
	}
}

// press sends one digit in its own time. Audio is left out meanwhile: an event
// takes its place (RFC 4733 §2.5.1), and Chrome hears no event that audio of the
// same source runs on through.
func (p *Peer) press(d byte) {
	packets, err := dtmf.Packets(d, digitPress, p.track.eventClock())
	if err != nil {
		return
	}
	p.track.hush(true)
	defer p.track.hush(false)
	begun := time.Now()
	var ts uint32
	for i, packet := range packets {
		if !p.sleep(time.Until(begun.Add(packet.At))) {
			return
		}
		ts = p.track.press(packet, i == 0, ts, time.Now())
	}
}

// sleep waits for d, and reports false if the peer closes meanwhile.
func (p *Peer) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-p.done:
		return false
	case <-timer.C:
		return true
	}
}

func (t *track) takesEvents() bool { return t.eventClock() > 0 }

// eventClock is the clock of telephone-event in Hz, or 0 where there is none.
func (t *track) eventClock() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.events {
		return 0
	}
	return t.event.ClockRate
}

// press sends one packet of a digit. All of them bear the timestamp of the
// first (RFC 4733 §2.5.1.2), which is returned.
func (t *track) press(packet dtmf.Packet, first bool, ts uint32, now time.Time) uint32 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || t.out == nil || t.held || !t.events {
		return ts
	}
	seq, at := t.line.Insert(now)
	if first {
		ts = at
	}
	t.send(t.event.pt, seq, ts, packet.Marker, packet.Payload[:])
	return ts
}

// send writes one packet. A socket that refuses it is ICE's to notice. The
// lock is held.
func (t *track) send(pt uint8, seq uint16, ts uint32, marker bool, payload []byte) {
	t.header = rtp.Header{Version: 2, PayloadType: pt, SequenceNumber: seq, Timestamp: ts, SSRC: t.ssrc, Marker: marker}
	if n, err := t.out.WriteRTP(&t.header, payload); n > 0 && err == nil {
		t.tally.sent.Add(1)
	}
}
