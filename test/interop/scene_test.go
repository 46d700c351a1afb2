//go:build interop

package interop

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"roomline/signalling"
	"roomline/test/interop/rig"
)

const (
	did       = "+493023125701" // alice's number on the trunk
	caller    = "+493023125999" // who calls it
	aliceTone = 450             // Hz; what alice's microphone plays
	phoneTone = 1000            // Hz; what the telephone plays
	bobTone   = 850             // Hz; what bob's microphone plays
	carrierAt = "127.7.0.3:5060"
)

// scene is a gateway with one user who has a number and is logged in.
type scene struct {
	*gateway
	t     *testing.T
	ctx   context.Context
	alice *rig.User
	line  string // alice's phone-line room

	carrier *rig.Carrier // of a scene that asked for one
}

// with names what a scene may differ in.
type with struct {
	login   rig.Login
	browser *rig.Browser
	changes []string
	limit   time.Duration // of the whole test; 0 is 90 s
	binary  string        // "" is the one with the race detector
	carrier bool          // the trunk is not Asterisk but a carrier that speaks as the test wants
}

// open starts a gateway whose DID belongs to a fresh user, and logs her in.
// Fresh users keep tests apart: rooms of one are nothing to another.
func open(t *testing.T, w with) *scene {
	t.Helper()
	s := begin(t, &w)
	s.gateway = launch(t, w.binary, append([]string{"@alice:", "@" + w.login.Name + ":"}, w.changes...)...)
	s.enter(w)
	s.joinLine()
	return s
}

// begin is a scene with nobody in it yet. It completes w.
func begin(t *testing.T, w *with) *scene {
	t.Helper()
	if w.limit == 0 {
		w.limit = 90 * time.Second
	}
	ctx, cancel := context.WithTimeout(t.Context(), w.limit)
	t.Cleanup(cancel)
	s := &scene{t: t, ctx: ctx}
	if w.login.Name == "" {
		w.login.Name = "alice-" + strings.ToLower(rand.Text()[:8])
	}
	if w.login.Tone == 0 {
		w.login.Tone = aliceTone
	}
	if w.browser == nil {
		w.browser = browser
	}
	bed.Forget() // what an earlier test left to itself
	t.Cleanup(s.quiet)
	if w.carrier {
		var err error
		s.carrier, err = bed.Carrier(carrierAt)
		ok(t, err)
		t.Cleanup(s.carrier.Close)
		w.changes = append(w.changes, "host: 127.7.0.1:5060", "host: "+carrierAt)
	}
	return s
}

// enter logs alice in.
func (s *scene) enter(w with) {
	s.t.Helper()
	var err error
	s.alice, err = w.browser.Login(s.ctx, w.login)
	ok(s.t, err)
	s.t.Cleanup(s.leave)
}

// quiet hangs up at Asterisk's end what a test that failed has left.
func (s *scene) quiet() {
	if !s.t.Failed() || bed.Live() == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_ = bed.HangupAll(ctx) // Asterisk may be down: the test has failed already
}

// joinLine waits until alice has joined the room that is her phone line.
func (s *scene) joinLine() {
	s.t.Helper()
	s.until(s.ctx, "alice to join her phone line", func() bool {
		var rooms struct {
			Joined []string `json:"joined_rooms"`
		}
		err := s.alice.Client(s.ctx, "GET", "/_matrix/client/v3/joined_rooms", nil, &rooms)
		if err == nil && len(rooms.Joined) == 1 {
			s.line = rooms.Joined[0]
		}
		return s.line != ""
	})
}

// join logs another user in, who has no number unless the scene was opened with one for her.
func (s *scene) join(l rig.Login) *rig.User {
	s.t.Helper()
	u, err := browser.Login(s.ctx, l)
	ok(s.t, err)
	s.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = u.Leave(ctx) // the test may have logged her out
	})
	return u
}

// withBob opens a scene in which a second user has bob's number, and is on its line.
func withBob(t *testing.T, w with) (*scene, *rig.User) {
	t.Helper()
	name := "bob-" + strings.ToLower(rand.Text()[:8])
	w.changes = append([]string{"@bob:", "@" + name + ":"}, w.changes...)
	s := open(t, w)
	bob := s.join(rig.Login{Name: name, Tone: bobTone})
	s.until(s.ctx, "bob to join his phone line", func() bool { return len(joined(s, bob)) > 0 })
	return s, bob
}

func joined(s *scene, u *rig.User) []string {
	var rooms struct {
		Joined []string `json:"joined_rooms"`
	}
	ok(s.t, u.Client(s.ctx, "GET", "/_matrix/client/v3/joined_rooms", nil, &rooms))
	return rooms.Joined
}

// all are the records of calls that have ended.
func (s *scene) all() []signalling.Record {
	s.t.Helper()
	records, err := s.Records()
	ok(s.t, err)
	return records
}

// leave closes alice's page; where a test failed it says what she saw.
func (s *scene) leave() {
	if s.t.Failed() && s.gateway != nil {
		_ = os.WriteFile(filepath.Join(s.dir, "page.log"), []byte(strings.Join(s.alice.Log(), "\n")), 0o600)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_ = s.alice.Leave(ctx) // the test may have ended her browser already
}

// dial calls a number from the room and returns both ends of the call.
func (s *scene) dial(typed, number string) (*rig.RoomCall, *rig.Phone) {
	s.t.Helper()
	call, err := s.alice.Dial(s.ctx, typed, 0)
	ok(s.t, err)
	phone, err := bed.WaitCall(s.ctx, number)
	ok(s.t, err)
	return call, phone
}

// connect dials a number that answers, and waits until audio can flow.
func (s *scene) connect(typed, number string) (*rig.RoomCall, *rig.Phone) {
	s.t.Helper()
	call, phone := s.dial(typed, number)
	ok(s.t, call.WaitState(s.ctx, "connected"))
	return call, phone
}

// ring has a telephone call alice, and returns both ends while it rings.
func (s *scene) ring() (*rig.RoomCall, *rig.Phone) {
	s.t.Helper()
	phone, err := bed.Originate(s.ctx, rig.Call{To: did, From: caller, Name: "Carol"})
	ok(s.t, err)
	call, err := s.alice.WaitIncoming(s.ctx, "")
	ok(s.t, err)
	return call, phone
}

// hears fails unless most of a sound is a clean tone without a gap.
func hears(t *testing.T, who string, s rig.Sound, hz float64, least time.Duration) rig.Tone {
	t.Helper()
	tone := s.Tone(hz)
	t.Logf("%s hears %v (of %v)", who, tone, s.Length())
	if tone.Present < least || tone.Longest > 200*time.Millisecond || tone.Level < -30 {
		t.Errorf("%s should hear %v Hz for %v: %v", who, hz, least, tone)
	}
	return tone
}

// listens records a client for a while, the first moments of which a browser
// may still spend on what it had before, and wants a steady tone in it.
func (s *scene) listens(who string, c *rig.RoomCall, hz float64) {
	s.t.Helper()
	heard, err := c.Record(s.ctx, 3*time.Second)
	ok(s.t, err)
	hears(s.t, who, heard, hz, 1700*time.Millisecond)
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
