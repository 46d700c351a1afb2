package g711

import "math/bits"

// The tables are made once from the laws and never change. An encoding table
// is indexed by the bits of a sample that its law keeps: 14 for µ-law, 13 for
// A-law.
var (
	decodeULaw = expanded(expandULaw)
	decodeALaw = expanded(expandALaw)
	encodeULaw = compressed(14, compressULaw)
	encodeALaw = compressed(13, compressALaw)
)

func expanded(law func(byte) int16) *[256]int16 {
	var t [256]int16
	for i := range t {
		t[i] = law(byte(i))
	}
	return &t
}

func compressed(kept int, law func(int) byte) []byte {
	t := make([]byte, 1<<kept)
	for i := range t {
		t[i] = law(int(int16(i << (16 - kept))))
	}
	return t
}

const (
	uLawBias = 33 << 2   // in 16-bit terms, so that segments begin at powers of two
	uLawClip = 8158 << 2 // the last decision value, G.711 table 2a
)

// compressULaw encodes a 16-bit sample. Its bytes are sent inverted. A negative
// magnitude is the one's complement, as in ITU-T G.191's reference.
func compressULaw(s int) byte {
	sign := byte(0)
	if s < 0 {
		sign, s = 0x80, ^s
	}
	s = min(s, uLawClip) + uLawBias
	segment := bits.Len(uint(s)) - 8
	return ^(sign | byte(segment)<<4 | byte(s>>(segment+3))&0x0f)
}

func expandULaw(b byte) int16 {
	b = ^b
	s := (int(b&0x0f)<<3+uLawBias)<<(b>>4&7) - uLawBias
	if b&0x80 != 0 {
		return int16(-s)
	}
	return int16(s)
}

// compressALaw encodes a 16-bit sample. Even bits are sent inverted, and a
// positive sign is 1.
func compressALaw(s int) byte {
	sign := byte(0x80)
	if s < 0 {
		sign, s = 0, ^s
	}
	segment := max(bits.Len(uint(s))-8, 0)
	step := s >> 4
	if segment > 0 {
		step = s >> (segment + 3)
	}
	return (sign | byte(segment)<<4 | byte(step)&0x0f) ^ 0x55
}

func expandALaw(b byte) int16 {
	b ^= 0x55
	s, segment := int(b&0x0f)<<4+8, b>>4&7
	if segment > 0 {
		s = (s + 0x100) << (segment - 1)
	}
	if b&0x80 == 0 {
		return int16(-s)
	}
	return int16(s)
}
