package g711

import (
	"math"
	"testing"
)

type law struct {
	name   string
	encode func([]byte, []int16) int
	decode func([]int16, []byte) int
}

var laws = []law{{"µ-law", EncodeULaw, DecodeULaw}, {"A-law", EncodeALaw, DecodeALaw}}

func (l law) byteOf(s int16) byte {
	var b [1]byte
	l.encode(b[:], []int16{s})
	return b[0]
}

func (l law) sampleOf(b byte) int16 {
	var s [1]int16
	l.decode(s[:], []byte{b})
	return s[0]
}

// TestKnownVectors holds ends and joints of G.711 tables 1a to 2b, 16 bit wide.
func TestKnownVectors(t *testing.T) {
	u, a := laws[0], laws[1]
	for b, want := range map[byte]int16{
		0xff: 0, 0x7f: 0, 0xfe: 8, 0x7e: -8, 0xf0: 120, 0xef: 132, 0x80: 32124, 0x00: -32124, 0x8f: 16764, 0x90: 15996,
	} {
		if got := u.sampleOf(b); got != want {
			t.Errorf("µ-law %#02x is %d, want %d", b, got, want)
		}
	}
	for b, want := range map[byte]int16{
		0xd5: 8, 0x55: -8, 0xd4: 24, 0xda: 248, 0xc5: 264, 0xaa: 32256, 0x2a: -32256, 0xa5: 16896, 0xba: 16128,
	} {
		if got := a.sampleOf(b); got != want {
			t.Errorf("A-law %#02x is %d, want %d", b, got, want)
		}
	}
	for s, want := range map[int16][2]byte{
		0: {0xff, 0xd5}, 32767: {0x80, 0xaa}, -32768: {0x00, 0x2a}, 1000: {0xce, 0xfa}, -1000: {0x4e, 0x7a},
	} {
		if got := [2]byte{u.byteOf(s), a.byteOf(s)}; got != want {
			t.Errorf("%d is % x, want % x", s, got, want)
		}
	}
}

func TestEveryByteSurvives(t *testing.T) {
	for _, l := range laws {
		for i := range 256 {
			b := byte(i)
			s := l.sampleOf(b)
			if got := l.byteOf(s); got != b && !(s == 0 && got == SilenceULaw) {
				t.Errorf("%s %#02x is %d, which is %#02x", l.name, b, s, got)
			}
		}
	}
}

// TestEverySampleIsNear proves that no sample comes back further off than half
// the step of its segment, and that louder never becomes quieter.
func TestEverySampleIsNear(t *testing.T) {
	for _, l := range laws {
		last := int16(math.MinInt16)
		for s := math.MinInt16; s <= math.MaxInt16; s++ {
			got := l.sampleOf(l.byteOf(int16(s)))
			size := math.Abs(float64(s))
			if off := math.Abs(float64(s) - float64(got)); off > max(16, size/32+8) {
				t.Fatalf("%s: %d came back as %d", l.name, s, got)
			}
			if got < last {
				t.Fatalf("%s: %d came back as %d after %d", l.name, s, got, last)
			}
			last = got
		}
	}
}

func TestToneKeepsItsQuality(t *testing.T) {
	in, bytes, out := make([]int16, 8000), make([]byte, 8000), make([]int16, 8000)
	for i := range in {
		in[i] = int16(10000 * math.Sin(2*math.Pi*440*float64(i)/8000))
	}
	for _, l := range laws {
		l.encode(bytes, in)
		l.decode(out, bytes)
		var signal, noise float64
		for i := range in {
			d := float64(in[i]) - float64(out[i])
			signal, noise = signal+float64(in[i])*float64(in[i]), noise+d*d
		}
		if snr := 10 * math.Log10(signal/noise); snr < 36 { // G.711's own bound is about 38 dB
			t.Errorf("%s: %.1f dB", l.name, snr)
		}
	}
}

func TestTheShorterLengthRules(t *testing.T) {
	for _, l := range laws {
		if n := l.encode(make([]byte, 2), make([]int16, 5)); n != 2 {
			t.Errorf("%s: encoded %d", l.name, n)
		}
		if n := l.decode(make([]int16, 5), make([]byte, 3)); n != 3 {
			t.Errorf("%s: decoded %d", l.name, n)
		}
	}
}

func TestNothingIsAllocated(t *testing.T) {
	bytes, samples := make([]byte, 160), make([]int16, 160)
	for _, l := range laws {
		if n := testing.AllocsPerRun(100, func() { l.encode(bytes, samples); l.decode(samples, bytes) }); n != 0 {
			t.Errorf("%s: %v allocations", l.name, n)
		}
	}
}

// Each benchmark is one packet of 20 ms.
func BenchmarkEncodeULaw(b *testing.B) { benchmarkEncode(b, laws[0]) }
func BenchmarkEncodeALaw(b *testing.B) { benchmarkEncode(b, laws[1]) }
func BenchmarkDecodeULaw(b *testing.B) { benchmarkDecode(b, laws[0]) }
func BenchmarkDecodeALaw(b *testing.B) { benchmarkDecode(b, laws[1]) }

func benchmarkEncode(b *testing.B, l law) {
	bytes, samples := make([]byte, 160), make([]int16, 160)
	b.ReportAllocs()
	for b.Loop() {
		l.encode(bytes, samples)
	}
}

func benchmarkDecode(b *testing.B, l law) {
	bytes, samples := make([]byte, 160), make([]int16, 160)
	b.ReportAllocs()
	for b.Loop() {
		l.decode(samples, bytes)
	}
}
