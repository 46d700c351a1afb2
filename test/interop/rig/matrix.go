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
	Type    string         `json:"type"`
	Sender  string         `json:"sender"`
	Content map[string]any `json:"content"`
	TS      int64          `json:"origin_server_ts"` // ms since 1970
}

// At is when the homeserver took the event.
func (e Event) At() time.Time { return time.UnixMilli(e.TS) }

// Text is one string of the content, "" where it is none.
func (e Event) Text(key string) string { s, _ := e.Content[key].(string); return s }

// Timeline is a room's calls and notices, oldest first: the m.call events and the
// m.room.message events of type m.notice.
func (s Session) Timeline(ctx context.Context, room string) ([]Event, error) {
	var page struct{ Chunk []Event }
	path := "/_matrix/client/v3/rooms/" + url.PathEscape(room) + "/messages?dir=b&limit=500"
	if err := s.bed.matrix(ctx, s.Token, http.MethodGet, path, nil, &page); err != nil {
		return nil, err
	}
	slices.Reverse(page.Chunk)
	return slices.DeleteFunc(page.Chunk, func(e Event) bool {
		return !strings.HasPrefix(e.Type, "m.call.") && e.Text("msgtype") != "m.notice"
	}), nil
}

// WaitTimeline returns the timeline once f has found in it what it looks for.
func (s Session) WaitTimeline(ctx context.Context, room string, f func([]Event) bool) ([]Event, error) {
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for {
		list, err := s.Timeline(ctx, room)
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

// Send puts an event into a room: for calls written by hand.
func (s Session) Send(ctx context.Context, room, kind string, content any) error {
	path := fmt.Sprintf("/_matrix/client/v3/rooms/%s/send/%s/%d", url.PathEscape(room), kind, time.Now().UnixNano())
	return s.bed.matrix(ctx, s.Token, http.MethodPut, path, content, nil)
}

// Client calls the client API: Client(ctx, "GET", "/_matrix/client/v3/joined_rooms", nil, &out).
func (s Session) Client(ctx context.Context, method, path string, body, out any) error {
	return s.bed.matrix(ctx, s.Token, method, path, body, out)
}

// login logs a user in with the bed's password, after registering it where needed.
func (b *Bed) login(ctx context.Context, name string) (Session, error) {
	s := Session{bed: b}
	err := b.matrix(ctx, "", http.MethodPost, "/_matrix/client/v3/login", map[string]any{"type": "m.login.password", "password": os.Getenv("BED_PASSWORD"),
		"identifier": map[string]any{"type": "m.id.user", "user": name}}, &s)
	if err == nil {
		return s, nil
	}
	return s, b.register(ctx, name, &s)
}

// register makes a user by Synapse's shared secret.
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
