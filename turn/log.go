package turn

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/pion/logging"
)

// pionLog hands the library's lines to slog at debug: a stranger can cause any
// of them at will. Trace lines, several per packet, go nowhere.
type pionLog struct{ log *slog.Logger }

// NewLogger implements logging.LoggerFactory.
func (l pionLog) NewLogger(scope string) logging.LeveledLogger {
	return pionLog{l.log.With("pion", scope)}
}

func (l pionLog) linef(level, format string, args ...any) {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.log.Debug(fmt.Sprintf(format, args...), "severity", level)
	}
}

func (l pionLog) Trace(string)                   {}
func (l pionLog) Tracef(string, ...any)          {}
func (l pionLog) Debug(msg string)               { l.linef("debug", "%s", msg) }
func (l pionLog) Debugf(format string, a ...any) { l.linef("debug", format, a...) }
func (l pionLog) Info(msg string)                { l.linef("info", "%s", msg) }
func (l pionLog) Infof(format string, a ...any)  { l.linef("info", format, a...) }
func (l pionLog) Warn(msg string)                { l.linef("warn", "%s", msg) }
func (l pionLog) Warnf(format string, a ...any)  { l.linef("warn", format, a...) }
func (l pionLog) Error(msg string)               { l.linef("error", "%s", msg) }
func (l pionLog) Errorf(format string, a ...any) { l.linef("error", format, a...) }
