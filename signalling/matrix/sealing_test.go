package matrix

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"roomline/media"
	"roomline/media/peer"
	"roomline/signalling"
	"roomline/signalling/matrix/e2ee"
)

// strongbox is a vault whose encryption everybody can read.
type strongbox struct {
	mu      sync.Mutex
	made    []string // users with a device
	readers []string // of the last event
	seals   int
	fail    int // seals that fail
	counted []string
}

// inner is what is within an encrypted event.
type inner struct {
	Type    string         `json:"type"`
	Content map[string]any `json:"content"`
}

func (b *strongbox) Ensure(_ context.Context, user string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !slices.Contains(b.made, user) {
		b.made = append(b.made, user)
	}
	return nil
}

func (b *strongbox) Seal(ctx context.Context, _, _, eventType string, content any, members func(context.Context) ([]string, error)) (*event.EncryptedEventContent, error) {
	list, err := members(ctx)
	text, _ := json.Marshal(map[string]any{"type": eventType, "content": content})
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seals++
	if b.fail--; b.fail >= 0 {
		return nil, errors.New("a device's keys could not be claimed")
	}
	b.readers = list
	return &event.EncryptedEventContent{Algorithm: id.AlgorithmMegolmV1, SessionID: id.SessionID(fmt.Sprint("s", b.seals)),
		MegolmCiphertext: []byte(base64.RawStdEncoding.EncodeToString(text))}, err
}

func (b *strongbox) Open(_ context.Context, _ string, e *event.Event) (*event.Event, error) {
	var c struct{ Ciphertext string }
	if json.Unmarshal(e.Content.VeryRaw, &c) != nil {
		return nil, e2ee.ErrCorrupt
	}
	text, _ := base64.RawStdEncoding.DecodeString(c.Ciphertext)
	var in struct {
		Type    string
		Content json.RawMessage
	}
	if json.Unmarshal(text, &in) != nil {
		return nil, e2ee.ErrCorrupt
	}
	told := *e
	told.Type, told.Content = event.Type{Type: in.Type, Class: event.MessageEventType}, event.Content{VeryRaw: in.Content}
	told.Mautrix.WasEncrypted, told.Mautrix.TrustSource = true, &id.Device{IdentityKey: "KEY"}
	return &told, nil
}

func (b *strongbox) Await(context.Context, string, *event.Event) bool  { return false }
func (b *strongbox) ToDevice(_, _ string, _ *event.Event, done func()) { done() }
func (b *strongbox) Changed([]string)                                  {}
func (b *strongbox) Renew(string)                                      {}
func (b *strongbox) Close() error                                      { return nil }
func (b *strongbox) Counted(left mautrix.OTKCount, _ []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.counted = append(b.counted, left.DeviceID.String())
}

func (b *strongbox) do(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
}

// guarded is a rig with a vault, whose room of alice and a telephone is encrypted.
func guarded(t *testing.T, options ...option) (*rig, *strongbox) {
	t.Helper()
	box := &strongbox{}
	r := newRig(t, append(options, func(_ *Config, c *Client) {
		if c != nil {
			c.vault = box
		}
	})...).meet()
	r.hs.set(func() { r.hs.veiled = map[string]bool{room: true} })
	return r, box
}

// hidden is an event as alice's client encrypts it.
func (r *rig) hidden(e map[string]any) map[string]any {
	text, _ := json.Marshal(map[string]any{"type": e["type"], "content": e["content"]})
	return with(with(e, "type", typeEncrypted), "content", map[string]any{"algorithm": "m.megolm.v1.aes-sha2", "session_id": "a",
		"sender_key": "KEY", "device_id": "PHONE", "ciphertext": base64.RawStdEncoding.EncodeToString(text)})
}

// inside is what the next event that we send has within; it must be encrypted.
func (r *rig) inside(eventType string) (sent, inner) {
	r.t.Helper()
	e := r.expect(typeEncrypted)
	in := r.open(e)
	if in.Type != eventType {
		r.t.Fatalf("sent %s encrypted, expected %s", in.Type, eventType)
	}
	return e, in
}

func (r *rig) open(e sent) (in inner) {
	r.t.Helper()
	text, err := base64.RawStdEncoding.DecodeString(fmt.Sprint(e.Body["ciphertext"]))
	if err != nil || json.Unmarshal(text, &in) != nil {
		r.t.Fatalf("sent %s", e.Raw)
	}
	return in
}

// encrypts is alice switching encryption on.
func (r *rig) encrypts(room string) map[string]any {
	return with(with(r.event("m.room.encryption", alice, map[string]any{"algorithm": "m.megolm.v1.aes-sha2"}), "state_key", ""), "room_id", room)
}

