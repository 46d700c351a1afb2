package matrix

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// examiner is a homeserver that passes parts of the test.
type examiner struct {
	gate     *gate
	device   error
	message  error
	drops    int    // messages that it loses first
	says     string // what becomes of the nonce; empty: it arrives
	quiet    bool   // no counts
	sent     int
	prepared int
}

func (x *examiner) prepare(context.Context) error { x.prepared++; return x.device }

func (x *examiner) send(_ context.Context, nonce string) error {
	x.sent++
	if x.drops--; x.drops >= 0 || x.message != nil {
		return x.message
	}
	text, _ := json.Marshal(map[string]string{"nonce": nonce + x.says})
	x.gate.ToDevice(botUser, probeDevice, &event.Event{Sender: botUser, Type: event.Type{Type: typeProbe}, Content: event.Content{VeryRaw: text}}, func() {})
	if !x.quiet {
		x.gate.Counted(mautrix.OTKCount{UserID: botUser, DeviceID: probeDevice}, nil)
	}
	return nil
}

// What the homeserver does tells which of its switches is missing.
func TestProbe(t *testing.T) {
	t.Parallel()
	refused := func(status int) error {
		return mautrix.HTTPError{Response: &http.Response{StatusCode: status}, RespError: &mautrix.RespError{ErrCode: "M_X"}}
	}
	for name, tt := range map[string]struct {
		x    examiner
		want ability
	}{
		"all is on":              {examiner{}, abilityOn},
		"it was away":            {examiner{drops: 2}, abilityOn},
		"Dendrite":               {examiner{device: refused(404)}, abilityNoDevices},
		"no messages":            {examiner{drops: 100}, abilityNoToDevice},
		"messages are refused":   {examiner{message: refused(404)}, abilityNoToDevice},
		"another's message":      {examiner{says: "x"}, abilityNoToDevice},
		"no counts":              {examiner{quiet: true}, abilityNoCounts},
		"it does not answer":     {examiner{device: errors.New("connection refused")}, abilityUnknown},
		"it stops in the middle": {examiner{message: refused(502)}, abilityUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				box := &strongbox{}
				x := tt.x
				g := newGate(box, &x, botUser, discard())
				x.gate = g
				if err := g.Ensure(t.Context(), ghost); err != nil || len(box.made) != 0 {
					t.Errorf("keys before the test: %v, %v", box.made, err)
				}
				g.try(t.Context(), true)
				if g.ability() != tt.want {
					t.Errorf("it is %q, expected %q", g.ability(), tt.want)
				}
				able := tt.want == abilityOn
				if err := g.Ensure(t.Context(), ghost); err != nil || slices.Contains(box.made, ghost) != able || slices.Contains(box.made, botUser) != able {
					t.Errorf("devices of %v, %v", box.made, err)
				}
				_, err := g.Seal(t.Context(), ghost, room, typeHangup, nil, func(context.Context) ([]string, error) { return nil, nil })
				if (err == nil) != able || permanent(err) != (tt.want.missing()) {
					t.Errorf("seal: %v", err)
				}
				sent := x.sent
				g.try(t.Context(), false) // not again so soon, unless nothing is known
				if again := x.sent != sent || x.prepared > 1; again != (tt.want == abilityUnknown) {
					t.Errorf("asked %d times", x.prepared)
				}
				<-time.After(probeAgain)
				x.drops, x.device, x.message, x.says, x.quiet = 0, nil, nil, "", false
				g.try(t.Context(), false)
				if g.ability() != abilityOn {
					t.Errorf("%q once all is on", g.ability())
				}
				if slices.Contains(box.counted, probeDevice) {
					t.Error("the vault was told of the test's device")
				}
			})
		})
	}
}

// Who needs keys while the first test goes on waits for it, but not for ever.
func TestKeysWaitForTheTest(t *testing.T) {
	t.Parallel()
	for name, passes := range map[string]bool{"passes": true, "never ends": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				box := &strongbox{}
				g := newGate(box, &examiner{}, botUser, discard())
				begun := time.Now()
				if passes {
					time.AfterFunc(time.Second, func() { g.found(abilityOn) })
				}
				if err := g.Ensure(t.Context(), ghost); err != nil || slices.Contains(box.made, ghost) != passes {
					t.Errorf("devices of %v, %v", box.made, err)
				}
				if took := time.Since(begun); took > 20*time.Second || passes && took != time.Second {
					t.Errorf("waited for %v", took)
				}
			})
		})
	}
}

// Who asks what the homeserver can do, having just put it right, is not told
// what it could do before; and makes no test after a moment ago.
func TestWhoAsksIsToldWhatIsNow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := &examiner{drops: 100}
		g := newGate(&strongbox{}, x, botUser, discard())
		x.gate = g
		g.try(t.Context(), false)
		if got := g.fresh(t.Context()); got != abilityNoToDevice || x.prepared != 1 {
			t.Errorf("it is %q after %d tests", got, x.prepared)
		}
		<-time.After(freshFor)
		x.drops = 0
		told := make(chan ability, 2)
		for range 2 {
			go func() { told <- g.fresh(t.Context()) }() // ends with the test; both answers are read
		}
		<-g.wake
		g.try(t.Context(), false)
		if a, b := <-told, <-told; a != abilityOn || b != abilityOn {
			t.Errorf("they are told %q and %q", a, b)
		}
		<-time.After(freshFor)
		if got := g.fresh(t.Context()); got != abilityOn || x.prepared != 2 {
			t.Errorf("it is %q after %d tests", got, x.prepared)
		}
		g.set(abilityNoDevices)
		<-time.After(freshFor)
		asked := time.Now()
		if got := g.fresh(t.Context()); got != abilityNoDevices || time.Since(asked) != firstTest {
			t.Errorf("it is %q after %v without an answer", got, time.Since(asked))
		}
	})
}

