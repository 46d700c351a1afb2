// Package database opens the one database in which everything lasting is written.
package database

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"go.mau.fi/util/dbutil"
)

// DB is an open database that no other Roomline uses meanwhile.
type DB struct {
	wrapped *dbutil.Database
	name    string       // for errors; without a password
	ours    func() error // nil while no other Roomline may use it
	release func() error // closes the connections, and lets others in

	closing  sync.Once
	closeErr error
}

// ErrInUse says that another Roomline has the database. Two of them would
// answer every call twice.
var ErrInUse = errors.New("another Roomline uses this database")

// Open opens a database and keeps every other Roomline out of it until Close.
// It returns within seconds, also when a server does not answer.
func Open(ctx context.Context, at Address, log *slog.Logger) (*DB, error) {
	open := openFile
	if at.Server() {
		open = openServer
	}
	db, err := open(ctx, at, log)
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", at, err)
	}
	return db, nil
}

func wrap(raw *sql.DB, dialect string, at Address, ours, release func() error) (*DB, error) {
	wrapped, err := dbutil.NewWithDB(raw, dialect)
	if err != nil {
		return nil, err
	}
	return &DB{wrapped: wrapped, name: at.String(), ours: ours, release: release}, nil
}

// Ready says why nothing can be written now, if that is so. It returns within
// seconds, and changes nothing.
func (d *DB) Ready(ctx context.Context) error {
	if err := d.ours(); err != nil {
		return fmt.Errorf("database %s: %w", d.name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	tx, err := d.wrapped.RawDB.BeginTx(ctx, nil) // a writer from its beginning, also in SQLite
	if err == nil {
		err = tx.Rollback()
	}
	if err != nil {
		return fmt.Errorf("database %s cannot be written: %w", d.name, err)
	}
	return nil
}

// Close lets go of the database. It may be called twice.
func (d *DB) Close() error {
	d.closing.Do(func() { d.closeErr = d.release() })
	return d.closeErr
}

// Part is one component's share of the database: its own tables, with a
// version of their own. Queries are written for both kinds of database, with
// $1 for the first argument.
type Part struct{ *dbutil.Database }

// Part brings a component's tables up to date. upgrades holds a folder
// "upgrades" of SQL files in the form of dbutil, the first line of which is
// "-- v1: What this step does"; version 2 is made from version 1, and so on.
func (d *DB) Part(ctx context.Context, component string, upgrades embed.FS) (*Part, error) {
	table := dbutil.BuildUpgradeTable().WithFSPath(upgrades, "upgrades").Finish()
	part := &Part{d.wrapped.Child(component+"_version", table, nil)}
	return part, d.Upgrade(ctx, component, part.Database)
}

// Upgrade brings the tables of a library that works on dbutil up to date; of
// names it in errors.
func (d *DB) Upgrade(ctx context.Context, of string, part *dbutil.Database) error {
	err := part.Upgrade(ctx)
	switch {
	case errors.Is(err, dbutil.ErrUnsupportedDatabaseVersion):
		return fmt.Errorf("open database %s: it was made by a newer Roomline; run that one, or go back to a copy from before (%s: %w)", d.name, of, err)
	case err != nil:
		return fmt.Errorf("prepare the tables of %s in database %s: %w", of, d.name, err)
	}
	return nil
}

// InTx runs f in one transaction: all of it happens, or nothing. What f does
// with the context that it is given belongs to the transaction.
func (p *Part) InTx(ctx context.Context, f func(context.Context) error) error {
	return p.DoTxn(ctx, nil, f)
}

const (
	maxConns = 8               // connections at once
	maxIdle  = 5 * time.Minute // of a connection

	readyTime = 2 * time.Second
)