// A whole call in an encrypted room: nothing that we say there is in clear.
func TestSealedCall(t *testing.T) {
	t.Parallel()
	r, box := guarded(t, func(c *Config, _ *Client) { c.Rooms = Rooms{EveryRoom: {Story: StoryFull}} })
	r.hs.set(func() { r.hs.invited = map[string][]string{room: {"@bob:example.org"}} })
	r.push(r.hidden(r.inviteV1()))
	call, in, leg := r.take()
	if call.To.Number != dialled || call.From.User != alice {
		t.Errorf("%+v", call)
	}
	r.inside(typeNotice) // the story begins
	leg.Ring()
	r.inside(typeNotice)
	leg.Answer(media.PCMU)
	p := r.peer()
	r.inside(typeAnswer)
	r.inside(typeCandidates)
	p.on(peer.Connected)
	r.follow(in, signalling.Confirmed)
	r.push(r.hidden(r.v1(typeHangup, nil)))
	r.follow(in, signalling.HungUp, signalling.Gone)
	r.c.outboxes.Wait()
	for _, e := range r.attempts() {
		if e.Type != typeEncrypted {
			t.Errorf("%s went out in clear", e.Type)
		}
		if e.As != ghost || e.Room != room {
			t.Errorf("%+v", e)
		}
	}
	box.do(func() {
		if want := []string{alice, ghost, "@bob:example.org"}; !slices.Equal(box.readers, want) || !slices.Contains(box.made, ghost) {
			t.Errorf("keys for %v, devices of %v", box.readers, box.made)
		}
	})
}

// attempts are all that we tried to send.
func (r *rig) attempts() (list []sent) {
	r.hs.set(func() { list = slices.Clone(r.hs.tries) })
	return list
}

// An event is encrypted once, however often it is sent; and it is not sent as
// long as it cannot be.
func TestSealedOnce(t *testing.T) {
	t.Parallel()
	r, box := guarded(t)
	box.fail = 2
	bad := 3
	r.hs.set(func() {
		r.hs.script = func(sent) (int, string) { bad--; return map[bool]int{true: http.StatusBadGateway}[bad >= 0], "" }
	})
	done := make(chan error, 1)
	r.c.outboxOf(ghost, room).put(outgoing{eventType: typeHangup, content: endOut{head{v1, "call1", "US"}, userHangup}, final: true, done: func(err error) { done <- err }})
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	tries := r.attempts()
	if len(tries) != 4 || box.seals != 3 {
		t.Fatalf("%d attempts, encrypted %d times", len(tries), box.seals)
	}
	for _, e := range tries {
		if e.Type != typeEncrypted || e.Raw != tries[0].Raw || e.Txn != tries[0].Txn {
			t.Errorf("%+v", e)
		}
	}
}

// While nobody knows whether a room is encrypted, nothing is said there.
func TestNothingIsSaidBlindly(t *testing.T) {
	t.Parallel()
	r, _ := guarded(t)
	r.hs.set(func() { r.hs.noState = http.StatusBadGateway })
	asked := make(chan error, 1)
	r.c.outboxOf(ghost, room).put(outgoing{eventType: typeHangup, content: endOut{}, final: true, done: func(err error) { asked <- err }})
	for range 3 {
		if _, err := r.c.say(t.Context(), ghost, room, &utterance{eventType: typeHangup}); err == nil || permanent(err) {
			t.Fatalf("%v", err)
		}
	}
	if tries := r.attempts(); len(tries) != 0 {
		t.Errorf("sent %+v", tries)
	}
	r.hs.set(func() { r.hs.noState = 0 })
	if err := <-asked; err != nil {
		t.Error(err)
	}
	r.inside(typeHangup)
}

// A room that becomes encrypted in the middle of a call: from the next event on.
func TestEncryptedWithinACall(t *testing.T) {
	t.Parallel()
	for name, mute := range map[string]bool{"sealed": false, "without keys": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			box := &strongbox{}
			r := newRig(t, func(_ *Config, c *Client) {
				if c != nil && !mute {
					c.vault = box
				}
			}).meet()
			in, leg, _, _ := r.answered(r.inviteV1())
			r.push(r.encrypts(room))
			r.until("it is known", func() bool { return r.c.knownEncrypted(room) })
			leg.SendDigit('5')
			if !mute {
				r.inside(typeDigits)
			}
			leg.Hangup(signalling.Reason{})
			if mute { // the digit is not said, that the call is over is
				r.wantBody(r.expect(typeHangup), "call_id", "call1")
				r.notice(abilityOff.sentence(false))
			} else {
				r.inside(typeHangup)
				r.inside(typeNotice)
			}
			r.follow(in, signalling.Gone)
			r.quiet()
		})
	}
}

