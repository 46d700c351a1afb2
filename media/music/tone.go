package music

import (
	"math"
	"strings"
	"time"
)

// cadence is a tone of one or two frequencies in Hz, sounding and silent in
// turn.
type cadence struct {
	tones []float64
	turns []time.Duration // on, off, on, off …, together whole packets
}

// european is the ringing tone that ITU-T E.180 recommends.
var european = cadence{[]float64{425}, turns(1000, 4000)}

// cadences are the ringing tones that differ from it (ITU-T E.180, supplement
// 2: various tones used in national networks).
var cadences = map[string]cadence{
	"US": {[]float64{440, 480}, turns(2000, 4000)},
	"CA": {[]float64{440, 480}, turns(2000, 4000)},
	"TW": {[]float64{440, 480}, turns(1000, 2000)},
	"GB": {[]float64{400, 450}, turns(400, 200, 400, 2000)},
	"IE": {[]float64{400, 450}, turns(400, 200, 400, 2000)},
	"NZ": {[]float64{400, 450}, turns(400, 200, 400, 2000)},
	"AU": {[]float64{413, 438}, turns(400, 200, 400, 2000)},
	"FR": {[]float64{440}, turns(1500, 3500)},
	"ES": {[]float64{425}, turns(1500, 3000)},
	"AT": {[]float64{420}, turns(1000, 5000)},
	"SE": {[]float64{425}, turns(1000, 5000)},
	"PT": {[]float64{425}, turns(1000, 5000)},
	"BE": {[]float64{425}, turns(1000, 3000)},
	"HU": {[]float64{425}, turns(1250, 3750)},
	"CN": {[]float64{450}, turns(1000, 4000)},
	"JP": {[]float64{384, 416}, turns(1000, 2000)}, // 400 Hz, modulated by 16 Hz
}

func turns(ms ...int) []time.Duration {
	list := make([]time.Duration, len(ms))
	for i, n := range ms {
		list[i] = time.Duration(n) * time.Millisecond
	}
	return list
}

func cadenceOf(country string) cadence {
	if c, ok := cadences[strings.ToUpper(country)]; ok {
		return c
	}
	return european
}

// render is one period at 16 kHz, its last turn silent, so that it repeats
// without a seam.
func (c cadence) render() []int16 {
	var out []int16
	for i, turn := range c.turns {
		burst := make([]int16, int(turn.Seconds()*wide+0.5))
		if i%2 == 0 {
			c.sound(burst)
		}
		out = append(out, burst...)
	}
	return out
}

// ramp is how long a tone takes to begin or end without a click, in samples.
const ramp = wide / 200

// sound fills a burst, whose effective level is the same for any number of
// tones.
func (c cadence) sound(burst []int16) {
	peak := level * full * math.Sqrt(2/float64(len(c.tones)))
	for i := range burst {
		var s float64
		for _, hz := range c.tones {
			s += math.Sin(2 * math.Pi * hz * float64(i) / wide)
		}
		edge := min(float64(min(i, len(burst)-1-i))/ramp, 1)
		burst[i] = int16(math.Round(peak * edge * s))
	}
}
