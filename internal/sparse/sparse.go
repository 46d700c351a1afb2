// Package sparse keeps a log from growing with what outsiders cause.
package sparse

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Limits of the log (L2): what outsiders cause must not fill a disk.
const (
	maxLines = 10   // a second of one text
	maxTexts = 1000 // that are counted apart
)

// Handler passes on ten lines of one text in a second, and says with the next how
// many were left out, as left_out. Debugging is asked for, and not held back.
type Handler struct {
	slog.Handler
	lines *lines
}

type lines struct {
	mu  sync.Mutex
	all map[string]*tally
}

type tally struct {
	second time.Time
	n      int
	unsaid int
}

// New holds back what h would write.
func New(h slog.Handler) Handler { return Handler{h, &lines{all: map[string]*tally{}}} }

// Handle implements slog.Handler.
func (s Handler) Handle(ctx context.Context, r slog.Record) error {
	if r.Level < slog.LevelInfo {
		return s.Handler.Handle(ctx, r)
	}
	unsaid, ok := s.lines.allow(r.Message, r.Time)
	if !ok {
		return nil
	}
	if unsaid > 0 {
		r = r.Clone()
		r.AddAttrs(slog.Int("left_out", unsaid))
	}
	return s.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (s Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return Handler{s.Handler.WithAttrs(attrs), s.lines}
}

// WithGroup implements slog.Handler.
func (s Handler) WithGroup(name string) slog.Handler {
	return Handler{s.Handler.WithGroup(name), s.lines}
}

// allow tells whether a text may be said, and how often it was not.
func (l *lines) allow(text string, now time.Time) (unsaid int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.all[text]
	if t == nil {
		if len(l.all) >= maxTexts {
			return 0, false
		}
		t = &tally{}
		l.all[text] = t
	}
	if second := now.Truncate(time.Second); second.After(t.second) {
		t.second, t.n = second, 0
	}
	if t.n++; t.n > maxLines {
		t.unsaid++
		return 0, false
	}
	unsaid, t.unsaid = t.unsaid, 0
	return unsaid, true
}
