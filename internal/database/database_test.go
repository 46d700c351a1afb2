package database_test

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.mau.fi/util/dbutil"
	"go.uber.org/goleak"

	"roomline/internal/database"
	"roomline/internal/database/databasetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

//go:embed upgrades/*.sql
var upgrades embed.FS

func open(t *testing.T, at database.Address) *database.DB {
	t.Helper()
	db, err := database.Open(t.Context(), at, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// What one part writes is there after the next start, in either database; its
// steps are taken once.
func TestPart(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, at database.Address) {
		for i := range 2 {
			db := open(t, at)
			part, err := db.Part(t.Context(), "sample", upgrades)
			if err != nil {
				t.Fatal(err)
			}
			var n int
			if err := part.QueryRow(t.Context(), `SELECT count(*) FROM sample WHERE about = $1`, "second step").Scan(&n); err != nil || n != i+1 {
				t.Errorf("%d rows, %v", n, err)
			}
			if _, err := part.Exec(t.Context(), `INSERT INTO sample (id, about, at) VALUES ($1, $2, $3)`, fmt.Sprint("row", i), "second step", time.Now().Unix()); err != nil {
				t.Error(err)
			}
			if err := errors.Join(db.Close(), db.Close()); err != nil {
				t.Error(err)
			}
		}
	})
}

// Either all of a transaction happens or nothing.
func TestInTx(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, at database.Address) {
		part, err := open(t, at).Part(t.Context(), "sample", upgrades)
		if err != nil {
			t.Fatal(err)
		}
		failed := errors.New("failed")
		for _, end := range []error{failed, nil} {
			err := part.InTx(t.Context(), func(ctx context.Context) error {
				_, err := part.Exec(ctx, `INSERT INTO sample (id, about, at) VALUES ('x', 'x', 1)`)
				return errors.Join(err, end)
			})
			if !errors.Is(err, end) {
				t.Errorf("%v, expected %v", err, end)
			}
		}
		var n int
		if err := part.QueryRow(t.Context(), `SELECT count(*) FROM sample WHERE id = 'x'`).Scan(&n); err != nil || n != 1 {
			t.Errorf("%d rows, %v", n, err)
		}
	})
}

// F35: a second Roomline says within two seconds that there is a first, and
// may start when that is gone.
func TestTwoInstances(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, at database.Address) {
		first := open(t, at)
		begun := time.Now()
		_, err := database.Open(t.Context(), at, slog.New(slog.DiscardHandler))
		if !errors.Is(err, database.ErrInUse) || !strings.Contains(err.Error(), "another Roomline uses this database") {
			t.Errorf("%v", err)
		}
		if took := time.Since(begun); took > 2*time.Second {
			t.Errorf("it took %v", took)
		}
		first.Close()
		open(t, at)
	})
}

// Tables of a later version are left alone.
func TestNewerSchema(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, at database.Address) {
		db := open(t, at)
		part, err := db.Part(t.Context(), "sample", upgrades)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := part.Exec(t.Context(), `UPDATE sample_version SET version = 9, compat = 9`); err != nil {
			t.Fatal(err)
		}
		_, err = db.Part(t.Context(), "sample", upgrades)
		if !errors.Is(err, dbutil.ErrUnsupportedDatabaseVersion) || !strings.Contains(err.Error(), "made by a newer Roomline") {
			t.Errorf("%v", err)
		}
	})
}

// F9: a database that cannot be written is not ready, and is again when it can be.
func TestReady(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, at database.Address) {
		db := open(t, at)
		if err := db.Ready(t.Context()); err != nil {
			t.Error(err)
		}
		if !at.Server() {
			locked(t, at, func() {
				if err := db.Ready(t.Context()); err == nil {
					t.Error("ready while it is locked")
				}
			})
			if err := db.Ready(t.Context()); err != nil {
				t.Error(err)
			}
		}
		db.Close()
		if err := db.Ready(t.Context()); err == nil {
			t.Error("ready after the end")
		}
	})
}

// locked calls f while somebody else writes.
func locked(t *testing.T, at database.Address, f func()) {
	t.Helper()
	other, err := sql.Open("sqlite", at.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	other.SetMaxOpenConns(1)
	if _, err := other.Exec(`BEGIN IMMEDIATE`); err != nil {
		t.Fatal(err)
	}
	f()
	if _, err := other.Exec(`ROLLBACK`); err != nil {
		t.Error(err)
	}
}

// F35: who lost the database to another Roomline while its server was away is
// not ready any more.
func TestLockIsLost(t *testing.T) {
	t.Parallel()
	at := databasetest.Start(t).New(t)
	db := open(t, at)
	part, err := db.Part(t.Context(), "sample", upgrades)
	if err != nil {
		t.Fatal(err)
	}
	other, err := sql.Open("pgx", at.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	other.SetMaxOpenConns(1)
	taken := make(chan error, 1)
	go func() { // it gets the lock when the first one's connection ends
		_, err := other.Exec(`SELECT pg_advisory_lock(hashtext('roomline'), hashtext(coalesce(current_schema(), '')))`)
		taken <- err
	}()
	_, err = part.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted`)
	if err := errors.Join(err, <-taken); err != nil {
		t.Fatal(err)
	}
	tick, patience := time.NewTicker(50*time.Millisecond), time.After(30*time.Second)
	defer tick.Stop()
	for !errors.Is(db.Ready(t.Context()), database.ErrInUse) {
		select {
		case <-tick.C:
		case <-patience:
			t.Fatal("it is still ready")
		}
	}
}

// Every error names the database, and none the password.
func TestOpenErrors(t *testing.T) {
	t.Parallel()
	s := databasetest.Start(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "text"), []byte(strings.Repeat("no database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for at, want := range map[database.Address]string{
		database.Address(filepath.Join(dir, "none", "x.db")): "no such file",
		database.Address(filepath.Join(dir, "text")):         "not a database",
		"postgres://u:canary@127.0.0.1:1/x":                  "postgres://u@127.0.0.1:1/x: the server cannot be reached",
		"postgres://u:canary@[::1/x":                         "expected a file name, or an address",
		s.URL("nothere"):                                     "no such database",
	} {
		_, err := database.Open(t.Context(), at, slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", at, err)
		}
	}
}

// What is stored belongs to its owner, whatever the path looks like.
func TestFileIsPrivate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a b#c?d%20.db")
	if _, err := open(t, database.Address(path)).Part(t.Context(), "sample", upgrades); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if info, err := os.Stat(path + suffix); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", suffix, info, err)
		}
	}
}

// F35: a server that was restarted has forgotten whose the database is; it is
// told again.
func TestLockIsTakenAgain(t *testing.T) {
	t.Parallel()
	at := databasetest.Start(t).New(t)
	part, err := open(t, at).Part(t.Context(), "sample", upgrades)
	if err != nil {
		t.Fatal(err)
	}
	held := func() (pid int) {
		err := part.QueryRow(t.Context(), `SELECT coalesce(min(pid), 0) FROM pg_locks WHERE locktype = 'advisory'`).Scan(&pid)
		if err != nil {
			t.Fatal(err)
		}
		return pid
	}
	first := held()
	if _, err := part.Exec(t.Context(), `SELECT pg_terminate_backend($1)`, first); err != nil || first == 0 {
		t.Fatal(first, err)
	}
	tick, patience := time.NewTicker(50*time.Millisecond), time.After(30*time.Second)
	defer tick.Stop()
	for again := first; again == 0 || again == first; again = held() {
		select {
		case <-tick.C:
		case <-patience:
			t.Fatal("the lock was not taken again")
		}
	}
}
