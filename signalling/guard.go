package signalling

import (
	"log/slog"
	"runtime/debug"
)

// Survives runs f and tells whether it came back without a fault. What breaks
// on one call, or on what one stranger wrote, must not take the others along;
// what says in the log whose fault it was.
func Survives(log *slog.Logger, what string, f func()) (sound bool) {
	defer func() {
		if fault := recover(); fault != nil {
			log.Error(what+" broke down", "fault", fault, "stack", string(debug.Stack()))
			sound = false
		}
	}()
	f()
	return true
}
