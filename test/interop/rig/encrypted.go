package rig

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Sealed is an event as an encrypting client reads it.
type Sealed struct {
	Event
	Wire    string `json:"wire"`    // the type it came with: m.room.encrypted
	Failure string `json:"failure"` // why the client says "unable to decrypt"; "" where it can
}

// Timeline is what Session.Timeline is, as the user's client reads it where it encrypts.
func (u *User) Timeline(ctx context.Context, room string) ([]Event, error) {
	if !u.crypto {
		return u.Session.Timeline(ctx, room)
	}
	all, err := u.Reads(ctx, room)
	var list []Event
	for _, e := range all {
		if !strings.HasPrefix(e.Type, "m.room.") || e.Type == "m.room.message" {
			list = append(list, e.Event)
		}
	}
	return list, err
}

// WaitTimeline is what Session.WaitTimeline is, as the user's client reads it.
func (u *User) WaitTimeline(ctx context.Context, room string, f func([]Event) bool) ([]Event, error) {
	return poll(ctx, func() ([]Event, error) { return u.Timeline(ctx, room) }, f)
}

// Reads is everything that the client has of a room, oldest first.
func (u *User) Reads(ctx context.Context, room string) (all []Sealed, err error) {
	return all, u.do(ctx, &all, "timeline", room)
}

// Unreadable are the events of a room that the client is unable to decrypt.
func (u *User) Unreadable(ctx context.Context, room string) (all []Sealed, err error) {
	return all, u.do(ctx, &all, "unreadable", room)
}

// Encrypted tells whether the client takes a room for encrypted.
func (u *User) Encrypted(ctx context.Context, room string) (is bool, err error) {
	return is, u.do(ctx, &is, "encrypted", room)
}

// Recovery puts the user's own keys away at the homeserver, and returns the
// recovery key with which another device may have them.
func (u *User) Recovery(ctx context.Context) (key string, err error) {
	return key, u.do(ctx, &key, "recovery", nil)
}

// Trust is what a client makes of one device of somebody else.
type Trust struct {
	Device   string `json:"device"`
	Name     string `json:"name"`
	Signed   bool   `json:"signed"`   // by its owner's own keys
	Verified bool   `json:"verified"` // and the user has verified the owner
}

// Trust lists the devices of somebody.
func (u *User) Trust(ctx context.Context, user string) (all []Trust, err error) {
	return all, u.do(ctx, &all, "trust", user)
}

// Shield is what a client draws beside an encrypted event of somebody else.
type Shield struct {
	Type   string `json:"type"`
	Colour int    `json:"shieldColour"` // 0 none, 1 grey, 2 red
	Reason *int   `json:"shieldReason"`
}

// Shields are those of a room, oldest first.
func (u *User) Shields(ctx context.Context, room string) (all []Shield, err error) {
	return all, u.do(ctx, &all, "shields", room)
}

// Discard lets the client's next event in a room be under a new key.
func (u *User) Discard(ctx context.Context, room string) error {
	return u.do(ctx, nil, "discard", room)
}

// VerifiedOnly is Element's "never send to unverified devices".
func (u *User) VerifiedOnly(ctx context.Context, on bool) error {
	return u.do(ctx, nil, "verifiedOnly", on)
}

// SignedOnly is Element's "exclude insecure devices": keys go to devices that
// their owners have signed, and only those are believed.
func (u *User) SignedOnly(ctx context.Context, on bool) error {
	return u.do(ctx, nil, "signedOnly", on)
}

// Write has the client send an event, encrypted where the room is, and returns its id.
func (u *User) Write(ctx context.Context, room, kind string, content any) (id string, err error) {
	return id, u.do(ctx, &id, "send", map[string]any{"room": room, "type": kind, "content": content})
}

// Say writes a message into a room, encrypted where the client encrypts.
func (u *User) Say(ctx context.Context, room, text string) error {
	if !u.crypto {
		return u.Session.Say(ctx, room, text)
	}
	_, err := u.Write(ctx, room, "m.room.message", map[string]any{"msgtype": "m.text", "body": text})
	return err
}

// Decrypts tells why the client cannot read an event that somebody hands to it; "" if it can.
func (u *User) Decrypts(ctx context.Context, e Event) (failure string, err error) {
	return failure, u.do(ctx, &failure, "decrypts", e)
}

// Raw is one event as the homeserver has it, encrypted or not.
func (s Session) Raw(ctx context.Context, room, id string) (e Event, err error) {
	return e, s.Client(ctx, http.MethodGet, "/_matrix/client/v3/rooms/"+url.PathEscape(room)+"/event/"+url.PathEscape(id), nil, &e)
}

// EncryptedRoom makes a private room that is encrypted from the first.
func (s Session) EncryptedRoom(ctx context.Context, more map[string]any, invite ...string) (string, error) {
	if more == nil {
		more = map[string]any{}
	}
	more["initial_state"] = []any{map[string]any{"type": "m.room.encryption", "state_key": "", "content": map[string]any{"algorithm": "m.megolm.v1.aes-sha2"}}}
	return s.CreateRoom(ctx, more, invite...)
}

// Plain lists who sent what unencrypted into a room; what m.room.* events say of the room apart.
func (s Session) Plain(ctx context.Context, room string) (types []string, err error) {
	all, err := s.Events(ctx, room)
	for _, e := range all {
		if e.Type != "m.room.encrypted" && (e.Type == "m.room.message" || !strings.HasPrefix(e.Type, "m.room.")) {
			types = append(types, e.Sender+" "+e.Type)
		}
	}
	return slices.Compact(types), err
}

// poll looks until f has found what it looks for.
func poll(ctx context.Context, get func() ([]Event, error), f func([]Event) bool) ([]Event, error) {
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for {
		list, err := get()
		if err != nil || f(list) {
			return list, err
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return list, ctx.Err()
		}
	}
}
