package e2ee

import (
	"context"
	"errors"
	"fmt"
	"time"

	"maunium.net/go/mautrix/crypto"
	"maunium.net/go/mautrix/crypto/olm"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// ErrOwn says that one of our own users has written an event.
var ErrOwn = errors.New("it is one of our own")

// Open reads an m.room.encrypted event as one of our users, once its device is
// known and the policy accepts it (Matrix 1.18, "m.megolm.v1.aes-sha2"): with
// Untrusted it is there only to be refused. What
// a room key does not protect, m.relates_to, is as the homeserver wrote it. The
// event itself is left as it is. It waits at most a few seconds, for a
// homeserver that knows of new devices.
func (d *Devices) Open(ctx context.Context, user string, e *event.Event) (opened *event.Event, err error) {
	defer survive(&err)
	if d.own(e.Sender.String()) {
		return nil, ErrOwn
	}
	sealed, err := parsed(e)
	if err != nil {
		return nil, err
	}
	dev, release, err := d.use(ctx, user)
	if err != nil {
		return nil, err
	}
	defer release()
	session, err := d.session(ctx, dev, sealed)
	if err != nil {
		return nil, err
	}
	from, trust, refused := d.author(ctx, dev, sealed.Sender, session)
	if from == nil || refused != nil && !errors.As(refused, new(Untrusted)) {
		return nil, refused
	}
	judged := *from
	judged.Trust = id.TrustStateVerified // spares the library its own look
	opened, err = dev.mach.DecryptMegolmEvent(context.WithValue(ctx, judgedKey{}, &judged), sealed)
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", meaning(err), err)
	}
	if refused != nil && harmless(refused, opened) {
		refused = nil
	}
	opened.Mautrix.TrustState, opened.Mautrix.TrustSource = trust, from
	return opened, refused
}

// own tells whether nobody but us writes as a user.
func (d *Devices) own(user string) bool {
	_, ok := d.row(user)
	return ok && d.cfg.Account == nil
}

// parsed is an event with its content as the library wants it.
func parsed(e *event.Event) (*event.Event, error) {
	sealed := *e
	sealed.Type.Class = event.MessageEventType
	sealed.StateKey = nil
	sealed.Content = event.Content{VeryRaw: e.Content.VeryRaw}
	if len(e.Content.VeryRaw) == 0 {
		sealed.Content.Parsed = e.Content.Parsed
	} else if err := sealed.Content.ParseRaw(event.EventEncrypted); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	content, ok := sealed.Content.Parsed.(*event.EncryptedEventContent)
	if !ok || content.Algorithm != id.AlgorithmMegolmV1 || !isKey(content.SessionID.String()) ||
		!plain(e.ID.String()) || !plain(e.RoomID.String()) || !plain(e.Sender.String()) {
		return nil, ErrCorrupt
	}
	return &sealed, nil
}

// isKey tells whether a text is as long as a key, or a session's id, in base64.
func isKey(text string) bool { return len(text) == 43 && plain(text) }

// session is what the key of an event tells of who has sent it to us.
func (d *Devices) session(ctx context.Context, dev *device, e *event.Event) (*crypto.InboundGroupSession, error) {
	content := e.Content.Parsed.(*event.EncryptedEventContent)
	if content.SenderKey == dev.mach.OwnIdentity().IdentityKey { // written by this very device, or by one that says so
		return nil, ErrOwn
	}
	s, err := dev.store.GetGroupSession(ctx, e.RoomID, content.SessionID)
	var withheld *event.RoomKeyWithheldEventContent
	switch {
	case errors.As(err, &withheld):
		// Anybody may claim so; the device whose key it is has said it, or nobody.
		if by, err := dev.store.FindDeviceByKey(ctx, e.Sender, withheld.SenderKey); err != nil || by == nil {
			return nil, errors.Join(ErrNoKey, err)
		}
		return nil, Withheld{string(withheld.Code)}
	case err != nil:
		return nil, err
	case s == nil:
		return nil, d.absent(ctx, dev, e, content)
	case !direct(s):
		return nil, ErrForwarded
	case s.SourceUser != e.Sender:
		return nil, ErrForwarded
	}
	return s, nil
}

