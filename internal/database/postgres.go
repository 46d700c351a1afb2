package database

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// connectTime is for one connection, unless the URL has connect_timeout.
const connectTime = 5 * time.Second

// openServer opens a PostgreSQL database.
func openServer(ctx context.Context, at Address, log *slog.Logger) (*DB, error) {
	cfg, err := pgx.ParseConfig(at.Reveal())
	if err != nil {
		return nil, errAddress
	}
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = connectTime
	}
	raw := stdlib.OpenDB(*cfg)
	raw.SetMaxOpenConns(maxConns)
	raw.SetConnMaxIdleTime(maxIdle)
	held, err := lockServer(ctx, raw, log)
	if err != nil {
		return nil, errors.Join(explain(err), raw.Close())
	}
	return wrap(raw, "postgres", at, held.state, func() error { return errors.Join(held.close(), raw.Close()) })
}

// explain says in plain words why a server lets nobody in (PostgreSQL 15,
// appendix A, "Error Codes").
func explain(err error) error {
	var refused *pgconn.PgError
	var unreachable *pgconn.ConnectError
	switch {
	case errors.As(err, &refused) && (refused.Code == "28P01" || refused.Code == "28000"):
		return fmt.Errorf("the server refuses the user or the password: %w", refused)
	case errors.As(err, &refused) && refused.Code == "3D000":
		return fmt.Errorf("the server has no such database; create it first: %w", refused)
	case errors.As(err, &refused):
		return refused
	case errors.As(err, &unreachable):
		return fmt.Errorf("the server cannot be reached: %w", err)
	}
	return err
}
