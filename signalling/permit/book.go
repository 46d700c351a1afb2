package permit

import (
	"context"
	"embed"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"roomline/internal/database"
)

//go:embed upgrades/*.sql
var upgrades embed.FS

// entry is one line of the book.
type entry struct{ day, user string }

// book keeps over a restart what each user talked today. It is written beside
// the calls, which never wait for it.
type book struct {
	part *database.Part // nil until it is open and its writer runs
	log  *slog.Logger

	mu     sync.Mutex // guards what follows
	unsaid map[entry]time.Duration

	wake   chan struct{} // something is unsaid
	ctx    context.Context
	stop   context.CancelFunc // ends the writer
	done   chan struct{}      // it has ended
	closed sync.Once
}

func newBook(log *slog.Logger) *book {
	b := &book{log: log, unsaid: map[entry]time.Duration{}, wake: make(chan struct{}, 1), done: make(chan struct{})}
	b.ctx, b.stop = context.WithCancel(context.Background())
	return b
}

// note takes down what a user talked in a day, all in all. It never blocks.
func (b *book) note(day, user string, used time.Duration) {
	b.mu.Lock()
	b.unsaid[entry{day, user}] = used
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default: // the writer is awake
	}
}

// take is what has not been written yet.
func (b *book) take() map[entry]time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	unsaid := b.unsaid
	b.unsaid = map[entry]time.Duration{}
	return unsaid
}

// giveBack keeps what could not be written, unless more is known by now.
func (b *book) giveBack(unsaid map[entry]time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for e, used := range unsaid {
		b.unsaid[e] = max(used, b.unsaid[e])
	}
}

// write writes what is unsaid, all of it or nothing.
func (b *book) write(ctx context.Context) error {
	unsaid := b.take()
	if len(unsaid) == 0 {
		return nil
	}
	err := b.part.InTx(ctx, func(ctx context.Context) error {
		for e, used := range unsaid {
			if _, err := b.part.Exec(ctx, `INSERT INTO permit_usage (day, user_id, used_ms) VALUES ($1, $2, $3)
				ON CONFLICT (day, user_id) DO UPDATE SET used_ms = excluded.used_ms`, e.day, e.user, used.Milliseconds()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.giveBack(unsaid)
		return fmt.Errorf("write what users have talked today: %w", err)
	}
	return nil
}

// read is what each user talked in a day. Earlier days are forgotten.
func read(ctx context.Context, part *database.Part, day string) (map[string]time.Duration, error) {
	if _, err := part.Exec(ctx, `DELETE FROM permit_usage WHERE day < $1`, day); err != nil {
		return nil, err
	}
	rows, err := part.Query(ctx, `SELECT user_id, used_ms FROM permit_usage WHERE day = $1`, day)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	used := map[string]time.Duration{}
	for rows.Next() {
		var user string
		var ms int64
		if err := rows.Scan(&user, &ms); err != nil {
			return nil, err
		}
		used[user] = time.Duration(ms) * time.Millisecond
	}
	return used, rows.Err()
}
