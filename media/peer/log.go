package peer

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"

	"github.com/pion/logging"
)

// pionLog hands pion's log lines to slog, all at debug: what matters to an
// operator reaches the leg as a State. Trace lines, several per packet, go
// nowhere.
type pionLog struct{ log *slog.Logger }

// secrets finds what must not be printed: ICE names the far end's password
// when an agent starts.
var secrets = regexp.MustCompile(`(?i)(pwd|password|key)(["']?\s*[:=]\s*)("[^"]*"|\S+)`)

// NewLogger implements logging.LoggerFactory.
func (l pionLog) NewLogger(scope string) logging.LeveledLogger {
	return pionLog{l.log.With("pion", scope)}
}

func (l pionLog) line(level, msg string) {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.log.Debug(secrets.ReplaceAllString(msg, "$1$2••••"), "severity", level)
	}
}

func (l pionLog) linef(level, format string, args []any) {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.line(level, fmt.Sprintf(format, args...))
	}
}

func (l pionLog) Trace(string)                   {}
func (l pionLog) Tracef(string, ...any)          {}
func (l pionLog) Debug(msg string)               { l.line("debug", msg) }
func (l pionLog) Debugf(format string, a ...any) { l.linef("debug", format, a) }
func (l pionLog) Info(msg string)                { l.line("info", msg) }
func (l pionLog) Infof(format string, a ...any)  { l.linef("info", format, a) }
func (l pionLog) Warn(msg string)                { l.line("warn", msg) }
func (l pionLog) Warnf(format string, a ...any)  { l.linef("warn", format, a) }
func (l pionLog) Error(msg string)               { l.line("error", msg) }
func (l pionLog) Errorf(format string, a ...any) { l.linef("error", format, a) }
