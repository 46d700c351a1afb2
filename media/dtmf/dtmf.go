// Package dtmf turns what carries a digit into that digit, and back:
// telephone-event packets (RFC 4733), the tones of keys (ITU-T Q.23).
package dtmf

import (
	"encoding/binary"
	"errors"
	"strings"
)

// ErrShort says that a payload cannot hold an event; ErrUnknown that the event
// is not one of the sixteen DTMF digits.
var (
	ErrShort   = errors.New("telephone-event is too short")
	ErrUnknown = errors.New("telephone-event is not a digit")
)

// Size is the length of an event's payload in bytes (RFC 4733 §2.3).
const Size = 4

const digits = "0123456789*#ABCD" // in the order of their codes, RFC 4733 §3.2

// Code is the event code of a digit; letters may be small.
func Code(digit byte) (uint8, bool) {
	if digit >= 'a' && digit <= 'd' {
		digit -= 'a' - 'A'
	}
	i := strings.IndexByte(digits, digit)
	return uint8(i), i >= 0
}

// Digit is the digit of an event code.
func Digit(code uint8) (byte, bool) {
	if int(code) >= len(digits) {
		return 0, false
	}
	return digits[code], true
}

// Event is one payload (RFC 4733 §2.3).
type Event struct {
	Digit    byte // '0' to '9', '*', '#', 'A' to 'D'
	End      bool
	Volume   uint8  // in -dBm0, 0 to 63
	Duration uint16 // so far, in units of the RTP clock
}

// Parse reads a payload. Anything after the first event is ignored.
func Parse(payload []byte) (Event, error) {
	if len(payload) < Size {
		return Event{}, ErrShort
	}
	digit, ok := Digit(payload[0])
	if !ok {
		return Event{}, ErrUnknown
	}
	return Event{
		Digit:    digit,
		End:      payload[1]&0x80 != 0,
		Volume:   payload[1] & 0x3f,
		Duration: binary.BigEndian.Uint16(payload[2:]),
	}, nil
}

// Put writes the payload into the first four bytes of b. A digit that is none
// writes nothing and returns ErrUnknown.
func (e Event) Put(b []byte) error {
	code, ok := Code(e.Digit)
	switch {
	case len(b) < Size:
		return ErrShort
	case !ok:
		return ErrUnknown
	}
	b[0], b[1] = code, min(e.Volume, 0x3f)
	if e.End {
		b[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b[2:], e.Duration)
	return nil
}

// Scale converts the duration inside a payload from one clock to another, in
// Hz, in place. What does not fit becomes the longest that does (RFC 4733
// §2.5.1.3 would begin another segment there).
func Scale(payload []byte, from, to int) {
	if len(payload) < Size || from <= 0 || to <= 0 || from == to {
		return
	}
	d := int64(binary.BigEndian.Uint16(payload[2:])) * int64(to) / int64(from)
	binary.BigEndian.PutUint16(payload[2:], uint16(min(d, 0xffff)))
}