// What is not of the test goes on to the vault.
func TestGatePasses(t *testing.T) {
	t.Parallel()
	box := &strongbox{}
	g := newGate(box, &examiner{}, botUser, discard())
	done := 0
	for _, to := range [][2]string{{ghost, "D"}, {botUser, "D"}, {botUser, probeDevice}} {
		g.ToDevice(to[0], to[1], &event.Event{Content: event.Content{VeryRaw: []byte(`{"nonce":`)}}, func() { done++ })
	}
	g.Counted(mautrix.OTKCount{UserID: botUser, DeviceID: "D"}, nil)
	g.Counted(mautrix.OTKCount{UserID: id.UserID(ghost), DeviceID: "G"}, nil)
	if done != 3 || strings.Join(box.counted, " ") != "D G" {
		t.Errorf("%d, %v", done, box.counted)
	}
}

// vaulted is a rig whose homeserver is put to the test; it passes if it brings
// what it is sent.
func vaulted(t *testing.T, brings bool, options ...option) (*rig, *strongbox) {
	t.Helper()
	box := &strongbox{}
	r := newRig(t, append(options, func(cfg *Config, c *Client) {
		cfg.Encryption.Enabled = true
		if c != nil {
			c.vault = box
		}
	})...)
	if brings {
		r.until("it is asked to bring a message", func() bool { return r.hs.said("PUT sendToDevice/" + typeProbe) })
		r.bring()
		r.until("all is on", func() bool { return r.c.ability() == abilityOn })
	}
	return r, box
}

// bring sends back what the bot sent itself, as Synapse does.
func (r *rig) bring() {
	r.t.Helper()
	var content json.RawMessage
	r.hs.set(func() { content = r.hs.toBot })
	body, err := json.Marshal(map[string]any{"events": []any{},
		"de.sorunome.msc2409.to_device":                 []any{map[string]any{"type": typeProbe, "sender": botUser, "content": content, "to_user_id": botUser, "to_device_id": probeDevice}},
		"org.matrix.msc3202.device_one_time_keys_count": map[string]any{botUser: map[string]any{probeDevice: map[string]any{}}}})
	if err != nil {
		r.t.Fatal(err)
	}
	if status, _ := r.ask(http.MethodPut, "/_matrix/app/v1/transactions/probe", "Bearer "+r.hs.hsToken, strings.NewReader(string(body))); status != http.StatusOK {
		r.t.Fatal(status)
	}
}

// T61: the number's user has its device before the lookup is answered, and
// none before the homeserver has passed the test.
func TestLookupMakesADevice(t *testing.T) {
	t.Parallel()
	r, box := vaulted(t, true)
	for _, path := range []string{"user/m.protocol.pstn?m.id.phone=%2B49301234567"} {
		if status, text := r.get(thirdparty + path); status != http.StatusOK || !strings.Contains(text, ghost) {
			t.Errorf("%d %s", status, text)
		}
	}
	if !slices.Contains(box.made, ghost) || !slices.Contains(box.made, botUser) {
		t.Errorf("devices of %v", box.made)
	}
	other, closed := vaulted(t, false)
	other.c.vault.(*gate).set(abilityNoToDevice)
	if status, text := other.get(thirdparty + "user/m.protocol.pstn?m.id.phone=%2B49301234567"); status != http.StatusOK || !strings.Contains(text, ghost) || len(closed.made) != 0 {
		t.Errorf("%d %s, devices of %v", status, text, closed.made)
	}
}

// A homeserver that cannot do it: the room is told what is missing, in clear,
// and nothing else is said.
func TestRoomsHearWhatIsMissing(t *testing.T) {
	t.Parallel()
	box := &strongbox{}
	r := newRig(t, func(cfg *Config, c *Client) {
		cfg.Encryption.Enabled = true
		if c != nil {
			c.vault = box
		}
	}).meet()
	r.c.vault.(*gate).set(abilityNoCounts)
	r.hs.set(func() { r.hs.veiled = map[string]bool{room: true} })
	r.push(r.encrypts(room), r.hidden(r.event(typeInvite, alice, map[string]any{})))
	r.notice(abilityNoCounts.sentence(false))
	if text := abilityNoCounts.sentence(false); !strings.Contains(text, "msc3202_transaction_extensions in the homeserver's experimental_features") {
		t.Error(text)
	}
	r.quiet()
	if box.seals != 0 {
		t.Error("something was encrypted")
	}
}

// X6: where nothing can be encrypted a command that came in clear into an
// encrypted room is none either. The room is told once why.
func TestPlainCommandsWhereNothingCanBeEncrypted(t *testing.T) {
	t.Parallel()
	r, d := attended(t)
	r.hs.set(func() { r.hs.veiled = map[string]bool{room: true} })
	r.push(r.encrypts(room), r.message(room, alice, "!hangup"), r.message(room, alice, "!calls"))
	r.notice(abilityOff.sentence(false))
	asked := r.message(office, alice, "!calls")
	r.push(asked) // in order after those before: a room that is not encrypted
	r.replied(asked, botUser, "")
	r.quiet()
	d.wants(t)
}

// set lets the homeserver have been found able or not.
func (g *gate) set(a ability) { g.found(a) }
