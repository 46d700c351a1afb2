package e2ee

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/crypto"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// Sayer says an event in a room as one of our users, encrypted where the room
// is, and returns its id.
type Sayer func(ctx context.Context, ours, room, eventType string, content any) (eventID string, err error)

// Verifier makes a verifier for the users of these devices. It hears what is
// sent to their devices by itself, and from rooms what Hear is told. It is
// called once, before the first to-device message.
func (d *Devices) Verifier(say Sayer, may func(user string) bool, tell func(Verification), log *slog.Logger) *Verifier {
	v := NewVerifier(keyring{d}, courier{d, say}, book{d}, may, tell, log)
	d.verify = func(_ context.Context, user string, _ *crypto.OlmMachine, e *event.Event) { v.Hear(user, e) }
	return v
}

// keyring is the Keyring of our devices.
type keyring struct{ d *Devices }

// Own implements Keyring. Our master key is told only if we have it, or have
// compared it: the homeserver could show us any.
func (k keyring) Own(ctx context.Context, user string) (Identity, error) {
	dev, release, err := k.d.use(ctx, user)
	if err != nil {
		return Identity{}, err
	}
	defer release()
	own := Identity{User: user, Device: dev.device, Key: dev.mach.OwnIdentity().SigningKey.String()}
	if keys := dev.mach.CrossSigningKeys; keys != nil {
		own.Master = keys.PublicKeys().MasterKey.String()
		return own, nil
	}
	i, err := k.d.identity(ctx, dev.store, id.UserID(user))
	if i.ours() {
		own.Master = i.master.String()
	}
	return own, err
}

// errUnlisted says that the homeserver does not know a device.
var errUnlisted = errors.New("the homeserver does not list the device, or lists it with other keys than before")

// Theirs implements Keyring.
func (k keyring) Theirs(ctx context.Context, ours, user, device string) (Identity, error) {
	dev, release, err := k.d.use(ctx, ours)
	if err != nil {
		return Identity{}, err
	}
	defer release()
	if err := k.d.anew(ctx, dev, user); err != nil {
		return Identity{}, err
	}
	other, err := dev.store.GetDevice(ctx, id.UserID(user), id.DeviceID(device))
	switch {
	case err != nil:
		return Identity{}, err
	case other == nil || other.Deleted || other.Trust == id.TrustStateDeviceKeyMismatch:
		return Identity{}, errUnlisted
	}
	i, err := k.d.identity(ctx, dev.store, id.UserID(user))
	return Identity{User: user, Device: device, Key: other.SigningKey.String(), Master: i.master.String()}, err
}

// anew asks the homeserver for somebody's keys, whatever we know already.
func (d *Devices) anew(ctx context.Context, dev *device, user string) error {
	return d.fetch(ctx, dev, []string{user}, func(string) bool { return false })
}

// Vouch implements Keyring. What is written down counts for all of our users;
// the signature is for whoever else looks, and may fail.
func (k keyring) Vouch(ctx context.Context, ours string, them Identity) error {
	dev, release, err := k.d.use(ctx, ours)
	if err != nil {
		return err
	}
	defer release()
	if them.Master != "" {
		if err := k.mayConfirm(ctx, dev, ours, them); err != nil {
			return err
		}
		if err := k.d.Confirm(ctx, them.User, them.Master); err != nil {
			return err
		}
	}
	k.d.trouble("sign what was verified", k.sign(ctx, dev, ours, them))
	return nil
}

// mayConfirm refuses an identity that is another than before. On our side nobody
// compares but the person who is verified, so it would confirm itself. Of our own
// account it is an administrator who compares.
func (k keyring) mayConfirm(ctx context.Context, dev *device, ours string, them Identity) error {
	i, err := k.d.identity(ctx, dev.store, id.UserID(them.User))
	switch {
	case err != nil:
		return err
	case them.User != ours && (i.renewed() || i.master.String() != them.Master):
		return broken{codeKeys, "your identity is not the one that I knew; an administrator of this telephone has to trust it first"}
	}
	return nil
}

// sign signs, as one of our users, the master key of somebody, or a device of
// our own account (Matrix 1.18, "Cross-signing").
func (k keyring) sign(ctx context.Context, dev *device, ours string, them Identity) (err error) {
	defer survive(&err)
	mach, err := k.d.apart(ctx, dev)
	if err != nil {
		return err
	}
	switch keys := mach.CrossSigningKeys; {
	case them.User == ours && keys != nil:
		other, err := dev.store.GetDevice(ctx, id.UserID(ours), id.DeviceID(them.Device))
		if err != nil || other == nil {
			return err
		}
		return mach.SignOwnDevice(ctx, other)
	case them.User == ours && them.Master != "":
		return mach.SignOwnMasterKey(ctx)
	case them.User != ours && keys != nil && them.Master != "":
		return mach.SignUser(ctx, id.UserID(them.User), id.Ed25519(them.Master))
	}
	return nil
}

// apart is a second machine of a device, which signs and remembers what it
// likes: that is not safe to share. Nothing of its ratchets is used.
func (d *Devices) apart(ctx context.Context, dev *device) (*crypto.OlmMachine, error) {
	mach := crypto.NewOlmMachine(dev.mach.Client, d.zlog, dev.store, d.state)
	mach.DisableDeviceChangeKeyRotation = true
	mach.CrossSigningKeys = dev.mach.CrossSigningKeys
	return mach, mach.Load(ctx)
}

// Engage implements Keyring.
func (k keyring) Engage(user, room string, on bool) {
	k.d.engaged.set(user, room, on)
	k.d.touched() // who is given keys may have changed
}

// courier sends to devices by itself.
type courier struct {
	d   *Devices
	say Sayer
}

// Say implements Courier.
func (c courier) Say(ctx context.Context, ours, room, eventType string, content any) (string, error) {
	return c.say(ctx, ours, room, eventType, content)
}

// Send implements Courier. What is said in a verification is no secret.
func (c courier) Send(ctx context.Context, ours, user, device, eventType string, content any) error {
	dev, release, err := c.d.use(ctx, ours)
	if err != nil {
		return err
	}
	defer release()
	_, err = dev.mach.Client.SendToDevice(ctx, event.Type{Type: eventType, Class: event.ToDeviceEventType}, &mautrix.ReqSendToDevice{
		Messages: map[id.UserID]map[id.DeviceID]*event.Content{id.UserID(user): {id.DeviceID(device): {Parsed: content}}}})
	return err
}

// book is the Ledger of our devices.
type book struct{ d *Devices }

// Begin implements Ledger.
func (b book) Begin(ctx context.Context, v Verification) error {
	_, err := b.d.part.Exec(ctx, `INSERT INTO e2ee_verification (id, user_id, ours, device_id, room_id) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (id, user_id) DO NOTHING`, v.ID, v.User, v.Ours, v.Device, v.Room)
	return err
}

// End implements Ledger.
func (b book) End(ctx context.Context, v Verification) error {
	_, err := b.d.part.Exec(ctx, `DELETE FROM e2ee_verification WHERE id = $1 AND user_id = $2`, v.ID, v.User)
	return err
}

// Open implements Ledger.
func (b book) Open(ctx context.Context) (all []Verification, err error) {
	rows, err := b.d.part.Query(ctx, `SELECT id, user_id, ours, device_id, room_id FROM e2ee_verification`)
	if err != nil {
		return nil, fmt.Errorf("read the verifications: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var v Verification
		if err := rows.Scan(&v.ID, &v.User, &v.Ours, &v.Device, &v.Room); err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}
