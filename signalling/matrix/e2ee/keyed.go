package e2ee

import (
	"context"
	"sync"
)

// keyed lets one goroutine at a time into what has the same name. Its zero
// value is ready.
type keyed struct {
	mu   sync.Mutex
	held map[string]*turn
}

// turn is a token that who holds the name has taken.
type turn struct {
	token chan struct{}
	users int
}

// lock returns when nobody else holds the name, or ctx is done.
func (k *keyed) lock(ctx context.Context, name string) (unlock func(), err error) {
	t := k.join(name)
	select {
	case t.token <- struct{}{}:
		return func() { <-t.token; k.leave(name, t) }, nil
	case <-ctx.Done():
		k.leave(name, t)
		return nil, context.Cause(ctx)
	}
}

func (k *keyed) join(name string) *turn {
	k.mu.Lock()
	defer k.mu.Unlock()
	t := k.held[name]
	if t == nil {
		if k.held == nil {
			k.held = map[string]*turn{}
		}
		t = &turn{token: make(chan struct{}, 1)}
		k.held[name] = t
	}
	t.users++
	return t
}

func (k *keyed) leave(name string, t *turn) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if t.users--; t.users == 0 {
		delete(k.held, name)
	}
}
