package music

import "math"

// half is how many crossings of zero the filter has on each side.
const half = 16

// resample turns samples at one rate into another, in Hz, by a bank of windowed
// sinc filters: one for each place that an output sample can have between two
// input samples.
func resample(in []int16, from, to int) []int16 {
	if from == to {
		return in
	}
	common := gcd(from, to)
	up, down := to/common, from/common
	bank, reach := filters(up, down)
	out := make([]int16, len(in)*up/down)
	for n := range out {
		at := n * down
		out[n] = dot(in, at/up-reach+1, bank[at%up])
	}
	return out
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// filters has a filter for each of up places. reach is how many samples one
// looks back from the place, its own among them.
func filters(up, down int) (bank [][]float64, reach int) {
	narrowing := max(float64(down)/float64(up), 1) // the lower rate's band is what both can hold
	reach = int(math.Ceil(half * narrowing))
	cutoff := 0.94 / narrowing
	bank = make([][]float64, up)
	for place := range bank {
		f, sum := make([]float64, 2*reach), 0.0
		for i := range f {
			x := float64(i-reach+1) - float64(place)/float64(up)
			f[i] = sinc(cutoff*x) * window(x/float64(reach))
			sum += f[i]
		}
		for i := range f {
			f[i] /= sum // the same loudness at every place
		}
		bank[place] = f
	}
	return bank, reach
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// window is Blackman's, from -1 to 1.
func window(x float64) float64 {
	if x <= -1 || x >= 1 {
		return 0
	}
	return 0.42 + 0.5*math.Cos(math.Pi*x) + 0.08*math.Cos(2*math.Pi*x)
}

// dot applies a filter to in from begin on; there is silence around in.
func dot(in []int16, begin int, filter []float64) int16 {
	var sum float64
	for i, f := range filter {
		if at := begin + i; at >= 0 && at < len(in) {
			sum += f * float64(in[at])
		}
	}
	return int16(math.Round(min(max(sum, -full-1), full)))
}
