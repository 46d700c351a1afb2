package database

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"net/url"
	"os"
	"syscall"

	_ "modernc.org/sqlite" // the driver, without cgo
)

// openFile opens an SQLite database. Its pragmas: references between tables
// count; readers do not wait for the writer, and a commit survives the death of
// this process, though not always the loss of power (WAL with NORMAL); whoever
// waits for the writer waits five seconds, and a transaction is a writer from
// its beginning, so that two of them cannot block each other. There is one
// connection: those who wait for it are served in turn, and in SQLite's own
// queue whoever comes last may be served first, and many of them hardly at all.
func openFile(ctx context.Context, at Address, _ *slog.Logger) (*DB, error) {
	path := at.Reveal()
	held, err := hold(path)
	if err != nil {
		return nil, err
	}
	pragmas := url.Values{"_txlock": {"immediate"}, "_pragma": {"foreign_keys(1)", "journal_mode(WAL)", "synchronous(NORMAL)", "busy_timeout(5000)"}}
	raw, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: url.PathEscape(path), RawQuery: pragmas.Encode()}).String())
	if err != nil {
		return nil, errors.Join(err, held.Close())
	}
	raw.SetMaxOpenConns(1)
	release := func() error { return errors.Join(raw.Close(), held.Close()) }
	if err := raw.PingContext(ctx); err != nil {
		return nil, errors.Join(err, release())
	}
	ours := func() error { return nil } // as long as the file is open
	return wrap(raw, "sqlite", at, ours, release)
}

// hold makes sure that nobody else reads who called whom, and that no other
// Roomline uses the file; SQLite gives its other files the same mode. The lock
// is flock's, which SQLite does not use, and it ends with the process. The file
// may be closed only after SQLite has closed it, or SQLite's own locks are lost.
func hold(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	err = f.Chmod(0o600)
	if err == nil {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrInUse
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
