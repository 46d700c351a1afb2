package matrix

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"roomline/signalling/matrix/e2ee"
)

// lockbox is a vault for tests: what it encrypts is only encoded, but can be
// read by who has the key of the session only.
type lockbox struct {
	mu      sync.Mutex
	missing map[id.SessionID]bool // keys that have not arrived
	arrived chan struct{}         // closed when one does
	fails   map[string]error      // by session
	opens   []string              // event ids, in order
	awaits  int
	letters []string // "user device type sender"
	done    []func()
	counts  []mautrix.OTKCount
	unused  [][]string
	changed []string
	renewed []string
	hold    chan struct{} // if there, Open waits for it
	closed  int
}

func newLockbox() *lockbox {
	return &lockbox{missing: map[id.SessionID]bool{}, fails: map[string]error{}, arrived: make(chan struct{})}
}

func (b *lockbox) set(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
}

// arrive lets the key of a session come.
func (b *lockbox) arrive(session id.SessionID) {
	b.set(func() {
		delete(b.missing, session)
		close(b.arrived)
		b.arrived = make(chan struct{})
	})
}

func (b *lockbox) Ensure(context.Context, string) error { return nil }

func (b *lockbox) Seal(_ context.Context, _, room, eventType string, content any, _ func(context.Context) ([]string, error)) (*event.EncryptedEventContent, error) {
	raw, err := json.Marshal(lock(eventType, "OURS", "S-ours", room, content))
	if err != nil {
		return nil, err
	}
	var sealed event.EncryptedEventContent
	return &sealed, json.Unmarshal(raw, &sealed)
}

// locked is what is within the ciphertext.
type locked struct {
	Type, Device, Room string
	Content            json.RawMessage
	StateKey           *string
}

// refusedDevice is one that the policy refuses.
const refusedDevice = "REFUSED"

// lock makes the content of an encrypted event.
func lock(eventType, device, session, room string, content any) map[string]any {
	inner, _ := json.Marshal(content)
	text, _ := json.Marshal(locked{Type: eventType, Device: device, Room: room, Content: inner})
	return map[string]any{"algorithm": "m.megolm.v1.aes-sha2", "session_id": session, "ciphertext": base64.RawStdEncoding.EncodeToString(text)}
}

func (b *lockbox) Open(ctx context.Context, user string, e *event.Event) (*event.Event, error) {
	content := e.Content.AsEncrypted()
	b.mu.Lock()
	b.opens = append(b.opens, e.ID.String())
	missing, failure, hold := b.missing[content.SessionID], b.fails[string(content.SessionID)], b.hold
	b.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	switch {
	case missing:
		return nil, fmt.Errorf("open %s: %w", e.ID, e2ee.ErrNoKey)
	case failure != nil:
		return nil, failure
	}
	text, err := base64.RawStdEncoding.DecodeString(string(content.MegolmCiphertext))
	if err != nil {
		return nil, e2ee.ErrCorrupt
	}
	var inner locked
	if err := json.Unmarshal(text, &inner); err != nil {
		return nil, e2ee.ErrCorrupt
	}
	// As the library does it, and worse: a class and a state key of its own.
	opened := &event.Event{Type: event.Type{Type: inner.Type, Class: event.StateEventType}, StateKey: inner.StateKey, Sender: "@forged:x", ID: "$forged", RoomID: "!forged:x"}
	if err := json.Unmarshal(inner.Content, &opened.Content); err != nil {
		return nil, e2ee.ErrCorrupt
	}
	opened.Mautrix.TrustSource = &id.Device{IdentityKey: id.Curve25519(inner.Device)}
	if inner.Device == refusedDevice {
		return opened, e2ee.Untrusted{Device: refusedDevice, Why: "nobody knows it", Fix: "Sign it."}
	}
	return opened, nil
}

func (b *lockbox) Await(ctx context.Context, _ string, e *event.Event) bool {
	for {
		b.mu.Lock()
		b.awaits++
		missing, arrived := b.missing[e.Content.AsEncrypted().SessionID], b.arrived
		b.mu.Unlock()
		if !missing {
			return true
		}
		select {
		case <-arrived:
		case <-ctx.Done():
			return false
		}
	}
}

func (b *lockbox) ToDevice(user, device string, e *event.Event, done func()) {
	b.set(func() {
		b.letters = append(b.letters, fmt.Sprint(user, " ", device, " ", e.Type.Type, " ", e.Sender))
		b.done = append(b.done, done)
	})
}

func (b *lockbox) Counted(left mautrix.OTKCount, fallbacks []string) {
	b.set(func() { b.counts, b.unused = append(b.counts, left), append(b.unused, fallbacks) })
}
func (b *lockbox) Changed(users []string) { b.set(func() { b.changed = append(b.changed, users...) }) }
func (b *lockbox) Renew(room string)      { b.set(func() { b.renewed = append(b.renewed, room) }) }
func (b *lockbox) Close() error           { b.set(func() { b.closed++ }); return nil }

func (b *lockbox) got() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.letters)
}

// withVault lets the client read encrypted rooms.
func withVault(b *lockbox) option {
	return func(_ *Config, c *Client) {
		if c != nil {
			c.vault = b
		}
	}
}

// sealedRig is a rig whose room is encrypted.
func sealedRig(t *testing.T, options ...option) (*rig, *lockbox) {
	t.Helper()
	b := newLockbox()
	r := newRig(t, append(options, withVault(b))...).meet()
	r.hs.set(func() { r.hs.veiled = map[string]bool{room: true} })
	r.push(with(r.event("m.room.encryption", alice, map[string]any{"algorithm": "m.megolm.v1.aes-sha2"}), "state_key", ""))
	r.until("the room is known to be encrypted", func() bool { return r.c.knownEncrypted(room) })
	return r, b
}

// seal encrypts an event of a device, as it stands in a transaction.
func (r *rig) seal(e map[string]any, device, session string) map[string]any {
	out := map[string]any{}
	for k, v := range e {
		out[k] = v
	}
	out["type"], out["content"] = typeEncrypted, lock(e["type"].(string), device, session, fmt.Sprint(e["room_id"]), e["content"])
	return out
}
