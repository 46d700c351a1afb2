package g722

import (
	"math"
	"testing"
)

// delay of encoder and decoder together, in samples: their two mirror filters
// of 24 taps each.
const delay = 22

func tone(hz float64, n int) []int16 {
	out := make([]int16, n)
	for i := range out {
		out[i] = int16(8000 * math.Sin(2*math.Pi*hz*float64(i)/Rate))
	}
	return out
}

// snr compares got with want, which it follows by late samples, in dB.
func snr(want, got []int16, late int) float64 {
	var signal, noise float64
	for i := late + Rate/10; i < len(got); i++ { // after the codec has adapted
		s, e := float64(want[i-late]), float64(want[i-late])-float64(got[i])
		signal, noise = signal+s*s, noise+e*e
	}
	return 10 * math.Log10(signal/noise)
}

func TestRoundTrip(t *testing.T) {
	for hz, least := range map[float64]float64{440: 35, 1000: 30, 3000: 25, 6000: 10} {
		want := tone(hz, Rate)
		coded, got := make([]byte, Rate/2), make([]int16, Rate)
		e, d := NewEncoder(), NewDecoder()
		for i := 0; i < Rate; i += 320 { // 20 ms at a time
			if n := e.Encode(coded[i/2:i/2+160], want[i:i+320]); n != 160 {
				t.Fatalf("%d bytes", n)
			}
			if n := d.Decode(got[i:i+320], coded[i/2:i/2+160]); n != 320 {
				t.Fatalf("%d samples", n)
			}
		}
		if db := snr(want, got, delay); db < least {
			t.Errorf("%v Hz: %.1f dB, want %v", hz, db, least)
		}
	}
}

func TestShortBuffers(t *testing.T) {
	e, d := NewEncoder(), NewDecoder()
	for _, c := range []struct{ samples, bytes, want int }{{0, 5, 0}, {1, 5, 0}, {3, 5, 1}, {320, 100, 100}, {320, 0, 0}} {
		if n := e.Encode(make([]byte, c.bytes), make([]int16, c.samples)); n != c.want {
			t.Errorf("%d samples in %d bytes: %d", c.samples, c.bytes, n)
		}
		if n := d.Decode(make([]int16, c.samples), make([]byte, c.bytes)); n != 2*c.want {
			t.Errorf("%d bytes in %d samples: %d", c.bytes, c.samples, n)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{0xfa, 0, 0xff, 0x55})
	f.Fuzz(func(t *testing.T, coded []byte) {
		out := make([]int16, 2*len(coded))
		if n := NewDecoder().Decode(out, coded); n != len(out) {
			t.Errorf("%d samples of %d bytes", n, len(coded))
		}
	})
}
