package e2ee

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"maunium.net/go/mautrix/crypto"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// guarded is the library's store with what it leaves open.
type guarded struct {
	*crypto.SQLCryptoStore
	wedged func(id.SenderKey) // is told whose Olm session should be made anew; it does not wait

	// The library holds a lock while it waits for the database in some of these,
	// and the database while it waits for the lock in others.
	olm sync.Mutex
}

var _ crypto.Store = (*guarded)(nil)

// verdicts are the devices of the members of a room, judged: those with
// TrustStateVerified are given keys.
type verdicts map[id.UserID]map[id.DeviceID]*id.Device

type (
	verdictsKey struct{} // holds verdicts: GetDevices answers with them
	judgedKey   struct{} // holds a *id.Device: FindDeviceByKey answers with it
	anewKey     struct{} // HasSession says no
)

// GetDevices implements crypto.Store.
func (g *guarded) GetDevices(ctx context.Context, user id.UserID) (map[id.DeviceID]*id.Device, error) {
	if judged, ok := ctx.Value(verdictsKey{}).(verdicts); ok {
		if judged[user] == nil {
			return map[id.DeviceID]*id.Device{}, nil
		}
		return judged[user], nil
	}
	return g.SQLCryptoStore.GetDevices(ctx, user)
}

// FindDeviceByKey implements crypto.Store.
func (g *guarded) FindDeviceByKey(ctx context.Context, user id.UserID, key id.IdentityKey) (*id.Device, error) {
	if judged, ok := ctx.Value(judgedKey{}).(*id.Device); ok && judged.UserID == user && judged.IdentityKey == key {
		return judged, nil
	}
	return g.SQLCryptoStore.FindDeviceByKey(ctx, user, key)
}

// maxDevices is how many devices of one user are known; who has more has some
// that can be neither heard nor told anything.
const maxDevices = 200

// PutDevices implements crypto.Store. What no database takes, or no client
// makes, is left out: one such device would keep all others of its owner out.
func (g *guarded) PutDevices(ctx context.Context, user id.UserID, devices map[id.DeviceID]*id.Device) error {
	sound := map[id.DeviceID]*id.Device{}
	for _, device := range slices.Sorted(maps.Keys(devices)) {
		dev := *devices[device]
		if len(sound) == maxDevices {
			break
		}
		if plain(device.String()) && isKey(dev.IdentityKey.String()) && isKey(dev.SigningKey.String()) {
			dev.Name = clean(strings.ToValidUTF8(strings.ReplaceAll(dev.Name, "\x00", ""), ""))
			kept, err := g.asBefore(ctx, &dev)
			if err != nil {
				return err
			}
			sound[device] = kept
		}
	}
	return g.SQLCryptoStore.PutDevices(ctx, user, sound)
}

// asBefore is a device with the keys under which it was known first, also if it
// was signed out since: the library looks only at those that are not, and keeps
// the signing key all the same, which the owner may have signed.
func (g *guarded) asBefore(ctx context.Context, dev *id.Device) (*id.Device, error) {
	known, err := g.SQLCryptoStore.GetDevice(ctx, dev.UserID, dev.DeviceID)
	if err != nil || known == nil || known.SigningKey == dev.SigningKey {
		return dev, err
	}
	known.Trust, known.Deleted = id.TrustStateDeviceKeyMismatch, false
	return known, nil
}

// plain tells whether a text is fit for an identifier.
func plain(text string) bool {
	return text != "" && len(text) <= 255 && utf8.ValidString(text) && !strings.Contains(text, "\x00")
}

