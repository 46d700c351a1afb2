// Package g722 turns 16 kHz audio into G.722 bytes and back (ITU-T G.722,
// mode 1, 64 kbit/s).
package g722

import "github.com/gotranspile/g722"

// Rate is of the samples in Hz, although RTP counts 8000 (RFC 3551 §4.5.2).
const Rate = 16000

// Encoder keeps one stream's state; it belongs to one goroutine.
type Encoder struct{ state *g722.Encoder }

// NewEncoder begins a stream.
func NewEncoder() *Encoder { return &Encoder{g722.NewEncoder(g722.Rate64000, 0)} }

// Encode writes one byte for each two samples of src into dst, as many as fit,
// and returns how many. An odd last sample is left out.
func (e *Encoder) Encode(dst []byte, src []int16) int {
	n := min(len(dst), len(src)/2)
	return e.state.Encode(dst[:n], src[:2*n])
}

// Decoder keeps one stream's state; it belongs to one goroutine.
type Decoder struct{ state *g722.Decoder }

// NewDecoder begins a stream.
func NewDecoder() *Decoder { return &Decoder{g722.NewDecoder(g722.Rate64000, 0)} }

// Decode writes two samples for each byte of src into dst, as many as fit, and
// returns how many.
func (d *Decoder) Decode(dst []int16, src []byte) int {
	n := min(len(dst)/2, len(src))
	return d.state.Decode(dst[:2*n], src[:n])
}
