package e2ee

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"roomline/internal/database"
)

// FuzzOpen gives all kinds of contents to Open: it ends in an error, or in the
// event that was sealed.
func FuzzOpen(f *testing.F) {
	r, e := fuzzed(f)
	f.Add([]byte(e.Content.VeryRaw), string(e.ID), string(e.RoomID), string(e.Sender), e.Timestamp)
	f.Add([]byte(strings.Replace(string(e.Content.VeryRaw), sessionOf(e), strings.Repeat("A", 43), 1)), "$x", room, alice, int64(0))
	for _, content := range malformed(r.keyOf(ghost), strings.Repeat("A", 43)) {
		f.Add([]byte(content), "$x", room, alice, int64(1))
	}
	f.Fuzz(func(t *testing.T, content []byte, eventID, room, sender string, at int64) {
		forged := &event.Event{ID: id.EventID(eventID), RoomID: id.RoomID(room), Sender: id.UserID(sender), Timestamp: at,
			Type: event.EventEncrypted, Content: event.Content{VeryRaw: json.RawMessage(content)}}
		opened, err := r.Open(context.Background(), ghost, forged)
		if err == nil && (sender != alice || opened.Type.Type != "m.call.invite" || opened.RoomID != e.RoomID || opened.ID != e.ID) {
			t.Errorf("opened %+v", opened)
		}
		if errors.Is(err, errDatabase) {
			t.Error(err)
		}
	})
}

// FuzzToDevice gives all kinds of messages to a device: each is done.
func FuzzToDevice(f *testing.F) {
	r, _ := fuzzed(f)
	key := r.hs.Peer(alice, "LAPTOP").Key()
	mine, _ := r.row(ghost)
	for _, kind := range []string{"m.room.encrypted", "m.room_key.withheld", "m.key.verification.start"} {
		for _, content := range malformed(r.keyOf(ghost), key) {
			f.Add(kind, []byte(content), alice)
		}
	}
	f.Fuzz(func(t *testing.T, kind string, content []byte, sender string) {
		done := make(chan struct{})
		e := &event.Event{Sender: id.UserID(sender), Type: event.Type{Type: kind, Class: event.ToDeviceEventType},
			Content: event.Content{VeryRaw: json.RawMessage(content)}}
		r.ToDevice(ghost, mine.device, e, func() { close(done) })
		<-done
	})
}

// fuzzed is a rig with an event that can be read.
func fuzzed(f *testing.F) (*rig, *event.Event) {
	f.Helper()
	r := setUpAt(f, database.Address(filepath.Join(f.TempDir(), "roomline.db")), Config{})
	r.device(ghost)
	e := r.hs.Peer(alice, "PHONE").CrossSigned().Say(room, "m.call.invite", call, ghost)
	r.opens(ghost, e)
	return r, e
}
