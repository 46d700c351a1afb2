package database

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Address is where the database is: the name of a file, which is then an
// SQLite database, or the URL of a PostgreSQL server. However it is printed,
// a password in it is not.
type Address string

// Reveal returns the text itself, for the one place that needs it.
func (a Address) Reveal() string { return string(a) }

// Server tells whether the database is a server's, and not a file of ours.
func (a Address) Server() bool {
	scheme, _, found := strings.Cut(string(a), "://")
	return found && (scheme == "postgres" || scheme == "postgresql")
}

// String writes a URL without its password and its parameters, which may hold one.
func (a Address) String() string {
	if !strings.Contains(string(a), "://") {
		return string(a)
	}
	u, err := url.Parse(string(a))
	if err != nil {
		return "(a URL that cannot be read)"
	}
	shown := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	if name := u.User.Username(); name != "" {
		shown.User = url.User(name)
	}
	return shown.String()
}

// GoString masks the password for %#v.
func (a Address) GoString() string { return `"` + a.String() + `"` }

// LogValue masks the password for slog.
func (a Address) LogValue() slog.Value { return slog.StringValue(a.String()) }

// MarshalText masks the password for JSON, YAML and every other text encoding.
func (a Address) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText takes the text as it is.
func (a *Address) UnmarshalText(b []byte) error { *a = Address(b); return nil }

var errAddress = errors.New("expected a file name, or an address like postgres://roomline:password@127.0.0.1/roomline")

// Validate says what is wrong with the address. It never shows it, because
// what cannot be read may be a password.
func (a Address) Validate() error {
	switch {
	case a == "":
		return fmt.Errorf("%w, found nothing", errAddress)
	case a.Server():
		if _, err := pgx.ParseConfig(string(a)); err != nil {
			return errAddress // pgx's own words may quote parts of it
		}
	case strings.Contains(string(a), "://"):
		scheme, _, _ := strings.Cut(string(a), "://")
		return fmt.Errorf("%w, found one that begins with %.20q", errAddress, scheme+"://")
	}
	return nil
}
