// Package opus turns mono audio into Opus packets of 20 ms and back (RFC 6716).
package opus

import (
	"fmt"

	"github.com/thesyncim/gopus"
)

const (
	// MaxPacket is the longest packet that Encode writes, in bytes: one frame
	// (RFC 6716 §3.2.1) and the byte before it.
	MaxPacket = 1276
	// perSecond is how many frames there are in one.
	perSecond = 50
	// longest is what one packet can hold, in frames of 20 ms (RFC 6716 §3.2.5).
	longest = 6
)

// Encoder keeps one stream's state; it belongs to one goroutine.
type Encoder struct{ state *gopus.Encoder }

// NewEncoder begins a stream of samples at rate Hz (8000, 12000, 16000, 24000
// or 48000), to be sent with about so many bits in a second.
func NewEncoder(rate, bits int) (*Encoder, error) {
	e, err := gopus.NewEncoder(gopus.EncoderConfig{SampleRate: rate, Channels: 1, Application: gopus.ApplicationAudio})
	if err != nil {
		return nil, fmt.Errorf("begin Opus at %d Hz: %w", rate, err)
	}
	if err := e.SetFrameSize(rate / perSecond); err != nil {
		return nil, fmt.Errorf("begin Opus at %d Hz: %w", rate, err)
	}
	if err := e.SetBitrate(bits); err != nil {
		return nil, fmt.Errorf("begin Opus with %d bit/s: %w", bits, err)
	}
	return &Encoder{e}, nil
}

// Encode writes the packet for exactly 20 ms of samples into dst, which should
// have MaxPacket bytes, and returns its length.
func (e *Encoder) Encode(dst []byte, src []int16) (int, error) {
	n, err := e.state.EncodeInt16(src, dst)
	if err != nil {
		return 0, fmt.Errorf("encode Opus: %w", err)
	}
	return n, nil
}

// Decoder keeps one stream's state; it belongs to one goroutine.
type Decoder struct {
	state *gopus.Decoder
	rate  int
}

// NewDecoder begins a stream that is heard at rate Hz, whatever rate it was
// encoded at (RFC 6716 §4).
func NewDecoder(rate int) (*Decoder, error) {
	d, err := gopus.NewDecoder(gopus.DefaultDecoderConfig(rate, 1))
	if err != nil {
		return nil, fmt.Errorf("begin Opus at %d Hz: %w", rate, err)
	}
	return &Decoder{d, rate}, nil
}

// Room is how many samples dst must have room for in Decode: 120 ms.
func (d *Decoder) Room() int { return longest * d.rate / perSecond }

// Decode writes the samples of one packet into dst and returns how many. An
// error leaves the stream usable.
func (d *Decoder) Decode(dst []int16, packet []byte) (int, error) {
	n, err := d.state.DecodeInt16(packet, dst)
	if err != nil {
		return 0, fmt.Errorf("decode Opus: %w", err)
	}
	return n, nil
}
