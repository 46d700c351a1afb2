// Package offer turns what the two ends of a SIP call can do into SDP offers
// and answers (RFC 3264), as pure functions over text.
package offer

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"roomline/media"
)

// What can be wrong with a description; each comes wrapped in a sentence.
var (
	ErrNoAudio  = errors.New("no audio stream is offered")            // answer 488 (RFC 3261 §21.4.26)
	ErrTooLarge = errors.New("session description is too large")      // past the limits below
	ErrSyntax   = errors.New("session description is not understood") // the sentence names the line
	ErrNoCommon = errors.New("no codec in common")
	ErrStopped  = fmt.Errorf("%w: all streams have port 0", ErrNoAudio) // of a call that had audio
	ErrFamily   = errors.New("one end speaks IPv4 only, the other IPv6")
)

// Limits on what a stranger may send.
const (
	maxBytes   = 32 << 10
	maxLines   = 2000
	maxStreams = 16      // m= lines
	maxFormats = 64      // payload types in one m= line
	maxClock   = 384_000 // Hz
	maxPtime   = 200 * time.Millisecond
)

const defaultPtime = 20 * time.Millisecond // RFC 3551 §4.2

// Direction says which way audio flows, seen from whoever wrote it (RFC 8866 §6.7).
type Direction uint8

// The four directions. The zero value is SDP's own default.
const (
	SendRecv Direction = iota
	SendOnly
	RecvOnly
	Inactive
)

// String is the attribute's name: "sendrecv".
func (d Direction) String() string {
	return [...]string{"sendrecv", "sendonly", "recvonly", "inactive"}[d&3]
}

// Towards is the direction in which we send, or receive, or both.
func Towards(send, receive bool) Direction { return direction(send, receive) }

func direction(send, receive bool) Direction {
	switch {
	case send && receive:
		return SendRecv
	case send:
		return SendOnly
	case receive:
		return RecvOnly
	}
	return Inactive
}

func (d Direction) sends() bool    { return d == SendRecv || d == SendOnly }
func (d Direction) receives() bool { return d == SendRecv || d == RecvOnly }

// Codec is one payload type of an m= line and what it stands for. Its Format
// has no name where a dynamic number came without a=rtpmap.
type Codec struct {
	PT     uint8
	Format media.Format
	Fmtp   string // the a=fmtp parameters as they came
}

// MLine is what must be repeated of an m= line to refuse it in its own place
// (RFC 3264 §6).
type MLine struct {
	Media, Proto, Formats string // "audio", "RTP/AVP", "0 8 101"
}

// Audio is the one audio stream of a description that a call can use.
type Audio struct {
	Addr      netip.AddrPort // where the far end wants its packets; unspecified while it holds the RFC 2543 way
	Codecs    []Codec        // in the far end's order of preference, telephone-event apart
	Events    []Codec        // telephone-event, one for each clock rate (RFC 4733 §2.5)
	Direction Direction      // seen from the far end
	Ptime     time.Duration  // 20 ms where it does not say
	Secure    bool           // its profile is RTP/SAVP or SAVPF
	Keys      []Crypto       // for its encryption, in the far end's order; none where the policy is Off
	Index     int            // which m= line it is, from 0
	web       webSide        // under the policy of WebRTC
	Lines     []MLine        // every m= line in order
}

// known are the formats this program can carry, in their canonical spelling.
func known() []media.Format {
	return []media.Format{media.PCMU, media.PCMA, media.G722, media.Opus}
}

// Formats are those that this program knows, in the far end's order.
func (a Audio) Formats() []media.Format {
	have := make([]media.Format, 0, len(a.Codecs))
	for _, c := range a.Codecs {
		have = append(have, media.Common(known(), []media.Format{c.Format})...)
	}
	return have
}

// codec finds the payload type of f in the far end's description.
func (a Audio) codec(f media.Format) (Codec, bool) {
	for _, c := range a.Codecs {
		if c.Format.Same(f) {
			return c, true
		}
	}
	return Codec{}, false
}

// event finds the telephone-event at clock Hz, or the first of any rate.
func (a Audio) event(clock int) (Codec, bool) {
	for _, e := range a.Events {
		if e.Format.ClockRate == clock {
			return e, true
		}
	}
	if len(a.Events) > 0 {
		return a.Events[0], true
	}
	return Codec{}, false
}

func isEvent(f media.Format) bool { return strings.EqualFold(f.Name, "telephone-event") }
