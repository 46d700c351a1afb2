package sip

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
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

// enrolment is a trunk's registration: what is fixed of it, and what calls may
// know of how it is.
type enrolment struct {
	host *host  // the registrar's, where that is neither the trunk's host nor behind its proxy; else nil
	port uint16 // of it
	aor  sipmsg.Uri
	user string // of our Contact
}

// newEnrolment is nil for a trunk that does not register.
func newEnrolment(t *trunk) *enrolment {
	if !t.Register.Enabled {
		return nil
	}
	e := &enrolment{}
	if name, port, _ := splitHost(t.Register.Server); t.Register.Server != "" && t.OutboundProxy == "" {
		e.host, e.port = newHost(name, port, t.Transport), port
	}
	return e
}

// at tells whether addr is that of a registrar with a host of its own.
func (e *enrolment) at(addr netip.Addr) bool {
	return e != nil && e.host != nil && e.host.has(addr)
}
