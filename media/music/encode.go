package music

import (
	"fmt"

	"roomline/media"
	"roomline/media/codec/g711"
	"roomline/media/codec/g722"
	"roomline/media/codec/opus"
)

// encoder makes a packet of the next 20 ms.
type encoder func([]int16) ([]byte, error)

// bits in a second of Opus: transparent for a melody at 16 kHz.
const bits = 32000

// encoderFor begins a stream in f, and says at what rate in Hz it is fed.
func encoderFor(f media.Format) (enc encoder, rate int, err error) {
	switch {
	case f.Same(media.PCMU):
		return stateless(g711.EncodeULaw), narrow, nil
	case f.Same(media.PCMA):
		return stateless(g711.EncodeALaw), narrow, nil
	case f.Same(media.G722):
		e := g722.NewEncoder()
		return func(src []int16) ([]byte, error) {
			out := make([]byte, len(src)/2)
			return out[:e.Encode(out, src)], nil
		}, g722.Rate, nil
	case f.Same(media.Opus):
		e, err := opus.NewEncoder(wide, bits)
		if err != nil {
			return nil, 0, err
		}
		var room [opus.MaxPacket]byte
		return func(src []int16) ([]byte, error) {
			n, err := e.Encode(room[:], src)
			return append([]byte(nil), room[:n]...), err
		}, wide, nil
	}
	return nil, 0, fmt.Errorf("%s at %d Hz is not known", f.Name, f.ClockRate)
}

func stateless(law func([]byte, []int16) int) encoder {
	return func(src []int16) ([]byte, error) {
		out := make([]byte, len(src))
		return out[:law(out, src)], nil
	}
}