// absent tells why a key is not there. What comes from a device with other keys
// than it had before is not read, so nobody should wait for that one's. Which
// device an event names is not signed: who forges that is refused as well.
func (d *Devices) absent(ctx context.Context, dev *device, e *event.Event, content *event.EncryptedEventContent) error {
	err := d.elsewhere(ctx, e.RoomID, content.SessionID)
	//lint:ignore SA1019 it is not believed, and who leaves it out only waits for a key
	if content.DeviceID == "" || content.SenderKey == "" || !errors.Is(err, ErrNoKey) {
		return err
	}
	//lint:ignore SA1019 as above
	known, failed := dev.store.GetDevice(ctx, e.Sender, content.DeviceID)
	switch {
	case failed != nil:
		return failed
	case known != nil && known.IdentityKey != content.SenderKey:
		return swapped.of(known)
	}
	return err
}

// elsewhere tells whether a key is missing, or is another room's, as any user of
// ours knows: nobody should wait for it then.
func (d *Devices) elsewhere(ctx context.Context, here id.RoomID, session id.SessionID) error {
	room, err := d.text(ctx, `SELECT room_id FROM crypto_megolm_inbound_session WHERE session_id = $1 AND room_id <> $2 AND session IS NOT NULL LIMIT 1`,
		session, here)
	switch {
	case err != nil:
		return err
	case room != "":
		return ErrWrongRoom
	}
	return ErrNoKey
}

// author is the device that an event comes from, if the policy accepts it.
func (d *Devices) author(ctx context.Context, dev *device, sender id.UserID, s *crypto.InboundGroupSession) (*id.Device, id.TrustState, error) {
	from, trust, err := d.look(ctx, dev, sender, s)
	refused := errors.As(err, new(Untrusted))
	if err != nil && !refused || err == nil && d.lists.fresh(sender.String()) || !d.lists.again(sender.String()) {
		return from, trust, err
	}
	patience := impatience
	if refused {
		patience = lookTime
	}
	d.ask(ctx, dev, sender.String(), patience)
	return d.look(ctx, dev, sender, s)
}

// ask asks for the devices of a user, for some time.
func (d *Devices) ask(ctx context.Context, dev *device, user string, patience time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	never := func(string) bool { return false }
	d.trouble("ask for the devices of a user", d.fetch(ctx, dev, []string{user}, never))
}

// look finds and judges the device that a key comes from.
func (d *Devices) look(ctx context.Context, dev *device, sender id.UserID, s *crypto.InboundGroupSession) (*id.Device, id.TrustState, error) {
	from, err := dev.store.FindDeviceByKey(ctx, sender, s.SenderKey)
	switch {
	case err != nil:
		return nil, 0, err
	case from == nil:
		return nil, 0, unlisted
	case from.SigningKey != s.SigningKey:
		return nil, 0, swapped.of(from)
	}
	trust, err := d.judge(ctx, dev.store, from)
	return from, trust, err
}

// meaning is what an error of the library means for who reads the event.
func meaning(err error) error {
	switch {
	case errors.Is(err, crypto.ErrDuplicateMessageIndex):
		return ErrReplayed
	case errors.Is(err, crypto.ErrWrongRoom):
		return ErrWrongRoom
	case errors.Is(err, crypto.ErrNoSessionFound), errors.Is(err, olm.ErrUnknownMessageIndex): // the key begins later, or came just now
		return ErrNoKey
	case errors.Is(err, ErrForwarded):
		return ErrForwarded
	case errors.Is(err, errDatabase):
		return errDatabase
	}
	return ErrCorrupt
}

// survive turns a panic of the library, which hostile content may cause, into an error.
func survive(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%w: the library gave up: %v", ErrCorrupt, p)
	}
}

// trouble logs what went wrong without ending anything.
func (d *Devices) trouble(what string, err error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		d.log.Warn("encryption: could not "+what, "error", err)
	}
}

// Await waits until the key of an event that Open could not read has come, or
// is withheld, or ctx is done, and tells whether it is worth trying again.
func (d *Devices) Await(ctx context.Context, user string, e *event.Event) bool {
	sealed, err := parsed(e)
	r, ok := d.row(user)
	if err != nil || !ok {
		return false
	}
	session := sealed.Content.Parsed.(*event.EncryptedEventContent).SessionID
	came, leave := d.waiters.join(user, session)
	defer leave()
	there, err := d.text(ctx, `SELECT session_id FROM crypto_megolm_inbound_session WHERE session_id = $1 AND account_id = $2`, session, r.account(user))
	if err == nil && there != "" {
		return true
	}
	select {
	case <-came:
		return true
	case <-ctx.Done():
	case <-d.quit.Done():
	}
	return false
}
