package dtmf

import "math"

// Rate is the sampling rate of tones, in Hz: that of G.711.
const Rate = 8000

// The two groups of frequencies in Hz (ITU-T Q.23), and the keys where they
// cross.
var (
	lowHz  = [4]float64{697, 770, 852, 941}
	highHz = [4]float64{1209, 1336, 1477, 1633}
)

const keypad = "123A456B789C*0#D"

// The levels of what we send: -9 and -7 dBm0, the high group above the low one,
// as lines lose more of it (ITU-T Q.24, annex A). A full-scale sine is 3.14 dBm0.
const (
	lowPeak  = 8098
	highPeak = 10195
)

// frequencies are those of a key.
func frequencies(digit byte) (low, high float64, ok bool) {
	code, ok := Code(digit)
	if !ok {
		return 0, 0, false
	}
	for i := range len(keypad) {
		if keypad[i] == digits[code] {
			return lowHz[i/4], highHz[i%4], true
		}
	}
	return 0, 0, false
}

// Tone fills dst with a digit's two tones at Rate, from their sample number at
// on. It fails with ErrUnknown for what is no digit.
func Tone(dst []int16, digit byte, at int) error {
	low, high, ok := frequencies(digit)
	if !ok {
		return ErrUnknown
	}
	for i := range dst {
		angle := 2 * math.Pi * float64(at+i) / Rate
		dst[i] = int16(math.Round(lowPeak*math.Sin(low*angle) + highPeak*math.Sin(high*angle)))
	}
	return nil
}
