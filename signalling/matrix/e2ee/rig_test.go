package e2ee

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"roomline/internal/database"
	"roomline/internal/database/databasetest"
	"roomline/signalling/matrix/e2ee/e2eetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	room  = "!call:example.org"
	ghost = "@tel_1:example.org"
	other = "@tel_2:example.org"
	alice = "@alice:example.org"
	bob   = "@bob:example.org"
)

// rig is our devices on a homeserver of the test's.
type rig struct {
	t  testing.TB
	at database.Address
	hs *e2eetest.Server
	*Devices
	db  *database.DB
	cfg Config

	mu   sync.Mutex
	read map[string]int // to-device messages that are done, by user
}

// setUp is a rig over SQLite.
func setUp(t *testing.T, cfg Config) *rig {
	t.Helper()
	return setUpAt(t, databasetest.File(t), cfg)
}

func setUpAt(t testing.TB, at database.Address, cfg Config) *rig {
	t.Helper()
	if cfg.Policy == "" {
		cfg.Policy = CrossSigned
	}
	r := &rig{t: t, at: at, hs: e2eetest.New(t), cfg: cfg, read: map[string]int{}}
	r.hs.Deliver = func(user, device string, e *event.Event) {
		r.Devices.ToDevice(user, device, e, func() { r.done(user) })
	}
	r.hs.Changed = func(users []string) { r.Devices.Changed(users) }
	r.start()
	t.Cleanup(r.stop)
	return r
}

func (r *rig) start() {
	r.t.Helper()
	var err error
	r.until("the database is free", func() bool { // a process that another test starts holds our files for a moment
		r.db, err = database.Open(context.Background(), r.at, slog.New(slog.DiscardHandler))
		return !errors.Is(err, database.ErrInUse)
	})
	if err != nil {
		r.t.Fatal(err)
	}
	if r.Devices, err = New(context.Background(), r.cfg, r.db, e2eetest.Rooms(), r.hs, slog.New(slog.DiscardHandler)); err != nil {
		r.db.Close()
		r.t.Fatal(err)
	}
}

func (r *rig) stop() {
	if err := r.Devices.Close(); err != nil {
		r.t.Error(err)
	}
	if err := r.Devices.Close(); err != nil {
		r.t.Error(err)
	}
	if r.db != nil {
		r.db.Close()
	}
}

// restart is what a crash leaves, and a new start makes of it.
func (r *rig) restart() {
	r.t.Helper()
	r.stop()
	r.start()
}

func (r *rig) done(user string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.read[user]++
}

// device makes sure of a user's device, and returns its id.
func (r *rig) device(user string) string {
	r.t.Helper()
	if err := r.Ensure(r.t.Context(), user); err != nil {
		r.t.Fatal(err)
	}
	got, _ := r.row(user)
	return got.device
}

// idle waits until every inbox is empty.
func (r *rig) idle() {
	r.t.Helper()
	r.until("the messages to devices are read", func() bool {
		r.Devices.mu.Lock()
		defer r.Devices.mu.Unlock()
		return len(r.inbox) == 0
	})
}

// until waits for something to become true.
func (r *rig) until(what string, f func() bool) {
	r.t.Helper()
	tick, patience := time.NewTicker(5*time.Millisecond), time.After(20*time.Second)
	defer tick.Stop()
	for !f() {
		select {
		case <-tick.C:
		case <-patience:
			r.t.Fatalf("waited in vain until %s", what)
		}
	}
}

// opens reads an event, which must succeed, and returns its type.
func (r *rig) opens(user string, e *event.Event) *event.Event {
	r.t.Helper()
	r.idle()
	opened, err := r.Open(r.t.Context(), user, e)
	if err != nil {
		r.t.Fatalf("%s cannot read %s: %v", user, e.ID, err)
	}
	return opened
}

// refuses reads an event, which must fail.
func (r *rig) refuses(user string, e *event.Event) error {
	r.t.Helper()
	r.idle()
	opened, err := r.Open(r.t.Context(), user, e)
	if err == nil {
		r.t.Fatalf("%s reads %s: %s", user, e.ID, opened.Content.VeryRaw)
	}
	return err
}

// says seals an event, which must succeed.
func (r *rig) says(user string, members ...string) *event.Event {
	r.t.Helper()
	sealed, err := r.Seal(r.t.Context(), user, room, "m.call.answer", map[string]any{"call_id": "c"}, list(members...))
	if err != nil {
		r.t.Fatal(err)
	}
	return e2eetest.Event(r.t, user, room, "$"+id.EventID(sealed.SessionID.String()[:8]).String()+string(sealed.MegolmCiphertext[:12]), sealed)
}

func list(members ...string) func(context.Context) ([]string, error) {
	return func(context.Context) ([]string, error) { return members, nil }
}

func sessionOf(e *event.Event) string {
	var content struct {
		SessionID string `json:"session_id"`
	}
	_ = json.Unmarshal(e.Content.VeryRaw, &content)
	return content.SessionID
}

var call = map[string]any{"call_id": "c", "version": "1"}
