package dtmf

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// heard are the digits that a detector finds in audio, taken in packets of 20 ms.
func heard(audio []int16) string {
	var d Detector
	var got []byte
	for len(audio) > 0 {
		n := min(160, len(audio))
		d.Take(audio[:n], func(digit byte) { got = append(got, digit) })
		audio = audio[n:]
	}
	return string(got)
}

func silence(d time.Duration) []int16 { return make([]int16, int(d.Seconds()*Rate)) }

// mixed are two tones at levels in dBm0, off their frequencies by a share.
func mixed(digit byte, low, high, off float64, d time.Duration) []int16 {
	f, g, _ := frequencies(digit)
	a, b := 32767*math.Pow(10, (low-3.14)/20), 32767*math.Pow(10, (high-3.14)/20)
	out := silence(d)
	for i := range out {
		t := 2 * math.Pi * float64(i) / Rate
		out[i] = int16(a*math.Sin(f*(1+off)*t) + b*math.Sin(g*(1+off)*t+1))
	}
	return out
}

// What we send is heard, every digit, also 40 ms short and 40 ms apart.
func TestTonesAreHeard(t *testing.T) {
	for _, length := range []time.Duration{Shortest, 100 * time.Millisecond, time.Second} {
		for shift := range 20 { // wherever a block begins
			audio := silence(time.Duration(10+shift) * time.Millisecond)
			for i := range len(digits) {
				tone := silence(length)
				if err := Tone(tone, digits[i], 0); err != nil {
					t.Fatal(err)
				}
				audio = append(append(audio, tone...), silence(40*time.Millisecond)...)
			}
			if got := heard(audio); got != digits {
				t.Fatalf("%v long, %d ms off: heard %q", length, shift, got)
			}
		}
	}
	if err := Tone(make([]int16, 1), 'x', 0); !errors.Is(err, ErrUnknown) {
		t.Errorf("x: %v", err)
	}
}

// ITU-T Q.24: level, twist, frequencies that are off, and a moment's loss.
func TestTonesOfOthers(t *testing.T) {
	const long = 60 * time.Millisecond
	for name, c := range map[string]struct {
		audio []int16
		want  string
	}{
		"loud":               {mixed('5', -4, -4, 0, long), "5"},
		"faint":              {mixed('5', -30, -30, 0, long), "5"},
		"too faint":          {mixed('5', -45, -45, 0, long), ""},
		"twist":              {mixed('5', -10, -16, 0, long), "5"},
		"reverse twist":      {mixed('5', -13, -10, 0, long), "5"},
		"too much twist":     {mixed('5', -5, -20, 0, long), ""},
		"too much reverse":   {mixed('5', -20, -5, 0, long), ""},
		"1.5 % high":         {mixed('5', -10, -10, 0.015, long), "5"},
		"1.5 % low":          {mixed('9', -10, -10, -0.015, long), "9"},
		"3.5 % off and more": {mixed('5', -10, -10, 0.05, long), ""},
		"20 ms short":        {mixed('5', -10, -10, 0, 20*time.Millisecond), ""},
		"one tone":           {mixed('5', -10, -90, 0, long), ""},
		"10 ms lost":         {append(append(mixed('5', -10, -10, 0, long), silence(10*time.Millisecond)...), mixed('5', -10, -10, 0, long)...), "5"},
		"twice":              {append(append(mixed('5', -10, -10, 0, long), silence(long)...), mixed('5', -10, -10, 0, long)...), "55"},
		"no gap":             {append(mixed('5', -10, -10, 0, long), mixed('6', -10, -10, 0, long)...), "56"},
	} {
		audio := append(append(silence(33*time.Millisecond), c.audio...), silence(long)...)
		if got := heard(audio); got != c.want {
			t.Errorf("%s: heard %q, want %q", name, got, c.want)
		}
	}
}

// Nothing that is spoken, hummed or hissed is a digit (talk-off): voiced sounds
// of every pitch with formants that wander, over noise; and noise alone.
func TestSpeechIsNoDigit(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, voiced := range []bool{true, false} {
		if got := heard(speech(r, 3*time.Minute, voiced)); got != "" {
			t.Errorf("voiced %t: heard %q", voiced, got)
		}
	}
	for hz := 300.0; hz < 3400; hz += 7 { // whistles and other tones
		audio := silence(100 * time.Millisecond)
		for i := range audio {
			audio[i] = int16(9000 * math.Sin(2*math.Pi*hz*float64(i)/Rate))
		}
		if got := heard(audio); got != "" {
			t.Errorf("%.0f Hz: heard %q", hz, got)
		}
	}
}

// speech is like it: pulses through three resonators, or noise.
func speech(r *rand.Rand, d time.Duration, voiced bool) []int16 {
	out := silence(d)
	pitch, phase := 120.0, 0.0
	formants := [3]float64{500, 1500, 2500}
	var y1, y2 [3]float64
	for i := range out {
		if i%800 == 0 { // a new sound each 100 ms
			pitch = 80 + 250*r.Float64()
			formants = [3]float64{250 + 700*r.Float64(), 800 + 1500*r.Float64(), 2200 + 1000*r.Float64()}
		}
		x := 0.02 * (r.Float64() - 0.5)
		if phase += pitch / Rate; voiced && phase >= 1 {
			phase, x = phase-1, 1
		} else if !voiced {
			x = 0.3 * (r.Float64() - 0.5)
		}
		sum := 0.0
		for k, f := range formants {
			const radius = 0.97
			y := x + 2*radius*math.Cos(2*math.Pi*f/Rate)*y1[k] - radius*radius*y2[k]
			y2[k], y1[k] = y1[k], y
			sum += y
		}
		out[i] = int16(min(max(2500*sum, -32767), 32767))
	}
	return out
}

func BenchmarkDetector(b *testing.B) {
	var d Detector
	audio := speech(rand.New(rand.NewPCG(1, 2)), time.Second, true)
	b.SetBytes(int64(len(audio)))
	for b.Loop() {
		d.Take(audio, func(byte) {})
	}
}
