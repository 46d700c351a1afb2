package sip

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Register says whether a trunk's account registers (RFC 3261 §10), and how.
type Register struct {
	Enabled bool          `yaml:"enabled"` // default false
	Expires time.Duration `yaml:"expires"` // what we ask for; default 1h
	Server  string        `yaml:"server"`  // the registrar, with an optional port; empty: the trunk's host
	User    string        `yaml:"user"`    // of the address-of-record; empty: the trunk's user name
}

// The bounds of Register.Expires.
const (
	minExpires = time.Minute
	maxExpires = 24 * time.Hour
)

// validate judges the section within its trunk.
func (r Register) validate(t TrunkConfig) error {
	if !r.Enabled {
		return nil
	}
	var errs []error
	if r.Expires < minExpires || r.Expires > maxExpires {
		errs = append(errs, fmt.Errorf("register.expires: expected %s to %s, found %s", minExpires, maxExpires, r.Expires))
	}
	if _, _, err := splitHost(r.Server); r.Server != "" && err != nil {
		errs = append(errs, fmt.Errorf("register.server: %w", err))
	}
	user := r.account(t)
	if user == "" {
		errs = append(errs, errors.New("register.user: expected the account to register, here or in username"))
	}
	if strings.ContainsFunc(user, func(c rune) bool { return c <= ' ' || c > '~' || strings.ContainsRune(`<>"@:;?,`, c) }) {
		errs = append(errs, fmt.Errorf("register.user: expected the account without @ and host, found %q", user))
	}
	return errors.Join(errs...)
}

// account is the user of the address-of-record.
func (r Register) account(t TrunkConfig) string {
	if r.User != "" {
		return r.User
	}
	return t.Username
}

func (t TrunkConfig) validProxy() error {
	if t.OutboundProxy == "" {
		return nil
	}
	if _, _, err := splitHost(t.OutboundProxy); err != nil {
		return fmt.Errorf("outbound_proxy: %w", err)
	}
	return nil
}
