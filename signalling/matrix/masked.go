package matrix

import (
	"context"
	"log/slog"
	"regexp"
)

// masked is a log handler that hides telephone numbers, and lets no line be
// written too often. What the homeserver
// and its library say of a fault is full of addresses, and in those stand the
// names of users, which are numbers. Only debug lines are left as they are.
type masked struct {
	slog.Handler
	number *regexp.Regexp
	gate   *floodgate
}

// numbersIn finds what has to be hidden where users begin with prefix.
func numbersIn(prefix string) *regexp.Regexp {
	return regexp.MustCompile(`(` + regexp.QuoteMeta(prefix) + `s?|\+|%2B)([0-9]{2,3})[0-9]{2,}([0-9]{2})`)
}

// masking wraps a logger.
func (c *Client) masking(log *slog.Logger) *slog.Logger {
	return slog.New(masked{log.Handler(), c.secret, c.floods})
}

func (m masked) hide(s string) string { return m.number.ReplaceAllString(s, "$1$2…$3") }

// Handle implements slog.Handler.
func (m masked) Handle(ctx context.Context, r slog.Record) error {
	if r.Level < slog.LevelInfo {
		return m.Handler.Handle(ctx, r)
	}
	missed, ok := m.gate.pass(r.Message)
	if !ok {
		return nil
	}
	hidden := slog.NewRecord(r.Time, r.Level, m.hide(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		hidden.AddAttrs(m.attr(a))
		return true
	})
	if missed > 0 {
		hidden.AddAttrs(slog.Int("left_out", missed))
	}
	return m.Handler.Handle(ctx, hidden)
}

// attr hides numbers in texts and errors; nothing else of ours holds any.
func (m masked) attr(a slog.Attr) slog.Attr {
	switch v := a.Value.Resolve(); v.Kind() {
	case slog.KindString:
		return slog.String(a.Key, m.hide(v.String()))
	case slog.KindAny:
		if err, ok := v.Any().(error); ok && err != nil {
			return slog.String(a.Key, m.hide(err.Error()))
		}
	}
	return a
}

// WithAttrs implements slog.Handler.
func (m masked) WithAttrs(attrs []slog.Attr) slog.Handler {
	hidden := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		hidden[i] = m.attr(a)
	}
	return masked{m.Handler.WithAttrs(hidden), m.number, m.gate}
}

// WithGroup implements slog.Handler.
func (m masked) WithGroup(name string) slog.Handler {
	return masked{m.Handler.WithGroup(name), m.number, m.gate}
}
