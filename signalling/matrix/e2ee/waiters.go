package e2ee

import (
	"sync"

	"maunium.net/go/mautrix/id"
)

// waiters are those who wait for a key to arrive at one of our users. The zero
// value is ready.
type waiters struct {
	mu   sync.Mutex
	here map[wanted]*arrival
}

type wanted struct {
	user    string
	session id.SessionID
}

type arrival struct {
	came    chan struct{} // closed
	waiting int
}

// join returns a channel that is closed when the key arrives. leave must be
// called.
func (w *waiters) join(user string, session id.SessionID) (came <-chan struct{}, leave func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	k := wanted{user, session}
	a := w.here[k]
	if a == nil {
		if w.here == nil {
			w.here = map[wanted]*arrival{}
		}
		a = &arrival{came: make(chan struct{})}
		w.here[k] = a
	}
	a.waiting++
	return a.came, func() { w.leave(k, a) }
}

func (w *waiters) leave(k wanted, a *arrival) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if a.waiting--; a.waiting == 0 && w.here[k] == a {
		delete(w.here, k)
	}
}

// arrived wakes all who wait for a key.
func (w *waiters) arrived(user string, session id.SessionID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	k := wanted{user, session}
	if a := w.here[k]; a != nil {
		close(a.came)
		delete(w.here, k)
	}
}
