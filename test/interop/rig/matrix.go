package rig

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
)

// Session is one login at the homeserver.
type Session struct {
	bed    *Bed
	ID     string `json:"user_id"`
	Token  string `json:"access_token"`
	Device string `json:"device_id"`
}

// Event is one event of a room, as the client API gives it.
type Event struct {
	ID      string         `json:"event_id"`
	Room    string         `json:"room_id"`
	Type    string         `json:"type"`
	Sender  string         `json:"sender"`
	Content map[string]any `json:"content"`
	TS      int64          `json:"origin_server_ts"` // ms since 1970
}

// At is when the homeserver took the event.
func (e Event) At() time.Time { return time.UnixMilli(e.TS) }

// Text is one string of the content, "" where it is none.
func (e Event) Text(key string) string { s, _ := e.Content[key].(string); return s }

// Timeline is a room's calls and messages, oldest first: the m.call events, those
// of the gateway's own types, and m.room.message.
func (s Session) Timeline(ctx context.Context, room string) ([]Event, error) {
	all, err := s.Events(ctx, room)
	return slices.DeleteFunc(all, func(e Event) bool { return strings.HasPrefix(e.Type, "m.room.") && e.Type != "m.room.message" }), err
}

// Events are the last 500 events of a room, oldest first.
func (s Session) Events(ctx context.Context, room string) ([]Event, error) {
	var page struct{ Chunk []Event }
	path := "/_matrix/client/v3/rooms/" + url.PathEscape(room) + "/messages?dir=b&limit=500"
	if err := s.bed.matrix(ctx, s.Token, http.MethodGet, path, nil, &page); err != nil {
		return nil, err
	}
	slices.Reverse(page.Chunk)
	return page.Chunk, nil
}

// Told is what others than the user have written, each message as it was last
// edited, oldest first.
func (s Session) Told(events []Event) (texts []string) {
	at := map[string]int{} // by event id
	for _, e := range events {
		if e.Type != "m.room.message" || e.Sender == s.ID {
			continue
		}
		relates, _ := e.Content["m.relates_to"].(map[string]any)
		edited, _ := e.Content["m.new_content"].(map[string]any)
		if i, known := at[fmt.Sprint(relates["event_id"])]; known && relates["rel_type"] == "m.replace" {
			texts[i], _ = edited["body"].(string)
			continue
		}
		at[e.ID] = len(texts)
		texts = append(texts, e.Text("body"))
	}
	return texts
}

// Say writes a message into a room.
func (s Session) Say(ctx context.Context, room, text string) error {
	return s.Send(ctx, room, "m.room.message", map[string]any{"msgtype": "m.text", "body": text})
}

// CreateRoom makes a private room and invites users to it.
func (s Session) CreateRoom(ctx context.Context, more map[string]any, invite ...string) (room string, err error) {
	content := map[string]any{"preset": "private_chat", "invite": invite}
	maps.Copy(content, more)
	var made struct {
		Room string `json:"room_id"`
	}
	err = s.Client(ctx, http.MethodPost, "/_matrix/client/v3/createRoom", content, &made)
	return made.Room, err
}

// Members are the users who are in a room, with the names they have there.
func (s Session) Members(ctx context.Context, room string) (map[string]string, error) {
	var list struct {
		Joined map[string]struct {
			Name string `json:"display_name"`
		}
	}
	err := s.Client(ctx, http.MethodGet, "/_matrix/client/v3/rooms/"+url.PathEscape(room)+"/joined_members", nil, &list)
	names := map[string]string{}
	for id, m := range list.Joined {
		names[id] = m.Name
	}
	return names, err
}

// WaitTimeline returns the timeline once f has found in it what it looks for.
func (s Session) WaitTimeline(ctx context.Context, room string, f func([]Event) bool) ([]Event, error) {
	return poll(ctx, func() ([]Event, error) { return s.Timeline(ctx, room) }, f)
}

// Devices are the ids of the devices that the user is logged in with.
func (s Session) Devices(ctx context.Context) (ids []string, err error) {
	var list struct {
		Devices []struct {
			ID string `json:"device_id"`
		}
	}
	err = s.Client(ctx, http.MethodGet, "/_matrix/client/v3/devices", nil, &list)
	for _, d := range list.Devices {
		ids = append(ids, d.ID)
	}
	slices.Sort(ids)
	return ids, err
}

// Send puts an event into a room: for calls written by hand.
func (s Session) Send(ctx context.Context, room, kind string, content any) error {
	path := fmt.Sprintf("/_matrix/client/v3/rooms/%s/send/%s/%d", url.PathEscape(room), kind, time.Now().UnixNano())
	return s.bed.matrix(ctx, s.Token, http.MethodPut, path, content, nil)
}

// Client calls the client API: Client(ctx, "GET", "/_matrix/client/v3/joined_rooms", nil, &out).
func (s Session) Client(ctx context.Context, method, path string, body, out any) error {
	return s.bed.matrix(ctx, s.Token, method, path, body, out)
}

// Account logs a user in without a browser, and registers it first where needed.
func (b *Bed) Account(ctx context.Context, name string) (Session, error) { return b.login(ctx, name) }

// login logs a user in with the bed's password, after registering it where needed.
// With Dendrite the device of a registration has the same id for everybody, which
// clients take for their own where another's client names it as a party: nobody uses it.
func (b *Bed) login(ctx context.Context, name string) (Session, error) {
	s, err := b.password(ctx, name)
	if err == nil {
		return s, nil
	}
	s = Session{bed: b}
	if err := b.register(ctx, name, &s); err != nil || !b.Dendrite {
		return s, err
	}
	if err := s.Client(ctx, http.MethodPost, "/_matrix/client/v3/logout", map[string]any{}, nil); err != nil {
		return s, err
	}
	return b.password(ctx, name)
}

func (b *Bed) password(ctx context.Context, name string) (Session, error) {
	s := Session{bed: b}
	err := b.matrix(ctx, "", http.MethodPost, "/_matrix/client/v3/login", map[string]any{"type": "m.login.password", "password": os.Getenv("BED_PASSWORD"),
		"identifier": map[string]any{"type": "m.id.user", "user": name}}, &s)
	return s, err
}

// register makes a user by the registration's shared secret, which Synapse and Dendrite do alike.
func (b *Bed) register(ctx context.Context, name string, s *Session) error {
	const path = "/_synapse/admin/v1/register"
	var n struct{ Nonce string }
	if err := b.matrix(ctx, "", http.MethodGet, path, nil, &n); err != nil {
		return err
	}
	mac := hmac.New(sha1.New, []byte(os.Getenv("BED_REG_SECRET")))
	fmt.Fprintf(mac, "%s\x00%s\x00%s\x00notadmin", n.Nonce, name, os.Getenv("BED_PASSWORD"))
	return b.matrix(ctx, "", http.MethodPost, path, map[string]any{"nonce": n.Nonce, "username": name, "password": os.Getenv("BED_PASSWORD"),
		"admin": false, "mac": hex.EncodeToString(mac.Sum(nil))}, s)
}

// matrix is one request to the homeserver.
func (b *Bed) matrix(ctx context.Context, token, method, path string, body, out any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, b.Homeserver+path, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s: %.300s", method, path, resp.Status, got)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(got, out)
}
