//go:build interop

package rig

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"
	"time"
)

// TestBrowsersCallEachOtherEncrypted: the clients encrypt, hear each other, and
// nobody is unable to decrypt; a device that comes later reads what is said then.
func TestBrowsersCallEachOtherEncrypted(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	b, err := bed.Browser()
	ok(t, err)
	defer b.Close()
	alice, err := b.Login(ctx, Login{Name: "alice-" + lower(), Tone: 450, Crypto: true})
	ok(t, err)
	bob, err := b.Login(ctx, Login{Name: "bob-" + lower(), Tone: 600, Crypto: true})
	ok(t, err)
	room, err := alice.Room(ctx, bob.ID)
	ok(t, err)
	tells(ctx, t, alice, bob, room)
	tells(ctx, t, bob, alice, room)
	call, err := alice.Place(ctx, room, 0)
	ok(t, err)
	rings, err := bob.WaitIncoming(ctx, alice.ID)
	ok(t, err)
	ok(t, rings.Answer(ctx, 0))
	ok(t, call.WaitState(ctx, "connected"))
	heard, err := call.Record(ctx, 2*time.Second)
	ok(t, err)
	if got := heard.Tone(600); got.Present < 1500*time.Millisecond {
		t.Errorf("alice does not hear bob: %v", got)
	}
	second := later(ctx, t, b, alice, bob, room)
	ok(t, call.Hangup(ctx))
	ok(t, rings.WaitState(ctx, "ended"))
	for _, u := range []*User{alice, bob} {
		lost, err := u.Unreadable(ctx, room)
		ok(t, err)
		plain, err := u.Plain(ctx, room)
		ok(t, err)
		if len(lost) > 0 || len(plain) > 0 {
			t.Errorf("%s cannot read %v; not encrypted: %v", u.ID, lost, plain)
		}
		ok(t, u.Leave(ctx))
	}
	ok(t, second.Leave(ctx))
}

// later logs alice in once more, lets her sign that device with the recovery
// key, and has bob write something that it reads.
func later(ctx context.Context, t *testing.T, b *Browser, alice, bob *User, room string) *User {
	t.Helper()
	key, err := alice.Recovery(ctx)
	ok(t, err)
	second, err := b.Login(ctx, Login{Name: strings.TrimPrefix(strings.Split(alice.ID, ":")[0], "@"), Crypto: true, Recovery: key})
	ok(t, err)
	for signed := 0; signed < 2; wait(t, 50*time.Millisecond) { // bob's client asks for them when it hears of a change
		devices, err := bob.Trust(ctx, alice.ID)
		ok(t, err)
		signed = 0
		for _, d := range devices {
			if d.Signed {
				signed++
			}
		}
	}
	tells(ctx, t, bob, second, room)
	return second
}

// tells lets one write something that the other reads. The clients take no call
// event that comes before its key, as the first one under a key may with Dendrite,
// which brings keys and events in no order.
func tells(ctx context.Context, t *testing.T, from, to *User, room string) {
	t.Helper()
	text := "hello from " + from.ID
	_, err := from.Write(ctx, room, "m.room.message", map[string]any{"msgtype": "m.text", "body": text})
	ok(t, err)
	_, err = to.WaitTimeline(ctx, room, func(events []Event) bool {
		return len(events) > 0 && events[len(events)-1].Text("body") == text
	})
	ok(t, err)
}

func lower() string { return strings.ToLower(rand.Text()[:8]) }
