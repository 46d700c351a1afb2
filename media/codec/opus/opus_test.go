package opus

import (
	"math"
	"testing"
)

func tone(hz float64, rate, n int) []int16 {
	out := make([]int16, n)
	for i := range out {
		out[i] = int16(8000 * math.Sin(2*math.Pi*hz*float64(i)/float64(rate)))
	}
	return out
}

// snr is how well got, but for its delay and phase, is a tone of so many Hz, in
// dB: what is left without it is noise.
func snr(got []int16, hz float64, rate int) float64 {
	var re, im, all float64
	for i, s := range got {
		at := 2 * math.Pi * hz * float64(i) / float64(rate)
		re, im, all = re+float64(s)*math.Cos(at), im+float64(s)*math.Sin(at), all+float64(s)*float64(s)
	}
	signal := 2 * (re*re + im*im) / float64(len(got))
	return 10 * math.Log10(signal/math.Max(all-signal, 1))
}

func TestRoundTrip(t *testing.T) {
	for _, rate := range []int{8000, 16000, 48000} {
		e, err := NewEncoder(rate, 32000)
		if err != nil {
			t.Fatal(err)
		}
		d, err := NewDecoder(rate)
		if err != nil {
			t.Fatal(err)
		}
		frame, want := rate/50, tone(1000, rate, rate)
		var got []int16
		packet, out := make([]byte, MaxPacket), make([]int16, d.Room())
		for i := 0; i < rate; i += frame {
			n, err := e.Encode(packet, want[i:i+frame])
			if err != nil || n == 0 || n > 200 {
				t.Fatalf("%d Hz: %d bytes, %v", rate, n, err)
			}
			n, err = d.Decode(out, packet[:n])
			if err != nil || n != frame {
				t.Fatalf("%d Hz: %d samples, %v", rate, n, err)
			}
			got = append(got, out[:n]...)
		}
		if db := snr(got[rate/2:], 1000, rate); db < 20 {
			t.Errorf("%d Hz: %.1f dB", rate, db)
		}
	}
}

func TestRefusals(t *testing.T) {
	if _, err := NewEncoder(44100, 32000); err == nil {
		t.Error("an encoder at 44100 Hz")
	}
	if _, err := NewEncoder(48000, 0); err == nil {
		t.Error("an encoder for 0 bit/s")
	}
	if _, err := NewDecoder(1); err == nil {
		t.Error("a decoder at 1 Hz")
	}
	e, err := NewEncoder(8000, 16000)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Encode(make([]byte, MaxPacket), make([]int16, 80)); err == nil {
		t.Error("10 ms were encoded")
	}
	if _, err := e.Encode(nil, make([]int16, 160)); err == nil {
		t.Error("nothing was written to")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{0x78, 0x01, 0xff})
	f.Add([]byte{0xfc})
	f.Fuzz(func(t *testing.T, packet []byte) {
		d, err := NewDecoder(8000)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := d.Decode(make([]int16, d.Room()), packet); n < 0 || n > d.Room() || err != nil && n != 0 {
			t.Errorf("%d samples, %v", n, err)
		}
	})
}
