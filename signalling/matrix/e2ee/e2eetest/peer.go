package e2eetest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/rs/zerolog"
	"maunium.net/go/mautrix/crypto"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// Peer is a client of somebody else, on one device. One goroutine at a time
// may use it.
type Peer struct {
	User, Device string
	Machine      *crypto.OlmMachine

	s      *Server
	Lost   bool // it does not get to-device messages
	mu     sync.Mutex
	inbox  []*event.Event
	Heard  []*event.Event // the to-device messages that it was sent, decrypted or not
	events atomic.Int64
}

// Peer makes a device for a user, and uploads its keys.
func (s *Server) Peer(user, device string) *Peer {
	s.t.Helper()
	nop := zerolog.Nop()
	p := &Peer{User: user, Device: device, s: s}
	p.Machine = crypto.NewOlmMachine(s.Client(user, device), &nop, memory{crypto.NewMemoryStore(nil)}, rooms{})
	p.must(p.Machine.Load(context.Background()))
	s.mu.Lock()
	delete(s.devices[id.UserID(user)], id.DeviceID(device)) // with its one-time keys, if there was another one
	s.mu.Unlock()
	s.putDevice(id.UserID(user), id.DeviceID(device))
	s.mu.Lock()
	if s.peers[id.UserID(user)] == nil {
		s.peers[id.UserID(user)] = map[id.DeviceID]*Peer{}
	}
	s.peers[id.UserID(user)][id.DeviceID(device)] = p
	s.mu.Unlock()
	p.must(p.Machine.ShareKeys(context.Background(), 30)) // twenty one-time keys are enough, and each takes its time
	return p
}

// CrossSigned gives the user cross-signing keys, in place of any that were
// there, and signs the device. It returns p.
func (p *Peer) CrossSigned() *Peer {
	p.s.t.Helper()
	keys, err := p.Machine.GenerateCrossSigningKeys()
	p.must(err)
	p.must(p.Machine.PublishCrossSigningKeys(context.Background(), keys, nil))
	return p.SignedBy(p)
}

// SignedBy lets another device of the same user sign this one. It returns p.
func (p *Peer) SignedBy(other *Peer) *Peer {
	p.s.t.Helper()
	p.Machine.CrossSigningKeys = other.Machine.CrossSigningKeys
	p.must(p.Machine.SignOwnDevice(context.Background(), p.Machine.OwnIdentity()))
	return p
}

// MasterKey is the user's master cross-signing key.
func (p *Peer) MasterKey() string { return p.Machine.CrossSigningKeys.MasterKey.PublicKey().String() }

// Key is the device's Curve25519 key.
func (p *Peer) Key() string { return p.Machine.OwnIdentity().IdentityKey.String() }

// Say encrypts an event for the devices of users, all that the homeserver lists.
func (p *Peer) Say(room, eventType string, content any, users ...string) *event.Event {
	p.s.t.Helper()
	p.Share(room, users...)
	return p.Seal(room, eventType, content)
}

// Share makes a new key and sends it.
func (p *Peer) Share(room string, users ...string) {
	p.s.t.Helper()
	ctx := context.Background()
	p.Pump()
	ids := make([]id.UserID, len(users))
	for i, user := range users {
		ids[i] = id.UserID(user)
	}
	if _, err := p.Machine.FetchKeys(ctx, ids, true); err != nil {
		p.s.t.Fatal(err)
	}
	p.must(p.Machine.CryptoStore.RemoveOutboundGroupSession(ctx, id.RoomID(room)))
	p.must(p.Machine.ShareGroupSession(ctx, id.RoomID(room), ids))
}

// Seal encrypts an event under the key that was shared last.
func (p *Peer) Seal(room, eventType string, content any) *event.Event {
	p.s.t.Helper()
	sealed, err := p.Machine.EncryptMegolmEvent(context.Background(), id.RoomID(room), event.Type{Type: eventType, Class: event.MessageEventType}, content)
	p.must(err)
	return p.Event(room, sealed)
}

