package e2ee

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"maunium.net/go/mautrix/id"
)

// Person is what is known of the keys of somebody.
type Person struct {
	User      string
	Master    string // the master cross-signing key; empty: there is none
	First     bool   // it is the first that we saw
	Confirmed bool   // somebody of ours has compared it
	Devices   []Listed
}

// Listed is one device of somebody.
type Listed struct {
	ID, Name string
	Signed   bool       // by its owner
	Refused  *Untrusted // nil: the policy accepts it
}

// Person asks the homeserver, as one of our users, for the keys of somebody,
// and tells what the policy makes of them.
func (d *Devices) Person(ctx context.Context, ours, user string) (Person, error) {
	dev, release, err := d.use(ctx, ours)
	if err != nil {
		return Person{}, err
	}
	defer release()
	if err := d.anew(ctx, dev, user); err != nil {
		return Person{}, err
	}
	owner, err := d.identity(ctx, dev.store, id.UserID(user))
	if err != nil {
		return Person{}, err
	}
	p := Person{User: user, Master: owner.master.String(), First: owner.first, Confirmed: owner.ours()}
	devices, err := dev.store.GetDevices(ctx, id.UserID(user))
	for _, other := range devices {
		if other.Deleted {
			continue
		}
		l, err := d.listed(ctx, dev, owner, other)
		if err != nil {
			return Person{}, err
		}
		p.Devices = append(p.Devices, l)
	}
	slices.SortFunc(p.Devices, func(a, b Listed) int { return cmp.Compare(a.ID, b.ID) })
	return p, err
}

func (d *Devices) listed(ctx context.Context, dev *device, owner identity, other *id.Device) (Listed, error) {
	l := Listed{ID: other.DeviceID.String(), Name: other.Name}
	var err error
	if l.Signed, err = owner.signed(ctx, dev.store, other); err != nil {
		return l, err
	}
	var why Untrusted
	switch _, err = d.judge(ctx, dev.store, other); {
	case errors.As(err, &why):
		l.Refused = &why
	case err != nil:
		return l, err
	}
	return l, nil
}

// Trust confirms the master key that somebody has now, unless there is none
// (ErrNoIdentity).
func (d *Devices) Trust(ctx context.Context, ours, user string) (Person, error) {
	p, err := d.Person(ctx, ours, user)
	switch {
	case err != nil:
		return p, err
	case p.Master == "":
		return p, ErrNoIdentity
	}
	if err := d.Confirm(ctx, user, p.Master); err != nil {
		return p, err
	}
	return d.Person(ctx, ours, user)
}
