package matrix

import (
	"log/slog"
	"runtime/debug"
)

// survives runs f and tells whether it came back without a fault: what breaks
// on one call, or on what one stranger wrote, must not take the others along.
func survives(log *slog.Logger, f func()) (sound bool) {
	defer func() {
		if fault := recover(); fault != nil {
			log.Error("a Matrix call broke down", "fault", fault, "stack", string(debug.Stack()))
			sound = false
		}
	}()
	f()
	return true
}
