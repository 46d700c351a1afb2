package music

import "math"

// The melody is eight chords, broken into single notes that ring on. It lies
// between 130 and 800 Hz, where a telephone has it all but the lowest notes'
// first partial.
const (
	noteLength  = 0.3 // seconds from one note to the next
	notesPerBar = 8
	ringing     = 1.6  // seconds until a note has gone
	decay       = 2.6  // of its level in a second, as a power of e
	attack      = 0.02 // seconds, so that it is struck softly
	breath      = 0.2  // seconds of silence before it begins again
)

// chords are in half tones above C3: C, Am7, F, G, C/E, Am, Dm7, Gsus.
var chords = [...][4]int{
	{0, 12, 16, 19}, {-3, 12, 16, 19}, {5, 12, 17, 21}, {7, 11, 14, 19},
	{4, 12, 16, 24}, {-3, 9, 16, 21}, {2, 12, 17, 21}, {7, 12, 14, 19},
}

// order is which of a chord's notes follow each other in a bar.
var order = [notesPerBar]int{0, 1, 2, 3, 2, 1, 3, 2}

// partials are the strengths of a note's overtones, its own first.
var partials = [...]float64{1, 0.35, 0.12, 0.05}

// melody renders the loop at 16 kHz. Its end dies away, so that it may
// begin again.
func melody() []int16 {
	const bar = notesPerBar * noteLength
	sum := make([]float64, int((bar*float64(len(chords))+ringing+breath)*wide))
	for b, chord := range chords {
		for i, which := range order {
			at := float64(b)*bar + float64(i)*noteLength
			strike(sum[int(at*wide):], pitch(chord[which]))
		}
	}
	return leveled(sum)
}

// pitch is the frequency in Hz of a note so many half tones above C3.
func pitch(halves int) float64 { return 130.8128 * math.Pow(2, float64(halves)/12) }

// strike adds one note that dies away.
func strike(to []float64, hz float64) {
	for i := range to[:min(len(to), int(ringing*wide))] {
		at := float64(i) / wide
		shape := math.Exp(-decay*at) * min(at/attack, 1) * min((ringing-at)/0.2, 1)
		var s float64
		for n, strength := range partials {
			s += strength * math.Sin(2*math.Pi*hz*float64(n+1)*at)
		}
		to[i] += shape * s
	}
}

// Bounds on what leveled makes louder: no more than that, and nothing clips.
const (
	loudest = 0.9 // of full scale
	boost   = 10  // times
)

// leveled brings samples, of which 1 is full scale, to our level.
func leveled(samples []float64) []int16 {
	var sum, peak float64
	for _, s := range samples {
		sum, peak = sum+s*s, max(peak, math.Abs(s))
	}
	out := make([]int16, len(samples))
	if peak == 0 {
		return out
	}
	gain := min(level/math.Sqrt(sum/float64(len(samples))), loudest/peak, boost)
	for i, s := range samples {
		out[i] = int16(math.Round(s * gain * full))
	}
	return out
}
