package matrix

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"roomline/signalling/command"
	"roomline/signalling/matrix/e2ee"
)

// keydesk follows the commands about keys of one person in one room. It
// implements command.Keys.
type keydesk struct {
	ctx              context.Context
	c                *Client
	ours, room, user string
}

// keydesk is nil where there are no keys.
func (c *Client) keydesk(ctx context.Context, ours, room, user string) command.Keys {
	if devices, _ := c.witness.keys(); devices == nil {
		return nil
	}
	return keydesk{ctx, c, ours, room, user}
}

const (
	noKeys    = command.Mistake("I have no keys here yet: the homeserver does not play its part in encryption, or I have just begun. roomline check tells more.")
	noCompare = command.Mistake("There is nothing to compare now. !verify begins a verification.")
)

// ready has our user's keys made, if that can be.
func (k keydesk) ready() (*e2ee.Devices, *e2ee.Verifier, error) {
	devices, v := k.c.witness.keys()
	if devices == nil || k.c.vault.Ensure(k.ctx, k.ours) != nil {
		return nil, nil, noKeys
	}
	return devices, v, nil
}

// Verify implements command.Keys.
func (k keydesk) Verify(admin bool) (string, error) {
	_, v, err := k.ready()
	if err != nil {
		return "", err
	}
	all, err := v.Pending(k.ctx, k.user, admin && k.c.ordinary())
	if err != nil {
		return "", k.trouble(err)
	}
	for _, one := range all {
		if one.Stage == e2ee.Comparing {
			return k.whose(one) + comparing(one), nil
		}
	}
	if len(all) > 0 {
		return "I wait for your client: go on there, and choose to compare emoji. !verify cancel gives it up.", nil
	}
	if err := v.Ask(k.ctx, k.ours, k.room, k.user); err != nil {
		return "", k.trouble(err)
	}
	return "I have asked your client: accept it there, and compare what both of us show.", nil
}

// whose tells an administrator that a verification is not with them, but with
// another device of our account.
func (k keydesk) whose(v e2ee.Verification) string {
	if v.User == k.user {
		return ""
	}
	return "The device " + clean(v.Device) + ", signed in as " + v.User + " like me, wants to verify me.\n"
}

// Answer implements command.Keys.
func (k keydesk) Answer(admin, same bool) (string, error) {
	_, v := k.c.witness.keys()
	err := v.Answer(k.ctx, k.user, admin && k.c.ordinary(), same)
	switch {
	case errors.Is(err, e2ee.ErrNoCompare):
		return "", noCompare
	case err != nil:
		return "", k.trouble(err)
	case !same:
		return "Then somebody may sit between us: I have cancelled it, and nothing is verified. Do not call from this client until the gateway's administrator has looked into it.", nil
	}
	return "Noted. If your client says the same, we know each other.", nil
}

// Cancel implements command.Keys.
func (k keydesk) Cancel(admin bool) (string, error) {
	_, v := k.c.witness.keys()
	n, err := v.Cancel(k.ctx, k.user, admin && k.c.ordinary())
	switch {
	case err != nil:
		return "", k.trouble(err)
	case n == 0:
		return "", command.Mistake("No verification is under way.")
	}
	return "Cancelled.", nil
}

// Trust implements command.Keys.
func (k keydesk) Trust(user string) (string, error) {
	devices, _, err := k.ready()
	if err != nil {
		return "", err
	}
	p, err := devices.Trust(k.ctx, k.ours, user)
	switch {
	case errors.Is(err, e2ee.ErrNoIdentity):
		return "", command.Mistake(clean(user) + " has no identity that could be trusted: it comes with setting up recovery in the client.")
	case err != nil:
		return "", k.trouble(err)
	}
	k.c.log.Info("an administrator trusts an identity", "by", k.user, "user", user)
	return "The identity that " + clean(user) + " has now is trusted from now on. Compare it with what the client of that person shows:\n" + fingerprint(p.Master), nil
}

// Devices implements command.Keys.
func (k keydesk) Devices(user string) (string, error) {
	devices, _, err := k.ready()
	if err != nil {
		return "", err
	}
	p, err := devices.Person(k.ctx, k.ours, user)
	if err != nil {
		return "", k.trouble(err)
	}
	lines := []string{identityOf(p)}
	for _, d := range p.Devices {
		lines = append(lines, deviceLine(d))
	}
	if len(p.Devices) == 0 {
		lines = append(lines, "No device of "+clean(user)+" can encrypt.")
	}
	return strings.Join(lines, "\n"), nil
}

// identityOf says in plain words how somebody is known.
func identityOf(p e2ee.Person) string {
	how := "It is not the one that I saw first, and nobody has confirmed it: !trust, by an administrator, would."
	switch {
	case p.Master == "":
		return clean(p.User) + " has no identity of its own: recovery has not been set up in any client."
	case p.Confirmed:
		how = "It is confirmed: somebody of ours has compared it."
	case p.First:
		how = "It is the first that I saw, and nobody has confirmed it: !verify would."
	}
	return fmt.Sprintf("%s has the identity %s. %s", clean(p.User), fingerprint(p.Master), how)
}

// deviceLine says whether a device may call, and why not.
func deviceLine(d e2ee.Listed) string {
	line := clean(d.ID)
	if name := clean(d.Name); name != "" {
		line += " (" + name + ")"
	}
	if d.Signed {
		line += ", signed by its owner"
	} else {
		line += ", not signed by its owner"
	}
	if d.Refused == nil {
		return line + ": may call."
	}
	return line + ": refused, because " + d.Refused.Why + ". " + d.Refused.Fix
}

// fingerprint writes a key as clients show it, in groups of four.
func fingerprint(key string) string {
	var groups []string
	for ; len(key) > 4; key = key[4:] {
		groups = append(groups, key[:4])
	}
	return strings.Join(append(groups, key), " ")
}

// trouble is what a person is told when something of ours fails.
func (k keydesk) trouble(err error) error {
	k.c.log.Warn("could not follow a command about keys", "error", err)
	return command.Mistake("That did not work: the homeserver did not answer as it should, or too much is under way. Try again in a moment.")
}
