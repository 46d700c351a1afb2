// Package g711 turns linear audio into µ-law and A-law bytes and back
// (ITU-T G.711).
package g711

// A byte stands for a sign, a segment and a step within it; the tables hold
// what each byte decodes to, and what each 14- or 13-bit magnitude encodes to.

// EncodeULaw writes one byte for each sample of src, 16-bit linear, into dst.
// It returns how many: the shorter of the two lengths.
func EncodeULaw(dst []byte, src []int16) int {
	n := min(len(dst), len(src))
	for i, s := range src[:n] {
		dst[i] = encodeULaw[uint16(s)>>2]
	}
	return n
}

// DecodeULaw writes one 16-bit sample for each byte of src into dst. It returns
// how many: the shorter of the two lengths.
func DecodeULaw(dst []int16, src []byte) int {
	n := min(len(dst), len(src))
	for i, b := range src[:n] {
		dst[i] = decodeULaw[b]
	}
	return n
}

// EncodeALaw is EncodeULaw for A-law.
func EncodeALaw(dst []byte, src []int16) int {
	n := min(len(dst), len(src))
	for i, s := range src[:n] {
		dst[i] = encodeALaw[uint16(s)>>3]
	}
	return n
}

// DecodeALaw is DecodeULaw for A-law.
func DecodeALaw(dst []int16, src []byte) int {
	n := min(len(dst), len(src))
	for i, b := range src[:n] {
		dst[i] = decodeALaw[b]
	}
	return n
}

// Silence in each law: the byte that decodes to the least sample.
const (
	SilenceULaw = 0xff
	SilenceALaw = 0xd5
)