// Event is a sealed event as the homeserver would bring it.
func (p *Peer) Event(room string, sealed *event.EncryptedEventContent) *event.Event {
	return Event(p.s.t.(interface{ Fatal(...any) }), p.User, room, fmt.Sprintf("$%s-%s-%d", p.User, p.Device, p.events.Add(1)), sealed)
}

// Event is a sealed event as the homeserver would bring it.
func Event(t interface{ Fatal(...any) }, user, room, eventID string, sealed *event.EncryptedEventContent) *event.Event {
	text, err := json.Marshal(sealed)
	if err != nil {
		t.Fatal(err)
	}
	return &event.Event{ID: id.EventID(eventID), Sender: id.UserID(user), RoomID: id.RoomID(room), Type: event.EventEncrypted,
		Timestamp: 1700000000000, Content: event.Content{VeryRaw: text}}
}

// Read decrypts what one of our users has sealed.
func (p *Peer) Read(e *event.Event) (*event.Event, error) {
	p.Pump()
	copied := *e
	copied.Content = event.Content{VeryRaw: e.Content.VeryRaw}
	if err := copied.Content.ParseRaw(event.EventEncrypted); err != nil {
		return nil, err
	}
	return p.Machine.DecryptMegolmEvent(context.Background(), &copied)
}

// Pump reads the to-device messages that have come.
func (p *Peer) Pump() {
	p.mu.Lock()
	inbox := p.inbox
	p.inbox = nil
	p.mu.Unlock()
	for _, e := range inbox {
		p.Heard = append(p.Heard, e)
		if e.Content.ParseRaw(e.Type) == nil {
			p.Machine.HandleToDeviceEvent(context.Background(), e)
		}
	}
}

// Withheld is the code under which a key was kept from this device last.
func (p *Peer) Withheld() string {
	p.Pump()
	for _, e := range slices.Backward(p.Heard) {
		if content, ok := e.Content.Parsed.(*event.RoomKeyWithheldEventContent); ok {
			return string(content.Code)
		}
	}
	return ""
}

func (p *Peer) take(e *event.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.Lost {
		p.inbox = append(p.inbox, e)
	}
}

func (p *Peer) must(err error) {
	p.s.t.Helper()
	if err != nil {
		p.s.t.Fatalf("%s of %s: %v", p.Device, p.User, err)
	}
}

// rooms says that every room is encrypted.
type rooms struct{}

// Rooms is a crypto.StateStore in which every room is encrypted.
func Rooms() crypto.StateStore { return rooms{} }

func (rooms) IsEncrypted(context.Context, id.RoomID) (bool, error) { return true, nil }

func (rooms) GetEncryptionEvent(context.Context, id.RoomID) (*event.EncryptionEventContent, error) {
	return &event.EncryptionEventContent{Algorithm: id.AlgorithmMegolmV1}, nil
}

func (rooms) GetHistoryVisibility(context.Context, id.RoomID) (*event.HistoryVisibilityEventContent, error) {
	return nil, nil
}

func (rooms) FindSharedRooms(context.Context, id.UserID) ([]id.RoomID, error) { return nil, nil }

// Trusts asks the homeserver for a device anew, and tells whether it is signed
// by its owner's cross-signing keys, the first that this client has seen.
func (p *Peer) Trusts(user, device string) (bool, error) {
	ctx := context.Background()
	devices, err := p.Machine.FetchKeys(ctx, []id.UserID{id.UserID(user)}, true)
	if err != nil {
		return false, err
	}
	other := devices[id.UserID(user)][id.DeviceID(device)]
	if other == nil {
		return false, nil
	}
	trust, err := p.Machine.ResolveTrustContext(ctx, other)
	return trust >= id.TrustStateCrossSignedTOFU, err
}

// memory is the library's store, which takes the oldest Olm session for the latest.
type memory struct{ *crypto.MemoryStore }

// GetLatestSession implements crypto.Store.
func (m memory) GetLatestSession(ctx context.Context, key id.SenderKey) (latest *crypto.OlmSession, err error) {
	all, err := m.GetSessions(ctx, key)
	for _, s := range all {
		if latest == nil || s.LastDecryptedTime.After(latest.LastDecryptedTime) {
			latest = s
		}
	}
	return latest, err
}
