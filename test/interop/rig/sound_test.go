package rig

import (
	"math"
	"path/filepath"
	"testing"
	"time"
)

// sines adds tones at -12 dBFS together.
func sines(rate int, d time.Duration, hz ...float64) []float64 {
	x := make([]float64, int(d.Seconds()*float64(rate)))
	for i := range x {
		for _, f := range hz {
			x[i] += 0.2512 * math.Sin(2*math.Pi*f*float64(i)/float64(rate))
		}
	}
	return x
}

func silence(rate int, d time.Duration) []float64 {
	return make([]float64, int(d.Seconds()*float64(rate)))
}

func join(parts ...[]float64) (x []float64) {
	for _, p := range parts {
		x = append(x, p...)
	}
	return x
}

func TestTone(t *testing.T) {
	const second = time.Second
	s := Sound{Rate: 8000, Samples: join(silence(8000, second/2), sines(8000, second, 1000), silence(8000, second/5), sines(8000, second, 1000))}
	got := s.Tone(1000)
	if got.Onset != second/2 || got.Present != 2*second || got.Gaps != 1 || got.Longest != second/5 || math.Abs(got.Level+12) > 0.1 {
		t.Errorf("heard %v", got)
	}
	if other := s.Tone(1050); other.Onset >= 0 {
		t.Errorf("heard %v, which was not played", other)
	}
	if f := s.Loudest(450, 1000, 1050); f != 1000 {
		t.Errorf("the loudest is %v", f)
	}
	if d := s.Silence(); d != second/2 {
		t.Errorf("silent for %v", d)
	}
	if got := s.After(second).Tone(1000); got.Onset != 0 {
		t.Errorf("after a second %v", got)
	}
}

func TestDigits(t *testing.T) {
	s := Sound{Rate: 16000}
	for _, r := range dtmfRows {
		for _, c := range dtmfCols {
			s.Samples = join(s.Samples, sines(16000, 100*time.Millisecond, r, c), silence(16000, 60*time.Millisecond))
		}
	}
	if got := s.Digits(); got != "123A456B789C*0#D" {
		t.Errorf("heard %q", got)
	}
}

func TestWAVRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.wav")
	if err := (Sound{Rate: 8000, Samples: sines(8000, time.Second, 400)}).Save(path); err != nil {
		t.Fatal(err)
	}
	s, err := ReadWAV(path)
	if err != nil || s.Rate != 8000 || s.Length() != time.Second || s.Tone(400).Present != time.Second {
		t.Errorf("read %v Hz, %v, %v, %v", s.Rate, s.Length(), s.Tone(400), err)
	}
}
