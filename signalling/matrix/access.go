package matrix

import (
	"context"

	"maunium.net/go/mautrix"
)

// access is how we stand with the homeserver: as an application service
// (service), or as an ordinary account (account).
type access interface {
	// self speaks as who we are in any case: the service's own user, or the account.
	self() *mautrix.Client
	// user speaks as one of our users.
	user(user string) *mautrix.Client
	// register makes a user of ours exist. One goroutine at a time may do so
	// for the same user. An account is the only user of ours that there is.
	register(ctx context.Context, user string) error
	// ping tells whether the homeserver knows us, and what happens reaches us.
	// Its errors say what to do.
	ping(ctx context.Context) error
	// open lets what happens come into homeserver.events, for as long as the
	// client lives. The homeserver may be down for now.
	open(ctx context.Context, c *Client) error
	// address is where the homeserver reaches us; empty if we ask it.
	address() string
	// shut returns when nothing comes any more. It may be called twice.
	shut()
}

// ordinary tells that we are an ordinary account: the only user of ours, in
// every room.
func (c *Client) ordinary() bool { return c.cfg.Account.given() }

// approach finds out how we stand with the homeserver, and asks it nothing yet.
func (c *Client) approach(ctx context.Context) error {
	if c.ordinary() {
		return c.approachAs(ctx)
	}
	reg, err := LoadRegistration(c.cfg.Registration)
	if err != nil {
		return err
	}
	hs, err := newHomeserver(c.cfg, reg, c.store.state)
	if err != nil {
		return err
	}
	c.hs = hs
	return nil
}

// approachAs takes up the last session of the account that we are, and its keys.
func (c *Client) approachAs(ctx context.Context) error {
	hs, a, err := newAccount(c.cfg, c.store, c.log)
	if err != nil {
		return err
	}
	c.hs = hs
	if c.cfg.Encryption.Enabled && c.vault == nil {
		keys := &keyring{}
		c.vault = keys
		a.login.moved = func(ctx context.Context, s session) error { return a.keep(ctx, c, keys, s) }
	}
	return a.login.open(ctx)
}