// X6: what comes in clear in the same breath in which its room becomes encrypted
// counts if it was said before that, and not after.
func TestEncryptedWithinATransaction(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(_ *Config, c *Client) {
		if c != nil {
			c.vault = &strongbox{}
		}
	}).meet()
	in, _, p, a := r.answered(r.inviteV1())
	r.push(r.within(a, typeCandidates, candidate1("before")), r.encrypts(room), r.within(a, typeHangup, nil))
	if _, told := r.inside(typeNotice); !strings.Contains(fmt.Sprint(told.Content["body"]), plainExcuse) {
		t.Errorf("the room was told %v", told.Content)
	}
	r.push(r.hidden(r.within(a, typeCandidates, candidate1("after"))))
	r.until("the last event arrives", func() bool { return p.heardCandidates() == "before,after" })
	if n := r.c.Ignored(); n[typeHangup] != 1 || n[typeCandidates] != 0 {
		t.Errorf("ignored %v", n)
	}
	r.push(r.hidden(r.within(a, typeHangup, nil)))
	r.ends(in, signalling.NormalClearing)
}

// An invite that came otherwise than its room demands is refused.
func TestInvitesFitTheirRoom(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		veiled, sealed bool
		why            string
	}{
		"plain in an encrypted room": {true, false, "the room is encrypted, and the call was not"},
		"encrypted in a plain room":  {false, true, "the call was encrypted, and the room is not"},
		"encrypted":                  {true, true, ""}, "plain": {false, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _ := guarded(t)
			r.hs.set(func() { r.hs.veiled[room] = tt.veiled })
			l := newLeg(r.c, signalling.A)
			l.ghost = ghost
			why, ok, err := r.c.secretly(t.Context(), l, heard{Room: room, Sealed: tt.sealed})
			if err != nil || ok != (tt.why == "") || why.Detail != tt.why || !ok && why.Cause != signalling.Forbidden {
				t.Errorf("%v, %v, %v", why, ok, err)
			}
		})
	}
}

// Notices that an earlier run left unfinished are finished encrypted.
func TestLeftOversAreSealed(t *testing.T) {
	t.Parallel()
	r, _ := guarded(t)
	r.c.finish(openStory{ID: "s", Room: room, Ghost: ghost, Event: "$1", Text: "over"})
	_, in := r.inside(typeNotice)
	if fmt.Sprint(in.Content["body"]) != "* over" || in.Content["m.relates_to"] == nil {
		t.Errorf("%v", in)
	}
	r.c.endLeftOver(openCall{Room: room, CallID: "old", Ghost: ghost, Party: "US", Role: roleCaller})
	r.inside(typeReject)
	r.inside(typeHangup)
}

// The rooms that we make are encrypted where that is wished, and possible; an
// encrypted line rings then.
func TestEncryptedLine(t *testing.T) {
	t.Parallel()
	for name, can := range map[string]ability{"possible": abilityOn, "not possible": abilityNoToDevice} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			box := &strongbox{}
			r := newRig(t, func(cfg *Config, c *Client) {
				cfg.Encryption.Enabled, cfg.Encryption.Rooms = true, true
				if c != nil {
					c.vault = box
				}
			})
			r.c.vault.(*gate).set(can)
			r.c.users = []string{alice}
			in := signalling.NewInbox("test", r.c.log)
			r.c.Dial(stranger("+4989555"), nil, in)
			if e := r.follow(in, signalling.HungUp); !strings.Contains(e.Reason.Detail, "accept the invitation") {
				t.Fatalf("%v", e.Reason)
			}
			r.hs.set(func() {
				if veiled := strings.Contains(string(r.hs.rooms[0]), `"m.megolm.v1.aes-sha2"`); len(r.hs.rooms) != 1 || veiled != (can == abilityOn) {
					t.Errorf("made %s", r.hs.rooms)
				}
				r.hs.members[made1] = append(r.hs.members[made1], alice)
			})
			if r.c.knownEncrypted(made1) != (can == abilityOn) {
				t.Error("it is not known how the room is")
			}
			r.c.Dial(stranger("+4989555"), nil, signalling.NewInbox("test", r.c.log))
			if can == abilityOn {
				e, invite := r.inside(typeInvite)
				if e.Room != made1 || invite.Content["invitee"] != alice || !slices.Contains(box.made, line) {
					t.Errorf("%+v, %v", e, invite)
				}
				return
			}
			r.expect(typeInvite)
		})
	}
}

// A public room that is encrypted is left without a word: a key for each device
// in it would be too much to ask.
func TestPublicEncryptedRoom(t *testing.T) {
	t.Parallel()
	r, box := guarded(t)
	r.push(with(r.event("m.room.join_rules", alice, map[string]any{"join_rule": "public"}), "state_key", ""))
	r.until("it leaves", func() bool { return r.hs.said("POST rooms/" + room + "/leave") })
	r.quiet()
	if box.seals != 0 {
		t.Error("something was encrypted for a public room")
	}
}