// PutGroupSession implements crypto.Store. A key is taken of the device alone
// that speaks with it: neither forwarded nor backed up nor imported
// (CVE-2022-39249, CVE-2022-39251). The one that is there stays: the library
// would let one that was forwarded, and begins earlier, take its place and name.
func (g *guarded) PutGroupSession(ctx context.Context, s *crypto.InboundGroupSession) error {
	if !direct(s) {
		return ErrForwarded
	}
	var there int
	err := g.DB.QueryRow(ctx, `SELECT count(*) FROM crypto_megolm_inbound_session WHERE account_id = $1 AND session_id = $2 AND session IS NOT NULL`,
		g.AccountID, s.ID()).Scan(&there)
	if err != nil || there > 0 {
		return err
	}
	if err := g.room(ctx, s.SenderKey); err != nil {
		return err
	}
	return g.SQLCryptoStore.PutGroupSession(ctx, s)
}

// maxSessions is how many keys of one device are kept; the oldest go.
const maxSessions = 500

// room makes room for one more key of a device.
func (g *guarded) room(ctx context.Context, from id.SenderKey) error {
	const mine = `FROM crypto_megolm_inbound_session WHERE account_id = $1 AND sender_key = $2`
	var n int
	if err := g.DB.QueryRow(ctx, `SELECT count(*) `+mine, g.AccountID, from).Scan(&n); err != nil || n < maxSessions {
		return err
	}
	_, err := g.DB.Exec(ctx, `DELETE `+mine+` AND session_id IN (SELECT session_id `+mine+` ORDER BY received_at LIMIT $3)`,
		g.AccountID, from, n-maxSessions+1)
	return err
}

// PutWithheldGroupSession implements crypto.Store.
func (g *guarded) PutWithheldGroupSession(ctx context.Context, content event.RoomKeyWithheldEventContent) error {
	if err := g.room(ctx, content.SenderKey); err != nil {
		return err
	}
	return g.SQLCryptoStore.PutWithheldGroupSession(ctx, content)
}

func direct(s *crypto.InboundGroupSession) bool {
	return s.KeySource == id.KeySourceDirect && len(s.ForwardingChains) == 0
}

// errDatabase says that it is not the event's fault that it cannot be read.
var errDatabase = errors.New("the database does not answer")

// ValidateMessageIndex implements crypto.Store.
func (g *guarded) ValidateMessageIndex(ctx context.Context, session id.SessionID, eventID id.EventID, index uint, timestamp int64) (bool, error) {
	if index > math.MaxInt32 {
		return false, ErrCorrupt // no key is used that often; PostgreSQL cannot count so far
	}
	first, err := g.SQLCryptoStore.ValidateMessageIndex(ctx, session, eventID, index, timestamp)
	if err != nil {
		err = fmt.Errorf("%w: %w", errDatabase, err)
	}
	return first, err
}

// GetNewestSessionCreationTS implements crypto.Store. The library asks before
// it makes a broken Olm session anew in a goroutine that nobody awaits; it hears
// that this was just done, and ours does it.
func (g *guarded) GetNewestSessionCreationTS(_ context.Context, key id.SenderKey) (time.Time, error) {
	g.wedged(key)
	return time.Now(), nil
}

// HasSession implements crypto.Store.
func (g *guarded) HasSession(ctx context.Context, key id.SenderKey) bool {
	if ctx.Value(anewKey{}) != nil {
		return false
	}
	g.olm.Lock()
	defer g.olm.Unlock()
	return g.SQLCryptoStore.HasSession(ctx, key)
}

// GetSessions implements crypto.Store.
func (g *guarded) GetSessions(ctx context.Context, key id.SenderKey) (crypto.OlmSessionList, error) {
	g.olm.Lock()
	defer g.olm.Unlock()
	return g.SQLCryptoStore.GetSessions(ctx, key)
}

// GetLatestSession implements crypto.Store.
func (g *guarded) GetLatestSession(ctx context.Context, key id.SenderKey) (*crypto.OlmSession, error) {
	g.olm.Lock()
	defer g.olm.Unlock()
	return g.SQLCryptoStore.GetLatestSession(ctx, key)
}

// AddSession implements crypto.Store.
func (g *guarded) AddSession(ctx context.Context, key id.SenderKey, s *crypto.OlmSession) error {
	g.olm.Lock()
	defer g.olm.Unlock()
	return g.SQLCryptoStore.AddSession(ctx, key, s)
}
