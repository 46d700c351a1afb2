package matrix

import "sync"

// floodgate bounds how often each line of the log is written: strangers can
// bring about many of them, and nobody shall fill the disk.
type floodgate struct {
	mu    sync.Mutex
	lines map[string]*gauge // by their text, of which the source has so many
}

// gauge is one line of the log.
type gauge struct {
	credit *bucket
	missed int // since it was written last
}

const (
	linesEach  = 10 // a second, of the same text,
	linesBurst = 50 // and at once
)

func newFloodgate() *floodgate { return &floodgate{lines: map[string]*gauge{}} }

// pass tells whether a line is written, and how many like it were not before.
func (f *floodgate) pass(text string) (missed int, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	g := f.lines[text]
	if g == nil {
		g = &gauge{credit: newBucket(linesEach, linesBurst)}
		f.lines[text] = g
	}
	if !g.credit.take() {
		g.missed++
		return 0, false
	}
	missed, g.missed = g.missed, 0
	return missed, true
}
