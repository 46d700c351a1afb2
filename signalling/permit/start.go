package permit

import (
	"context"
	"fmt"
	"time"

	"roomline/internal/database"
)

const (
	tryAgain  = 10 * time.Second // after the database could not be written
	flushTime = 5 * time.Second  // for what is unwritten when we stop
)

// Start takes up what users have talked today, and from then on writes it to
// the database, which stays its owner's, who closes it after Close.
func (p *Permit) Start(ctx context.Context, db *database.DB) error {
	part, err := db.Part(ctx, "permit", upgrades)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.accounts.turn(time.Now())
	used, err := read(ctx, part, p.accounts.day)
	if err != nil {
		return fmt.Errorf("read what users have talked today: %w", err)
	}
	for user, used := range used {
		p.accounts.of(user).used += used
	}
	p.book.part = part
	go p.book.run() // ends with Close, which waits
	return nil
}

// Close writes what is not written yet. It may be called twice, and where
// Start was not called or failed.
func (p *Permit) Close() error {
	b := p.book
	if b.part == nil {
		return nil
	}
	var err error
	b.closed.Do(func() {
		b.stop()
		<-b.done
		ctx, cancel := context.WithTimeout(context.Background(), flushTime)
		defer cancel()
		err = b.write(ctx)
	})
	return err
}

// run writes whatever is noted until stop.
func (b *book) run() {
	defer close(b.done)
	var again <-chan time.Time
	for {
		select {
		case <-b.ctx.Done():
			return
		case <-b.wake:
		case <-again:
		}
		again = nil
		if err := b.write(b.ctx); err != nil && b.ctx.Err() == nil {
			b.log.Warn("a user's minutes of today are kept in memory for now", "error", err)
			again = time.After(tryAgain)
		}
	}
}
