package rig

import "math"

// The DTMF frequencies of ITU-T Q.23, and the key at each row and column.
var (
	dtmfRows = [4]float64{697, 770, 852, 941}
	dtmfCols = [4]float64{1209, 1336, 1477, 1633}
	dtmfKeys = [4]string{"123A", "456B", "789C", "*0#D"}
)

// Digits are the DTMF digits that can be heard in a sound, each at least 40 ms long.
func (s Sound) Digits() string {
	var heard []byte
	last, run := byte(0), 0
	w := s.Rate / 50
	for i := 0; w > 0 && i+2*w <= len(s.Samples); i += w {
		key := dtmfKey(s.Samples[i:i+2*w], s.Rate)
		if key != last {
			last, run = key, 0
		}
		if run++; key != 0 && run == 2 {
			heard = append(heard, key)
		}
	}
	return string(heard)
}

// dtmfKey is the key whose two tones make up x, or 0.
func dtmfKey(x []float64, rate int) byte {
	row, rp := loudestOf(x, rate, dtmfRows)
	col, cp := loudestOf(x, rate, dtmfCols)
	if db(rp) < -40 || db(cp) < -40 || rp+cp < 0.7*power(x) || math.Abs(db(rp/cp)) > 8 {
		return 0
	}
	return dtmfKeys[row][col]
}

func loudestOf(x []float64, rate int, hz [4]float64) (best int, most float64) {
	for i, f := range hz {
		if p := goertzel(x, rate, f); p > most {
			best, most = i, p
		}
	}
	return best, most
}
