package matrix

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"roomline/signalling/matrix/e2ee"
)

// sealedEvent is an event as a lane holds it.
func sealedEvent(t *testing.T, eventID, session string) *event.Event {
	t.Helper()
	e := &event.Event{ID: id.EventID(eventID), RoomID: room, Sender: alice}
	content, err := json.Marshal(lock(typeInvite, "D1", session, room, map[string]any{}))
	if err == nil {
		err = e.Content.UnmarshalJSON(content)
	}
	if err != nil {
		t.Fatal(err)
	}
	if !readyToOpen(e) {
		t.Fatal("it cannot be read")
	}
	return e
}

// reading is a client that can do nothing but read.
func reading(b *lockbox) (*Client, context.CancelFunc) {
	c := &Client{vault: b, hearing: newHearing(), pace: pace{500 * time.Millisecond, 10 * time.Second}, log: discard()}
	ctx, cancel := context.WithCancel(context.Background())
	c.ctx = ctx
	return c, cancel
}

// T70: a key is waited for three seconds, then up to twenty-two more, counted
// from the event, and not again for each event of a session that never comes.
func TestHowLongAKeyIsWaitedFor(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		arrives, old, stopped time.Duration // 0: never; stopped: the client closes
		takes                 time.Duration
		read                  bool
	}{
		"at once":                {arrives: time.Millisecond, takes: time.Millisecond, read: true},
		"soon":                   {arrives: 2 * time.Second, takes: 2 * time.Second, read: true},
		"late":                   {arrives: 24 * time.Second, takes: 24 * time.Second, read: true},
		"never":                  {takes: keyLate},
		"after another had":      {old: 20 * time.Second, takes: 5 * time.Second},
		"far behind others":      {old: time.Minute, takes: 0},
		"until the client stops": {stopped: 10 * time.Second, takes: 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newLockbox()
				b.missing["S"] = true
				client, cancel := reading(b)
				defer cancel()
				e := sealedEvent(t, "$1", "S")
				e.Mautrix.ReceivedAt = time.Now().Add(-c.old)
				if c.arrives > 0 {
					time.AfterFunc(c.arrives, func() { b.arrive("S") })
				}
				if c.stopped > 0 {
					time.AfterFunc(c.stopped, cancel)
				}
				begun, flushed := time.Now(), 0
				_, err := client.patiently(ghost, e, func() { flushed++ })
				if took := time.Since(begun); took != c.takes || (err == nil) != c.read || flushed != 1 {
					t.Errorf("took %v: %v; flushed %d times", took, err, flushed)
				}
				if c.read || c.stopped > 0 {
					return
				}
				begun = time.Now()
				if _, err := client.patiently(ghost, sealedEvent(t, "$2", "S"), func() {}); !errors.Is(err, e2ee.ErrNoKey) || time.Since(begun) != 0 {
					t.Errorf("the next one of the session took %v: %v", time.Since(begun), err)
				}
				b.arrive("S")
				if _, err := client.patiently(ghost, sealedEvent(t, "$3", "S"), func() {}); err != nil {
					t.Errorf("the key came after all: %v", err)
				}
			})
		})
	}
}

// Our own trouble, like a homeserver that does not answer, is tried again; a
// verdict is not.
func TestWhatIsTriedAgain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err   error
		again bool
	}{
		{errors.New("the database is locked"), true},
		{mautrix.HTTPError{}, true},
		{fmt.Errorf("open: %w", e2ee.Withheld{Code: "m.no_olm"}), true},
		{e2ee.Withheld{Code: "m.unverified"}, false},
		{fmt.Errorf("open: %w", e2ee.Untrusted{Why: "x"}), false},
		{fmt.Errorf("open: %w", e2ee.ErrReplayed), false},
		{e2ee.ErrWrongRoom, false}, {e2ee.ErrForwarded, false}, {e2ee.ErrCorrupt, false}, {e2ee.ErrOwn, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newLockbox()
			b.fails["S"] = c.err
			client, cancel := reading(b)
			defer cancel()
			_, err := client.patiently(ghost, sealedEvent(t, "$1", "S"), func() {})
			if err == nil || (len(b.opens) > 1) != c.again || len(b.opens) > 80 {
				t.Errorf("%v: opened %d times, %v", c.err, len(b.opens), err)
			}
		})
	}
}

