// Package media carries audio between the two ends of a call, copying packets
// when both ends speak the same codec.
package media

import (
	"strings"
	"time"
)

// Format names an audio encoding as SDP does (RFC 8866 §6.6, a=rtpmap).
type Format struct {
	Name      string // IANA media subtype, compared without regard to case: "PCMU"
	ClockRate int    // RTP clock in Hz; G722 says 8000 although it samples at 16000 (RFC 3551 §4.5.2)
	Channels  int    // 1, or 2 for opus, whose rtpmap always says 2 (RFC 7587 §7)
}

// The formats that pass through a call today.
var (
	PCMU = Format{"PCMU", 8000, 1}  // G.711 µ-law, RFC 3551 §4.5.14
	PCMA = Format{"PCMA", 8000, 1}  // G.711 A-law, RFC 3551 §4.5.14
	G722 = Format{"G722", 8000, 1}  // RFC 3551 §4.5.2
	Opus = Format{"opus", 48000, 2} // RFC 7587
)

// Same reports whether two formats are the same encoding on the wire.
func (f Format) Same(g Format) bool {
	return strings.EqualFold(f.Name, g.Name) && f.ClockRate == g.ClockRate && f.Channels == g.Channels
}

// String is the encoding's name alone: "PCMU".
func (f Format) String() string { return f.Name }

// Common returns the formats of want that are also in have, in want's order.
func Common(want, have []Format) []Format {
	var both []Format
	for _, w := range want {
		for _, h := range have {
			if w.Same(h) {
				both = append(both, w)
				break
			}
		}
	}
	return both
}

// Packet is one RTP packet's worth of audio, or of a telephone-event. Whoever
// receives one in WritePacket may read and change it only until it returns.
type Packet struct {
	Payload   []byte
	SSRC      uint32 // of the source; a change begins a new line of timestamps
	Sequence  uint16
	Timestamp uint32
	Clock     int // Hz of Timestamp, and of the duration inside a telephone-event
	Marker    bool
	Event     bool // Payload is a telephone-event (RFC 4733 §2.3)
}

// Sink takes packets, from one goroutine at a time. It must not block on
// anything slower than a socket. An error means that the sink is closed.
type Sink interface {
	WritePacket(p *Packet) error
}

// Endpoint is the media half of a leg: a sink for what the far end shall hear,
// and a source that pushes what the far end says.
type Endpoint interface {
	Sink
	// Format is the negotiated audio encoding, the same in both directions.
	Format() Format
	// SendTo passes every packet from the far end to sink from now on, in the
	// endpoint's own reading goroutine; nil discards them.
	SendTo(sink Sink)
	// Stats may be called at any time, also after Close.
	Stats() Stats
	// Close releases sockets and ends the reading goroutine before it returns.
	// It may be called twice.
	Close() error
}

// Stats counts one endpoint's packets since it was opened.
type Stats struct {
	Received uint64        // accepted from the far end
	Lost     uint64        // expected by sequence number and never seen (RFC 3550 A.3)
	Rejected uint64        // dropped: malformed, wrong source, failed authentication
	Sent     uint64        // to the far end
	Jitter   time.Duration // interarrival jitter (RFC 3550 A.8)
	First    time.Time     // when the first packet was accepted; zero: never
	Last     time.Time     // when the latest packet was accepted
}

// LossPercent is the share of expected packets that never came, 0 to 100.
func (s Stats) LossPercent() float64 {
	if s.Received+s.Lost == 0 {
		return 0
	}
	return 100 * float64(s.Lost) / float64(s.Received+s.Lost)
}
