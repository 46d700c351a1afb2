package e2ee

import (
	"context"
	"strings"
	"time"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// read takes in one to-device message. Keys come in Olm messages of devices
// that the homeserver lists. What is not in the list below is ignored, requests
// for keys and secrets above all: we forward no keys, and take no forwarded
// ones.
func (d *Devices) read(ctx context.Context, dev *device, e *event.Event) error {
	switch kind := e.Type.Type; {
	case !plain(e.Sender.String()):
	case kind == event.ToDeviceEncrypted.Type:
		return d.olm(ctx, dev, e)
	case kind == event.ToDeviceRoomKeyWithheld.Type || kind == event.ToDeviceOrgMatrixRoomKeyWithheld.Type:
		return d.withheld(ctx, dev, e)
	case strings.HasPrefix(kind, "m.key.verification.") && d.verify != nil:
		copied, err := toDevice(e, event.Type{Type: kind, Class: event.ToDeviceEventType})
		if err != nil {
			return nil // not for us to repair
		}
		d.verify(ctx, dev.user, dev.mach, copied)
	}
	return nil
}

// toDevice is a message with its content as the library wants it.
func toDevice(e *event.Event, kind event.Type) (*event.Event, error) {
	copied := *e
	copied.Type = kind
	copied.Content = event.Content{VeryRaw: e.Content.VeryRaw}
	if len(e.Content.VeryRaw) == 0 {
		copied.Content = event.Content{Parsed: e.Content.Parsed, Raw: e.Content.Raw}
		return &copied, nil
	}
	return &copied, copied.Content.ParseRaw(kind)
}

// olm reads an encrypted message (Matrix 1.18, "m.olm.v1.curve25519-aes-sha2").
func (d *Devices) olm(ctx context.Context, dev *device, e *event.Event) error {
	e, err := toDevice(e, event.ToDeviceEncrypted)
	if err != nil {
		return nil
	}
	content, ok := e.Content.Parsed.(*event.EncryptedEventContent)
	if !ok || content.Algorithm != id.AlgorithmOlmV1 || !isKey(content.SenderKey.String()) {
		return nil
	}
	e.ToUserID, e.ToDeviceID = dev.mach.Client.UserID, dev.mach.Client.DeviceID
	known, err := d.knows(ctx, dev, e.Sender, content.SenderKey)
	if err != nil || !known {
		return err
	}
	dev.account.Lock()
	rest := dev.mach.HandleEncryptedEvent(ctx, e)
	dev.account.Unlock()
	if rest != nil && d.verify != nil && strings.HasPrefix(rest.Type.Type, "m.key.verification.") {
		inner := *e
		inner.Type, inner.Content, inner.Mautrix.WasEncrypted = rest.Type, rest.Content, true
		d.verify(ctx, dev.user, dev.mach, &inner)
	}
	return nil
}

// knows tells whether the homeserver lists a device with a key.
func (d *Devices) knows(ctx context.Context, dev *device, user id.UserID, key id.SenderKey) (bool, error) {
	from, err := dev.store.FindDeviceByKey(ctx, user, key)
	server := user.Homeserver()
	if err == nil && from == nil && d.lists.again(user.String()) && !d.lists.dawdled(server) {
		began := time.Now()
		d.ask(ctx, dev, user.String(), lookTime)
		from, err = dev.store.FindDeviceByKey(ctx, user, key)
		if from == nil && time.Since(began) > impatience && server != id.UserID(dev.user).Homeserver() {
			d.lists.dawdles(server)
		}
	}
	return from != nil, err
}

// withheld notes that a device keeps a key from us (Matrix 1.18,
// "m.room_key.withheld"). If the key comes after all, it counts.
func (d *Devices) withheld(ctx context.Context, dev *device, e *event.Event) error {
	e, err := toDevice(e, event.ToDeviceRoomKeyWithheld)
	if err != nil {
		return nil
	}
	content, ok := e.Content.Parsed.(*event.RoomKeyWithheldEventContent)
	if !ok || content.Algorithm != id.AlgorithmMegolmV1 || !isKey(content.SessionID.String()) || !isKey(content.SenderKey.String()) ||
		!plain(content.RoomID.String()) || !plain(string(content.Code)) {
		return nil
	}
	known, err := d.knows(ctx, dev, e.Sender, content.SenderKey)
	if err != nil || !known {
		return err
	}
	told := *content
	told.Reason = ""
	if err := dev.store.PutWithheldGroupSession(ctx, told); err != nil {
		return err
	}
	d.waiters.arrived(dev.user, told.SessionID)
	return nil
}

// wedged notes that messages of a device cannot be read. It does not wait.
func (d *Devices) wedged(dev *device, key id.SenderKey) {
	d.enqueue(dev.user, func(box *inbox, _ row) bool {
		if len(box.mend) >= maxMend {
			return false
		}
		box.mend[key] = true
		return true
	})
}

// mend makes an Olm session anew, and says so to the other side (Matrix 1.18,
// "Recovering from undecryptable messages").
func (d *Devices) mend(ctx context.Context, dev *device, key id.SenderKey) error {
	user, err := d.text(ctx, `SELECT user_id FROM crypto_device WHERE identity_key = $1 AND deleted = false`, key)
	if err != nil || user == "" || !dev.mending(key) {
		return err
	}
	other, err := dev.store.FindDeviceByKey(ctx, id.UserID(user), key)
	if err != nil || other == nil {
		return err
	}
	made, err := dev.store.SQLCryptoStore.GetNewestSessionCreationTS(ctx, key)
	if err != nil || time.Since(made) < mendEvery {
		return err
	}
	anew := context.WithValue(ctx, anewKey{}, true)
	return dev.mach.SendEncryptedToDevice(anew, other, event.ToDeviceDummy, event.Content{Parsed: &event.DummyEventContent{}})
}

// maxMended is how many devices are remembered with whom an Olm session was
// made anew; strangers may cause it.
const maxMended = 1000

// mending tells whether it is time to make an Olm session anew.
func (dev *device) mending(key id.SenderKey) bool {
	dev.mu.Lock()
	defer dev.mu.Unlock()
	if time.Since(dev.mended[key]) < mendEvery {
		return false
	}
	if len(dev.mended) >= maxMended {
		clear(dev.mended)
	}
	dev.mended[key] = time.Now()
	return true
}
