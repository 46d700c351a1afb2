package peer

import (
	"testing"
	"time"

	"roomline/media"
)

func TestTally(t *testing.T) {
	begin := time.Unix(1000, 0)
	for name, c := range map[string]struct {
		seqs []uint16
		lost uint64
	}{
		"in order":            {[]uint16{1, 2, 3, 4}, 0},
		"one lost":            {[]uint16{1, 2, 4}, 1},
		"reordered":           {[]uint16{1, 3, 2, 4}, 0},
		"across the wrap":     {[]uint16{65534, 65535, 0, 2}, 1},
		"late before the one": {[]uint16{10, 9, 11}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var tally tally
			for i, seq := range c.seqs {
				tally.receive(&media.Packet{SSRC: 1, Sequence: seq, Clock: 8000, Timestamp: uint32(i) * 160}, begin.Add(time.Duration(i)*20*time.Millisecond))
			}
			s := tally.stats()
			if s.Lost != c.lost || s.Received != uint64(len(c.seqs)) || s.Jitter != 0 || !s.First.Equal(begin) {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestTallyJitterAndSources(t *testing.T) {
	var tally tally
	at := time.Unix(1000, 0)
	for i := range 100 {
		late := time.Duration(i%2) * 10 * time.Millisecond
		tally.receive(&media.Packet{SSRC: uint32(i / 50), Sequence: uint16(i % 50 * 2), Clock: 8000, Timestamp: uint32(i) * 160},
			at.Add(time.Duration(i)*20*time.Millisecond+late))
	}
	s := tally.stats()
	if s.Lost != 98 { // 49 of each source
		t.Errorf("lost %d", s.Lost)
	}
	if s.Jitter < 9*time.Millisecond || s.Jitter > 10*time.Millisecond {
		t.Errorf("jitter %v", s.Jitter)
	}
}
