package dtmf

import "time"

const (
	update = 20 * time.Millisecond // between packets of one event
	volume = 10                    // -10 dBm0
	ends   = 3                     // times that the end is sent, RFC 4733 §2.5.1.4
)

// Shortest is the least press that every receiver must hear (ITU-T Q.24).
const Shortest = 40 * time.Millisecond

// Packet is one packet of a press that is to be sent, all with the timestamp of
// the first.
type Packet struct {
	At      time.Duration // after the first
	Marker  bool          // on the first alone (RFC 4733 §2.5.1.1)
	Payload [Size]byte
}

// Packets is a press as it is sent: an update every 20 ms, then the end three
// times. duration is kept between Shortest and what a duration field can hold
// at clock Hz. It fails with ErrUnknown for what is no digit.
func Packets(digit byte, duration time.Duration, clock int) ([]Packet, error) {
	if _, ok := Code(digit); !ok || clock <= 0 {
		return nil, ErrUnknown
	}
	longest := 0xffff * time.Second / time.Duration(clock)
	duration = min(max(duration, Shortest), longest)
	var out []Packet
	for at := time.Duration(0); at+update < duration; at += update {
		out = append(out, packet(digit, at, at+update, clock, false))
	}
	at := time.Duration(len(out)) * update
	for range ends {
		out = append(out, packet(digit, at, duration, clock, true))
		at += update
	}
	return out, nil
}

func packet(digit byte, at, length time.Duration, clock int, end bool) Packet {
	p := Packet{At: at, Marker: at == 0}
	units := int64(length) * int64(clock) / int64(time.Second)
	_ = Event{Digit: digit, End: end, Volume: volume, Duration: uint16(min(units, 0xffff))}.Put(p.Payload[:])
	return p
}
