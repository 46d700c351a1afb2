package matrix

import (
	"context"
	"sync/atomic"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/sqlstatestore"
)

// memberships is what the library writes down of the state of rooms while it
// reads a transaction. A database that does not answer must not hold up the
// call events that come behind.
type memberships struct {
	*sqlstatestore.SQLStateStore
	rests atomic.Int64 // until then, in nanoseconds since 1970
}

const (
	stateTime = 2 * time.Second  // for one event
	stateRest = 10 * time.Second // after one that took longer
)

// UpdateState implements mautrix.StateStoreUpdater. While the database rests
// only encryption is noted: everything else is a hint, and asked anew.
func (m *memberships) UpdateState(ctx context.Context, e *event.Event) {
	begun := time.Now()
	if begun.UnixNano() < m.rests.Load() && e.Type.Type != event.StateEncryption.Type {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, stateTime)
	defer cancel()
	mautrix.UpdateStateStore(ctx, m.SQLStateStore, e)
	if time.Since(begun) >= stateTime {
		m.rests.Store(time.Now().Add(stateRest).UnixNano())
	}
}
