package permit

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"roomline/internal/database"
	"roomline/internal/database/databasetest"
)

func open(t *testing.T, at database.Address) *database.DB {
	t.Helper()
	db, err := database.Open(t.Context(), at, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// started is a permit of an hour a day on a database, and what ends both.
func started(t *testing.T, at database.Address) (p *Permit, end func()) {
	t.Helper()
	db := open(t, at)
	p = made(t, "DE", func(o *Options) { o.Config.Limits = Limits{MinutesPerUserDay: 60} })
	if err := p.Start(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	return p, func() {
		if err := errors.Join(p.Close(), p.Close(), db.Close()); err != nil {
			t.Error(err)
		}
	}
}

// What a user talked today is known after a restart, in either database.
func TestUsageSurvivesARestart(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, at database.Address) {
		for _, talked := range []time.Duration{20 * time.Minute, 39 * time.Minute, time.Minute} {
			p, end := started(t, at)
			leave, why, ok := p.Admit(alice, home)
			if !ok {
				t.Fatal(why)
			}
			leave(talked)
			end()
		}
		p, end := started(t, at)
		defer end()
		if got := refused(t, p, alice, home); got != "your 60 minutes for today are used up" {
			t.Errorf("after three restarts: %q", got)
		}
		if got := refused(t, p, bob, home); got != "" {
			t.Errorf("another user: %q", got)
		}
	})
}

// Yesterday's usage is neither counted nor kept.
func TestYesterdayIsForgotten(t *testing.T) {
	at := databasetest.File(t)
	p, end := started(t, at)
	p.book.note(dayOf(time.Now().Add(-24*time.Hour)), alice, time.Hour)
	end()
	p, end = started(t, at)
	defer end()
	if got := refused(t, p, alice, home); got != "" {
		t.Errorf("the day after: %q", got)
	}
	var rows int
	if err := p.book.part.QueryRow(t.Context(), `SELECT count(*) FROM permit_usage`).Scan(&rows); err != nil || rows != 0 {
		t.Errorf("%d rows, %v", rows, err)
	}
}

// A database that fails loses nothing, and nobody waits for it.
func TestDatabaseFails(t *testing.T) {
	db := open(t, databasetest.File(t))
	p := made(t, "DE", nil)
	if err := p.Start(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	leave, _, _ := p.Admit(alice, home)
	leave(4 * time.Hour)
	if got := refused(t, p, alice, home); got != "your 240 minutes for today are used up" {
		t.Errorf("without a database: %q", got)
	}
	if err := p.Close(); err == nil {
		t.Error("what could not be written was lost in silence")
	}
	if len(p.book.unsaid) != 1 {
		t.Errorf("unsaid: %v", p.book.unsaid)
	}
}

// A permit whose table cannot be read does not start, and closes all the same.
func TestStartFails(t *testing.T) {
	db := open(t, databasetest.File(t))
	defer db.Close()
	part, err := db.Part(t.Context(), "permit", upgrades)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = part.Exec(t.Context(), `DROP TABLE permit_usage`); err != nil {
		t.Fatal(err)
	}
	p := made(t, "DE", nil)
	if p.Start(t.Context(), db) == nil {
		t.Fatal("started without its table")
	}
	closed := make(chan error, 1)
	go func() { closed <- p.Close() }() // ends with Close; awaited below
	select {
	case err = <-closed:
	case <-time.After(10 * time.Second):
		t.Fatal("Close does not return")
	}
	if err != nil {
		t.Error(err)
	}
}

func TestCloseBeforeStart(t *testing.T) {
	if err := made(t, "DE", nil).Close(); err != nil {
		t.Error(err)
	}
}
