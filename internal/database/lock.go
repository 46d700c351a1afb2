package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

const (
	lockTime  = 1500 * time.Millisecond // for a predecessor that was killed to be noticed
	lockAgain = 100 * time.Millisecond
	lockEvery = 5 * time.Second // how often the lock is looked after
)

// lock is an advisory lock in a PostgreSQL database and schema (PostgreSQL 15,
// §13.3.5). The server holds it for one connection, and gives it up when that
// ends; so it is taken anew whenever the server was restarted.
type lock struct {
	raw  *sql.DB
	log  *slog.Logger
	conn *sql.Conn // of mind alone, until close has awaited it

	lost atomic.Pointer[error] // why it is not held now; nil: it is

	quit    chan struct{}
	minding sync.WaitGroup
}

func lockServer(ctx context.Context, raw *sql.DB, log *slog.Logger) (*lock, error) {
	l := &lock{raw: raw, log: log, quit: make(chan struct{})}
	if err := l.take(ctx); err != nil {
		return nil, err
	}
	l.minding.Go(l.mind) // ends with quit; awaited by close
	return l, nil
}

// take gets a connection and the lock on it, unless somebody else holds it.
func (l *lock) take(ctx context.Context) error {
	conn, err := l.raw.Conn(ctx)
	if err != nil {
		return err
	}
	if err := acquire(ctx, conn); err != nil {
		return errors.Join(err, conn.Close())
	}
	l.conn = conn
	return nil
}

// quickly lets the server notice within half a minute that we are gone with
// our whole machine; a process that dies is noticed at once.
const quickly = `SELECT set_config('tcp_keepalives_idle', '10', false), set_config('tcp_keepalives_interval', '5', false),
	set_config('tcp_keepalives_count', '3', false)`

func acquire(ctx context.Context, conn *sql.Conn) error {
	if _, err := conn.ExecContext(ctx, quickly); err != nil {
		return err
	}
	for until := time.Now().Add(lockTime); ; {
		var ours bool
		err := conn.QueryRowContext(ctx, `SELECT pg_try_advisory_lock(hashtext('roomline'), hashtext(coalesce(current_schema(), '')))`).Scan(&ours)
		switch {
		case err != nil || ours:
			return err
		case time.Now().After(until):
			return ErrInUse
		case !pause(ctx, lockAgain):
			return ctx.Err()
		}
	}
}

// mind looks after the lock for as long as the database is open.
func (l *lock) mind() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { // ends with quit or with ctx
		select {
		case <-l.quit:
			cancel()
		case <-ctx.Done():
		}
	}()
	for pause(ctx, lockEvery) {
		err := l.check(ctx)
		switch {
		case err == nil:
			l.lost.Store(nil)
		case l.lost.Swap(&err) == nil && ctx.Err() == nil:
			l.log.Error("the database is not reserved for this Roomline any more", "error", err)
		}
	}
}

// state is nil while the lock is held, as far as was seen.
func (l *lock) state() error {
	if why := l.lost.Load(); why != nil {
		return fmt.Errorf("not reserved for this Roomline any more: %w", *why)
	}
	return nil
}

// check asks over the lock's own connection, and gets a new one if it broke.
func (l *lock) check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	if l.conn != nil {
		if _, err := l.conn.ExecContext(ctx, `SELECT 1`); err == nil {
			return nil
		}
		l.drop()
	}
	return l.take(ctx)
}

func (l *lock) drop() {
	if l.conn != nil {
		// The connection may be sound, and must not go back with the lock on it.
		_ = l.conn.Raw(func(any) error { return driver.ErrBadConn })
		_ = l.conn.Close()
	}
	l.conn = nil
}

func (l *lock) close() error {
	close(l.quit)
	l.minding.Wait()
	l.drop()
	return nil
}

// pause tells whether it waited to the end.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
