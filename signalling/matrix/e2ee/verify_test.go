package e2ee

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

const talkRoom = "!chat:example.org"

// verifyPost is one thing that the verifier has sent.
type verifyPost struct {
	ours, room, user, device, kind string
	content                        map[string]any
}

// verifyWorld is all that is around a verifier: the keys, the homeserver and the
// book, all of them in memory.
type verifyWorld struct {
	mu      sync.Mutex
	posts   []verifyPost
	told    []Verification
	vouched []Identity
	book    map[string]Verification
	deaf    error // of the homeserver
	full    error // of the keyring
	events  int
	engaged engagements
}

func (w *verifyWorld) Own(_ context.Context, user string) (Identity, error) {
	if user != sasBot.User {
		return Identity{}, errors.New("not ours")
	}
	return sasBot, nil
}

func (w *verifyWorld) Theirs(_ context.Context, _, user, device string) (Identity, error) {
	if device == "GHOST" {
		return Identity{}, errors.New("not listed")
	}
	them := sasAlice
	them.User, them.Device = user, device
	return them, nil
}

func (w *verifyWorld) Vouch(_ context.Context, _ string, them Identity) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.full == nil {
		w.vouched = append(w.vouched, them)
	}
	return w.full
}

func (w *verifyWorld) Engage(user, in string, on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.engaged.set(user, in, on)
}

func (w *verifyWorld) put(p verifyPost, content any) error {
	b, _ := json.Marshal(content)
	_ = json.Unmarshal(b, &p.content)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.posts = append(w.posts, p)
	return w.deaf
}

func (w *verifyWorld) Say(_ context.Context, ours, room, kind string, content any) (string, error) {
	err := w.put(verifyPost{ours: ours, room: room, kind: kind}, content)
	return talkID, err
}

func (w *verifyWorld) Send(_ context.Context, ours, user, device, kind string, content any) error {
	return w.put(verifyPost{ours: ours, user: user, device: device, kind: kind}, content)
}

func (w *verifyWorld) Begin(_ context.Context, v Verification) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.book[talkKey(v.ID, v.User)] = v
	return nil
}

func (w *verifyWorld) End(_ context.Context, v Verification) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.book, talkKey(v.ID, v.User))
	return nil
}

func (w *verifyWorld) Open(context.Context) ([]Verification, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Collect(maps.Values(w.book)), nil
}

func (w *verifyWorld) tell(v Verification) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told = append(w.told, v)
}

// taken is what was sent since it was asked last.
func (w *verifyWorld) taken() []verifyPost {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	all := w.posts
	w.posts = nil
	return all
}

func (w *verifyWorld) stages() (all []Stage) {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, v := range w.told {
		all = append(all, v.Stage)
	}
	return all
}

func (w *verifyWorld) underWay() int {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.book)
}

// verifier starts one whose requests only example.org is answered.
func (w *verifyWorld) verifier(t *testing.T) *Verifier {
	t.Helper()
	if w.book == nil {
		w.book = map[string]Verification{}
	}
	v := NewVerifier(w, w, w, func(user string) bool { return strings.HasSuffix(user, ":example.org") }, w.tell, slog.New(slog.DiscardHandler))
	v.Start()
	t.Cleanup(func() { _ = v.Close() })
	return v
}

// says has somebody say something to the verifier, in a room or to its device.
func (w *verifyWorld) says(v *Verifier, by, in, kind string, content any) {
	b, _ := json.Marshal(content)
	w.events++
	e := &event.Event{Sender: id.UserID(by), RoomID: id.RoomID(in), Type: event.Type{Type: kind}, Timestamp: time.Now().UnixMilli(),
		Content: event.Content{VeryRaw: b}}
	if in != "" {
		e.ID = id.EventID(fmt.Sprintf("$%d", w.events))
	}
	if kind == "m.room.message" {
		e.ID = talkID
	}
	v.Hear(sasBot.User, e)
	synctest.Wait()
}

// requestIn is how a client asks, in a room or from its device.
func requestIn(in string) (kind string, content map[string]any) {
	content = map[string]any{"from_device": sasAlice.Device, "methods": []string{"m.qr_code.show.v1", "m.sas.v1"}}
	if in == "" {
		content["transaction_id"], content["timestamp"] = talkID, time.Now().UnixMilli()
		return verifyRequest, content
	}
	content["msgtype"], content["to"], content["body"] = verifyRequest, sasBot.User, "verify me"
	return "m.room.message", content
}

// verifyClient is the other side: a talk that reads what the verifier sends.
func verifyClient(in string) *talk {
	return &talk{exchange: exchange{id: talkID, us: sasAlice, them: sasBot}, room: in, at: talkAsked}
}

// answers takes what was sent to the client, and its replies back, until
// nobody has anything to say.
func (w *verifyWorld) answers(t *testing.T, v *Verifier, c *talk) {
	t.Helper()
	for all := w.taken(); len(all) > 0; all = w.taken() {
		for _, p := range all {
			if p.user != "" && p.user != c.us.User {
				continue
			}
			if p.kind == verifyCancel {
				t.Fatalf("cancelled: %v", p.content)
			}
			b, _ := json.Marshal(p.content)
			reply, err := c.hear(p.kind, b)
			if err != nil {
				t.Fatalf("the client does not like %s: %v", p.kind, err)
			}
			for _, s := range reply {
				w.says(v, c.us.User, c.room, s.kind, linked(s.content, c.id, c.room != ""))
			}
		}
	}
}

func (w *verifyWorld) confirms(t *testing.T, v *Verifier, c *talk) {
	t.Helper()
	say, err := c.confirm()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range say {
		w.says(v, c.us.User, c.room, s.kind, linked(s.content, c.id, c.room != ""))
	}
}

// cancelledWith expects one cancellation, and nothing else.
func (w *verifyWorld) cancelledWith(t *testing.T, code string) {
	t.Helper()
	all := w.taken()
	if len(all) != 1 || all[0].kind != verifyCancel || all[0].content["code"] != code {
		t.Errorf("sent %v, expected it to be cancelled with %s", all, code)
	}
}
