package dtmf

import "math"

// blockSize is how many samples are judged at once: 12.75 ms, in which the
// frequencies of one group can be told apart, and of which the shortest press
// (40 ms) holds two whole ones wherever it begins.
const blockSize = 102

// What makes a block a digit (ITU-T Q.24; the figures are those that detectors
// in the field agree on).
const (
	faintest    = 4e4 // mean square of each tone: about -34 dBm0
	normalTwist = 6.3 // by which the low tone may be stronger: 8 dB
	otherTwist  = 2.5 // by which the high tone may be stronger: 4 dB
	peak        = 6.3 // by which a tone is stronger than all others of its group: 8 dB
	purity      = 0.8 // share of the two tones in all that is heard
)

// Detector finds digits in audio at Rate, each once, as soon as it is sure. It
// belongs to one goroutine; its zero value is ready.
type Detector struct {
	block   [blockSize]float64
	filled  int
	last    byte // what the block before was; 0: no digit
	current byte // the digit that was reported and goes on
	misses  int  // blocks since it was heard
}

// Take listens to samples and passes on the digits that they complete. It tells
// whether any of them may belong to a digit's tones.
func (d *Detector) Take(samples []int16, pressed func(digit byte)) (tone bool) {
	tone = d.current != 0
	for _, s := range samples {
		d.block[d.filled] = float64(s)
		if d.filled++; d.filled < blockSize {
			continue
		}
		d.filled = 0
		hit := judge(&d.block)
		tone = tone || hit != 0
		d.step(hit, pressed)
	}
	return tone || d.last != 0
}

// step takes one block's verdict: two blocks alike are a digit, two without it
// are its end, so that neither a click nor a moment's loss counts.
func (d *Detector) step(hit byte, pressed func(byte)) {
	switch {
	case d.current != 0 && hit == d.current:
		d.misses = 0
	case d.current != 0:
		if d.misses++; d.misses >= 2 {
			d.current, d.misses = 0, 0
		}
	}
	if hit != 0 && hit == d.last && hit != d.current {
		d.current, d.misses = hit, 0
		pressed(hit)
	}
	d.last = hit
}

// judge is the digit that a block holds, 0 if it holds none.
func judge(block *[blockSize]float64) byte {
	total := 0.0
	for _, s := range block {
		total += s * s
	}
	total /= blockSize
	if total < 2*faintest {
		return 0
	}
	row, low := strongest(block, &lowHz)
	column, high := strongest(block, &highHz)
	switch {
	case row < 0 || column < 0 || low < faintest || high < faintest:
		return 0
	case low > high*normalTwist || high > low*otherTwist:
		return 0
	case low+high < purity*total:
		return 0
	}
	return keypad[4*row+column]
}

// strongest is the one frequency of a group that stands out, and its mean
// square; -1 where none does.
func strongest(block *[blockSize]float64, group *[4]float64) (index int, power float64) {
	var powers [4]float64
	for i, hz := range group {
		if powers[i] = goertzel(block, hz); powers[i] > power {
			index, power = i, powers[i]
		}
	}
	for i, p := range powers {
		if i != index && p*peak > power {
			return -1, 0
		}
	}
	return index, power
}

// goertzel is the mean square of one frequency in a block.
func goertzel(block *[blockSize]float64, hz float64) float64 {
	c := 2 * math.Cos(2*math.Pi*hz/Rate)
	var a, b float64
	for _, s := range block {
		a, b = s+c*a-b, a
	}
	return 2 * (a*a + b*b - c*a*b) / (blockSize * blockSize)
}
