package rig

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Tone is what was found of one steady tone in a sound.
type Tone struct {
	Hz      float64
	Level   float64       // dBFS while it is there; a full-scale sine is 0
	SNR     float64       // dB, the tone against everything else, median
	Onset   time.Duration // from the sound's beginning to the tone's; -1 when it is never there
	Present time.Duration // sum of the stretches with the tone
	Gaps    int           // interruptions between the first and the last of it
	Longest time.Duration // of those interruptions
}

// String tells the finding in a line.
func (t Tone) String() string {
	if t.Onset < 0 {
		return fmt.Sprintf("no %.0f Hz", t.Hz)
	}
	return fmt.Sprintf("%.0f Hz for %v from %v at %.1f dBFS, SNR %.0f dB, %d gaps, longest %v", t.Hz, t.Present, t.Onset, t.Level, t.SNR, t.Gaps, t.Longest)
}

// window is the length of one look: a packet's, so that a lost packet is a gap,
// and 50 Hz wide, so that tones want to be multiples of 50 Hz.
const window = 20 * time.Millisecond

// Tone looks for a steady tone of hz, a multiple of 50.
func (s Sound) Tone(hz float64) Tone {
	t := Tone{Hz: hz, Onset: -1}
	var levels, snrs []float64
	missing := 0
	s.each(func(i int, x []float64) {
		p, all := goertzel(x, s.Rate, hz), power(x)
		if db(p) < -45 || p < all/2 {
			missing++
			return
		}
		if t.Onset < 0 {
			t.Onset = time.Duration(i) * window
		} else if missing > 0 {
			t.Gaps, t.Longest = t.Gaps+1, max(t.Longest, time.Duration(missing)*window)
		}
		missing = 0
		t.Present += window
		levels, snrs = append(levels, db(2*p)), append(snrs, db(p/max(all-p, 1e-10)))
	})
	t.Level, t.SNR = median(levels), median(snrs)
	return t
}

// Loudest says which of some tones there is most of, and 0 where there is none.
func (s Sound) Loudest(hz ...float64) float64 {
	best, most := 0.0, time.Duration(0)
	for _, f := range hz {
		if t := s.Tone(f); t.Present > most {
			best, most = f, t.Present
		}
	}
	return best
}

// Silence is the longest stretch below -50 dBFS.
func (s Sound) Silence() time.Duration {
	var run, longest time.Duration
	s.each(func(_ int, x []float64) {
		run += window
		if db(2*power(x)) > -50 {
			run = 0
		}
		longest = max(longest, run)
	})
	return longest
}

// After is the sound without its first stretch.
func (s Sound) After(d time.Duration) Sound {
	n := min(len(s.Samples), int(d.Seconds()*float64(s.Rate)))
	return Sound{Samples: s.Samples[n:], Rate: s.Rate, Began: s.Began.Add(d)}
}

func (s Sound) each(look func(i int, x []float64)) {
	w := s.Rate / int(time.Second/window)
	for i := 0; w > 0 && (i+1)*w <= len(s.Samples); i++ {
		look(i, s.Samples[i*w:(i+1)*w])
	}
}

// goertzel is the mean square of the part of x at f.
func goertzel(x []float64, rate int, f float64) float64 {
	w := 2 * math.Pi * f / float64(rate)
	var re, im float64
	for i, v := range x {
		re += v * math.Cos(w*float64(i))
		im += v * math.Sin(w*float64(i))
	}
	n := float64(len(x))
	return 2 * (re*re + im*im) / (n * n)
}

func power(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v * v
	}
	return sum / float64(max(len(x), 1))
}

func db(power float64) float64 { return 10 * math.Log10(power+1e-12) }

func median(x []float64) float64 {
	if len(x) == 0 {
		return math.Inf(-1)
	}
	slices.Sort(x)
	return x[len(x)/2]
}
