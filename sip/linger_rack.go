package sip

import (
	"slices"
	"time"
)

// rack holds remains in the order in which they came, which is the order in
// which they may go.
type rack struct {
	most  int
	bytes int // of all answers
	row   []*remains
	gone  int // of the row, at its beginning
}

// add puts one at the end, and returns those that may go, or must.
func (s *rack) add(one *remains) []*remains {
	s.row = append(s.row, one)
	s.bytes += len(one.answer)
	from, now := s.gone, time.Now()
	for s.gone < len(s.row) && (s.row[s.gone].until.Before(now) || len(s.row)-s.gone > s.most || s.bytes > maxAnswers) {
		s.bytes -= len(s.row[s.gone].answer)
		s.gone++
	}
	old := slices.Clone(s.row[from:s.gone])
	clear(s.row[from:s.gone]) // the row is shortened later
	if s.gone > len(s.row)/2 {
		s.row, s.gone = append([]*remains(nil), s.row[s.gone:]...), 0
	}
	return old
}
