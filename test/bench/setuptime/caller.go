package main

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/crypto"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

const callerID = "@caller:example.org"

// caller is a person's client that encrypts: one device, signed by its owner.
type caller struct {
	mu      sync.Mutex // of what comes from the homeserver
	machine *crypto.OlmMachine
	read    int // events
}

func newCaller(ctx context.Context, homeserver string) (*caller, error) {
	client, err := mautrix.NewClient(homeserver, callerID, "token")
	if err != nil {
		return nil, err
	}
	client.DeviceID, client.SetAppServiceUserID, client.SetAppServiceDeviceID = "CLIENT", true, true
	m := crypto.NewOlmMachine(client, nil, crypto.NewMemoryStore(nil), encrypted{})
	if err := m.Load(ctx); err != nil {
		return nil, err
	}
	if err := m.ShareKeys(ctx, 0); err != nil {
		return nil, err
	}
	keys, err := m.GenerateCrossSigningKeys()
	if err != nil {
		return nil, err
	}
	if err := m.PublishCrossSigningKeys(ctx, keys, nil); err != nil {
		return nil, err
	}
	m.CrossSigningKeys = keys
	return &caller{machine: m}, m.SignOwnDevice(ctx, m.OwnIdentity())
}

// take receives a message to the device.
func (c *caller) take(ctx context.Context, message map[string]any) error {
	raw, err := json.Marshal(message)
	if err != nil {
		return err
	}
	var e event.Event
	if err := json.Unmarshal(raw, &e); err != nil {
		return err
	}
	e.Type.Class = event.ToDeviceEventType
	if err := e.Content.ParseRaw(e.Type); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.machine.HandleToDeviceEvent(ctx, &e)
	return nil
}

// seal encrypts an event for a room's telephone, which is given the key where it is new.
func (c *caller) seal(ctx context.Context, room, kind string, content any) (map[string]any, error) {
	typ := event.Type{Type: kind, Class: event.MessageEventType}
	sealed, err := c.machine.EncryptMegolmEvent(ctx, id.RoomID(room), typ, content)
	if crypto.IsShareError(err) {
		if err = c.machine.ShareGroupSession(ctx, id.RoomID(room), []id.UserID{callerID, telephone}); err == nil {
			sealed, err = c.machine.EncryptMegolmEvent(ctx, id.RoomID(room), typ, content)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("encrypt %s: %w", kind, err)
	}
	raw, err := json.Marshal(sealed)
	if err != nil {
		return nil, err
	}
	var out map[string]any
	return out, json.Unmarshal(raw, &out)
}

// open reads an event of a room's telephone.
func (c *caller) open(ctx context.Context, room string, content json.RawMessage) (kind string, clear json.RawMessage, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read++
	e := &event.Event{Type: event.EventEncrypted, RoomID: id.RoomID(room), Sender: telephone, ID: id.EventID(fmt.Sprint("$read", c.read)),
		Content: event.Content{VeryRaw: content}}
	if err := e.Content.ParseRaw(e.Type); err != nil {
		return "", nil, err
	}
	said, err := c.machine.DecryptMegolmEvent(ctx, e)
	if err != nil {
		return "", nil, fmt.Errorf("read what the telephone says: %w", err)
	}
	return said.Type.Type, said.Content.VeryRaw, nil
}

// encrypted says of every room that it is.
type encrypted struct{}

func (encrypted) IsEncrypted(context.Context, id.RoomID) (bool, error) { return true, nil }

func (encrypted) GetEncryptionEvent(context.Context, id.RoomID) (*event.EncryptionEventContent, error) {
	return &event.EncryptionEventContent{Algorithm: id.AlgorithmMegolmV1}, nil
}

func (encrypted) GetHistoryVisibility(context.Context, id.RoomID) (*event.HistoryVisibilityEventContent, error) {
	return &event.HistoryVisibilityEventContent{HistoryVisibility: event.HistoryVisibilityShared}, nil
}

func (encrypted) FindSharedRooms(context.Context, id.UserID) ([]id.RoomID, error) { return nil, nil }
