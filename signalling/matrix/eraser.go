package matrix

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// eraser strikes off what need not be kept any more, many at a time. Its
// methods do not wait.
type eraser struct {
	erase func(ctx context.Context, events, letters []string) error
	log   *slog.Logger

	mu              sync.Mutex // guards what follows
	events, letters []string
	running         bool
	closed          bool
	work            sync.WaitGroup
}

const (
	eraseTime = 10 * time.Second // for all that is waiting
	maxErased = 10_000           // waiting; what is not struck off is handled again after a restart, which does no harm
)

// event strikes off an event.
func (e *eraser) event(id string) { e.add(func() { e.events = append(e.events, id) }) }

// letter strikes off a message to a device.
func (e *eraser) letter(id string) { e.add(func() { e.letters = append(e.letters, id) }) }

func (e *eraser) add(note func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed || len(e.events)+len(e.letters) >= maxErased {
		return
	}
	note()
	if !e.running {
		e.running = true
		e.work.Go(e.run) // ends when nothing waits; awaited by close
	}
}

func (e *eraser) run() {
	for {
		e.mu.Lock()
		events, letters := e.events, e.letters
		e.events, e.letters = nil, nil
		e.running = len(events)+len(letters) > 0
		e.mu.Unlock()
		if len(events)+len(letters) == 0 {
			return
		}
		e.strike(events, letters)
	}
}

func (e *eraser) strike(events, letters []string) {
	ctx, cancel := context.WithTimeout(context.Background(), eraseTime)
	defer cancel()
	if err := e.erase(ctx, events, letters); err != nil {
		e.log.Warn("could not strike off what was kept", "error", err)
	}
}

// close writes what is waiting, and takes no more. It may be called twice.
func (e *eraser) close() {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.work.Wait()
}
