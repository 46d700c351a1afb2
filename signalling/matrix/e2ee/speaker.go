package e2ee

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"maunium.net/go/mautrix/crypto"
)

// speaker passes on what the library has to say: its errors as warnings, not
// more than one a second, because strangers can cause them; all else is for
// debugging.
func speaker(log *slog.Logger) *zerolog.Logger {
	z := zerolog.New(&words{log: log}).Level(zerolog.WarnLevel)
	return &z
}

type words struct {
	log *slog.Logger

	mu   sync.Mutex
	last time.Time // of a warning
}

// Write implements io.Writer; p is one line of the library's.
func (w *words) Write(p []byte) (int, error) {
	var said struct{ Level, Message, Error, Action string }
	if json.Unmarshal(p, &said) != nil {
		return len(p), nil
	}
	level := slog.LevelDebug
	again := said.Error == crypto.ErrDuplicateMessage.Error() // the homeserver repeats itself
	if said.Level == zerolog.LevelErrorValue && !again && w.may() {
		level = slog.LevelWarn
	}
	w.log.Log(context.Background(), level, "encryption: "+said.Message, "error", said.Error)
	return len(p), nil
}

func (w *words) may() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if time.Since(w.last) < time.Second {
		return false
	}
	w.last = time.Now()
	return true
}