// Whatever is put into lanes and taken out, they stay within their bounds, keep
// their order, and weigh nothing when they are empty.
func FuzzLanes(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 250, 251, 252, 9, 9, 9, 200, 201})
	f.Fuzz(func(t *testing.T, steps []byte) {
		l := newLanes()
		running, put, want := map[laneKey]bool{}, 0, map[laneKey][]*event.Event{}
		for _, step := range steps {
			k := laneKey{fmt.Sprint(step % 20), fmt.Sprint(step % 2), id.SessionID(fmt.Sprint(step % 80)), step%2 == 1}
			if step < 200 {
				list := make([]*event.Event, int(step)%50)
				for i := range list {
					put++
					list[i] = &event.Event{Timestamp: int64(put)}
					list[i].Content.VeryRaw = make([]byte, int(step)*100)
				}
				begins, dropped := l.put(k, list)
				taken := slices.DeleteFunc(list, func(e *event.Event) bool { return slices.Contains(dropped, e) })
				if begins != (!running[k] && len(taken) > 0) {
					t.Fatalf("lane %v begins: %v", k, begins)
				}
				running[k] = running[k] || begins
				want[k] = append(want[k], taken...)
			} else if e := l.first(k); e != nil {
				if e != want[k][0] {
					t.Fatal("out of order")
				}
				l.shift(k)
				want[k] = want[k][1:]
			} else if running[k] {
				if !l.end(k) {
					t.Fatal("an empty lane did not end")
				}
				running[k] = false
			}
			if !l.all.within(mostOfAll) || !l.others.within(mostOfOthers) || !l.loads["0"].within(mostOfOne) || !l.loads["1"].within(mostOfOne) {
				t.Fatalf("%+v, %+v", l.all, l.loads)
			}
		}
		for k := range running {
			if running[k] {
				l.abandon(k)
			}
		}
		if l.all != (load{}) || l.others != (load{}) || len(l.loads)+len(l.open) != 0 {
			t.Fatalf("left %+v, %+v, %d lanes", l.all, l.loads, len(l.open))
		}
	})
}

// However many strangers flood a room in which a call goes on, there is room
// left for those who may call.
func TestStrangersLeaveRoom(t *testing.T) {
	t.Parallel()
	l := newLanes()
	for i := range mostOfAll.lanes {
		l.put(laneKey{room, fmt.Sprint("@stranger", i, ":evil.org"), id.SessionID(fmt.Sprint(i)), true}, []*event.Event{{}})
	}
	if !l.others.within(mostOfOthers) || l.others.lanes != mostOfOthers.lanes {
		t.Errorf("strangers have %+v", l.others)
	}
	if _, dropped := l.put(laneKey{room: room, sender: alice, session: "S"}, []*event.Event{{}}); len(dropped) != 0 {
		t.Error("there is no room for alice")
	}
}

// The memory of what was said is bounded, and so is how often it is said.
func TestSayings(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSayings()
		if !s.once("x") || s.once("x") || !s.once("y") {
			t.Error("said twice, or not at all")
		}
		said := 0
		for i := range 2 * maxSayings {
			if s.once(fmt.Sprint(i)) {
				said++
			}
		}
		if said > 50 {
			t.Errorf("said %d at once", said)
		}
		<-time.After(sayAgain)
		if !s.once("x") {
			t.Error("not said again")
		}
	})
}

// T13: an invite that waited for its key is as old as if it had not, whether the
// homeserver tells the age (Synapse) or only when it was said (Dendrite).
func TestAgeOfWhatWaited(t *testing.T) {
	t.Parallel()
	for name, told := range map[string]bool{"age": true, "no age": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				<-time.After(time.Hour)
				e := &event.Event{ID: "$1", RoomID: room, Sender: alice, Type: event.Type{Type: typeInvite, Class: event.MessageEventType}, Timestamp: time.Now().Add(-10 * time.Second).UnixMilli()}
				if told {
					e.Unsigned.Age = 10_000
				}
				e.Mautrix.ReceivedAt, e.Mautrix.WasEncrypted, e.Mautrix.TrustSource = time.Now(), true, &id.Device{IdentityKey: "D1"}
				e.Content.VeryRaw = []byte(`{"call_id":"c","version":"1","party_id":"p","lifetime":60000,"offer":{"type":"offer","sdp":"v=0"}}`)
				<-time.After(20 * time.Second) // for its key
				c := &Client{log: discard(), calls: newCalls()}
				h, ok := c.hear(e)
				if !ok || h.age() != 30*time.Second || !h.Sealed || h.Device != "D1" {
					t.Errorf("heard %v: %+v, %v old", ok, h, h.age())
				}
			})
		})
	}
}
