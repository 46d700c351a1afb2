package e2ee

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// This file tests verifications from their beginning to their end.

// A person asks, compares, and it is written down; whoever confirms first.
func TestVerifierIsAsked(t *testing.T) {
	for _, in := range []string{talkRoom, ""} {
		for _, first := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				w := &verifyWorld{}
				v, c := w.verifier(t), verifyClient(in)
				kind, content := requestIn(in)
				w.says(v, sasAlice.User, in, kind, content)
				w.answers(t, v, c)
				if c.at != talkShown {
					t.Fatalf("the client is at %d", c.at)
				}
				all, err := v.Pending(t.Context(), sasAlice.User, false)
				if err != nil || len(all) != 1 || all[0].Stage != Comparing || all[0].Short != c.text {
					t.Fatalf("waiting is %v, %v", all, err)
				}
				if first {
					w.confirms(t, v, c)
				}
				if err := v.Answer(t.Context(), sasAlice.User, false, true); err != nil {
					t.Fatal(err)
				}
				if !first {
					w.confirms(t, v, c)
				}
				w.answers(t, v, c)
				if c.at != talkDone || !c.master {
					t.Errorf("the client is at %d", c.at)
				}
				w.says(v, sasAlice.User, in, verifyDone, linked(struct{}{}, talkID, in != ""))
				if got := w.stages(); !slices.Equal(got, []Stage{Asked, Comparing, Compared}) || len(w.taken()) != 0 {
					t.Errorf("told were %v", got)
				}
				if len(w.vouched) != 1 || w.vouched[0] != sasAlice || w.underWay() != 0 {
					t.Errorf("vouched for %v", w.vouched)
				}
			})
		}
	}
}

func TestVerifierAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &verifyWorld{}
		v, c := w.verifier(t), verifyClient(talkRoom)
		if err := v.Ask(t.Context(), sasBot.User, talkRoom, sasAlice.User); err != nil {
			t.Fatal(err)
		}
		if all := w.taken(); len(all) != 1 || all[0].content["msgtype"] != verifyRequest || all[0].content["to"] != sasAlice.User || all[0].content["from_device"] != sasBot.Device {
			t.Fatalf("asked %v", all)
		}
		c.at = talkReady
		w.says(v, sasAlice.User, talkRoom, verifyReady, linked(requestOut{From: sasAlice.Device, Methods: []string{methodSAS}}, talkID, true))
		w.answers(t, v, c)
		w.confirms(t, v, c)
		if err := v.Answer(t.Context(), sasAlice.User, false, true); err != nil {
			t.Fatal(err)
		}
		w.answers(t, v, c)
		if c.at != talkDone || len(w.vouched) != 1 {
			t.Errorf("the client is at %d, vouched for %v", c.at, w.vouched)
		}
	})
}

// A client that does not trust its own master key proves its device's alone.
func TestVerifierWithoutMasterKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &verifyWorld{}
		v, c := w.verifier(t), verifyClient(talkRoom)
		c.us.Master = ""
		kind, content := requestIn(talkRoom)
		w.says(v, sasAlice.User, talkRoom, kind, content)
		w.answers(t, v, c)
		w.confirms(t, v, c)
		if err := v.Answer(t.Context(), sasAlice.User, false, true); err != nil {
			t.Fatal(err)
		}
		if len(w.vouched) != 1 || w.vouched[0].Master != "" || w.told[len(w.told)-1].Master != "" {
			t.Errorf("vouched for %v", w.vouched)
		}
	})
}

func TestVerifierSaysNo(t *testing.T) {
	for code, no := range map[string]func(*testing.T, *Verifier) error{
		codeSAS: func(t *testing.T, v *Verifier) error { return v.Answer(t.Context(), sasAlice.User, false, false) },
		codeUser: func(t *testing.T, v *Verifier) error {
			n, err := v.Cancel(t.Context(), sasAlice.User, false)
			if n != 1 {
				t.Errorf("cancelled %d", n)
			}
			return err
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := &verifyWorld{}
			v, c := w.verifier(t), verifyClient(talkRoom)
			kind, content := requestIn(talkRoom)
			w.says(v, sasAlice.User, talkRoom, kind, content)
			w.answers(t, v, c)
			if err := no(t, v); err != nil {
				t.Fatal(err)
			}
			w.cancelledWith(t, code)
			w.confirms(t, v, c) // too late
			if err := v.Answer(t.Context(), sasAlice.User, false, true); !errors.Is(err, ErrNoCompare) {
				t.Error(err)
			}
			if len(w.vouched) != 0 || len(w.taken()) != 0 {
				t.Error("it went on")
			}
		})
	}
}

// Nobody can speak for somebody else, or in another room.
func TestVerifierHearsOnlyTheOtherSide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &verifyWorld{}
		v, c := w.verifier(t), verifyClient(talkRoom)
		kind, content := requestIn(talkRoom)
		w.says(v, sasAlice.User, talkRoom, kind, content)
		cancel := linked(cancelContent{codeUser, "no"}, talkID, true)
		w.says(v, "@mallory:example.org", talkRoom, verifyCancel, cancel)
		w.says(v, "@mallory:evil.org", talkRoom, verifyCancel, cancel)
		w.says(v, sasAlice.User, "!other:example.org", verifyCancel, cancel)
		w.says(v, sasBot.User, talkRoom, verifyCancel, cancel)
		w.says(v, sasAlice.User, "", verifyCancel, linked(cancelContent{codeUser, "no"}, talkID, false))
		kind, content = requestIn("")
		w.says(v, "@mallory:example.org", "", kind, content) // under the same name
		w.answers(t, v, c)
		if c.at != talkShown {
			t.Errorf("the client is at %d", c.at)
		}
		for _, who := range []string{"@mallory:example.org", sasBot.User} {
			if err := v.Answer(t.Context(), who, true, true); !errors.Is(err, ErrNoCompare) {
				t.Errorf("%s answers: %v", who, err)
			}
		}
	})
}

func TestVerifierRefuses(t *testing.T) {
	for name, x := range map[string]struct {
		twist func(map[string]any)
		by    string
		code  string // empty: silence
	}{
		"a stranger":             {nil, "@x:evil.org", ""},
		"somebody else is meant": {func(m map[string]any) { m["to"] = "@bob:example.org" }, "", ""},
		"no device":              {func(m map[string]any) { delete(m, "from_device") }, "", ""},
		"a device with spaces":   {func(m map[string]any) { m["from_device"] = "A B" }, "", ""},
		"devices are numbers":    {func(m map[string]any) { m["from_device"] = 5 }, "", ""},
		"only pictures":          {func(m map[string]any) { m["methods"] = []string{"m.qr_code.scan.v1"} }, "", codeMethod},
		"a device not listed":    {func(m map[string]any) { m["from_device"] = "GHOST" }, "", codeInvalid},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := &verifyWorld{}
			v := w.verifier(t)
			kind, content := requestIn(talkRoom)
			if x.twist != nil {
				x.twist(content)
			}
			if x.by == "" {
				x.by = sasAlice.User
			}
			w.says(v, x.by, talkRoom, kind, content)
			if x.code != "" {
				w.cancelledWith(t, x.code)
			} else if all := w.taken(); len(all) != 0 {
				t.Errorf("%s is answered %v", name, all)
			}
			if all, _ := v.Pending(t.Context(), x.by, true); len(all) != 0 || w.underWay() != 0 {
				t.Errorf("%s: %v is under way", name, all)
			}
		})
	}
}

func TestVerifierOldAndRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &verifyWorld{}
		v := w.verifier(t)
		kind, content := requestIn("")
		for _, at := range []time.Time{time.Now().Add(-verifyLife - time.Second), time.Now().Add(verifyAhead + time.Second)} {
			content["timestamp"] = at.UnixMilli()
			w.says(v, sasAlice.User, "", kind, content)
		}
		if all := w.taken(); len(all) != 0 {
			t.Errorf("of another time, and answered: %v", all)
		}
		content["timestamp"] = time.Now().UnixMilli()
		w.says(v, sasAlice.User, "", kind, content)
		if all := w.taken(); len(all) != 1 || all[0].kind != verifyReady || all[0].device != sasAlice.Device {
			t.Fatalf("answered: %v", all)
		}
		w.says(v, sasAlice.User, "", kind, content)
		w.cancelledWith(t, codeUnexpected)
		w.says(v, sasAlice.User, "", verifyStart, map[string]any{"transaction_id": talkID, "from_device": sasAlice.Device})
		w.cancelledWith(t, codeUnknown)
		w.says(v, sasAlice.User, "", verifyMAC, map[string]any{"transaction_id": talkID})
		if all := w.taken(); len(all) != 0 {
			t.Errorf("answered: %v", all)
		}
	})
}

// What cannot be written down is not proved to the other side either.
func TestVerifierCannotWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &verifyWorld{full: errors.New("the disk is full")}
		v, c := w.verifier(t), verifyClient(talkRoom)
		kind, content := requestIn(talkRoom)
		w.says(v, sasAlice.User, talkRoom, kind, content)
		w.answers(t, v, c)
		w.confirms(t, v, c)
		if err := v.Answer(t.Context(), sasAlice.User, false, true); err != nil {
			t.Fatal(err)
		}
		w.cancelledWith(t, codeUser)
		if got := w.stages(); !slices.Equal(got, []Stage{Asked, Comparing, Ended}) {
			t.Error(got)
		}
	})
}

func TestVerifierExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &verifyWorld{}
		v := w.verifier(t)
		kind, content := requestIn(talkRoom)
		w.says(v, sasAlice.User, talkRoom, kind, content)
		w.taken()
		<-time.After(verifyLife - time.Second)
		if all := w.taken(); len(all) != 0 {
			t.Fatalf("too early: %v", all)
		}
		<-time.After(3 * time.Second)
		w.cancelledWith(t, codeTimeout)
	})
}

func TestVerifierFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &verifyWorld{}
		v := w.verifier(t)
		kind, content := requestIn("")
		for i := range 100 {
			content["transaction_id"] = fmt.Sprint("t", i)
			w.says(v, sasAlice.User, "", kind, content)
		}
		if all := w.taken(); len(all) != 2*maxAsks-1 { // each but the last is cancelled by the next
			t.Errorf("%d answers", len(all))
		}
		for i := range 100 {
			w.says(v, fmt.Sprintf("@u%d:example.org", i), "", kind, content)
		}
		if n := w.underWay(); n != maxTalks {
			t.Errorf("%d are under way", n)
		}
		<-time.After(2 * verifyLife)
		w.taken()
		w.says(v, sasAlice.User, "", kind, map[string]any{"from_device": sasAlice.Device, "methods": []string{methodSAS}, "transaction_id": "late", "timestamp": time.Now().UnixMilli()})
		if all := w.taken(); len(all) != 1 || all[0].kind != verifyReady {
			t.Errorf("later the answer is %v", all)
		}
	})
}

// A restart in the middle cancels what was under way, whether it was a clean
// one or not.
func TestVerifierRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &verifyWorld{}
		v := w.verifier(t)
		kind, content := requestIn(talkRoom)
		w.says(v, sasAlice.User, talkRoom, kind, content)
		w.taken()
		left := maps.Clone(w.book)
		if err := errors.Join(v.Close(), v.Close()); err != nil {
			t.Fatal(err)
		}
		w.cancelledWith(t, codeUser)
		w.book, w.deaf = left, errors.New("the homeserver is down") // as if we had been killed
		w.verifier(t)
		w.cancelledWith(t, codeUser)
		if w.underWay() != 1 {
			t.Error("forgotten before the other side knew")
		}
		w.mu.Lock()
		w.deaf = nil
		w.mu.Unlock()
		<-time.After(sweepEvery + time.Second)
		w.cancelledWith(t, codeUser)
		if w.underWay() != 0 {
			t.Errorf("still written down: %v", w.book)
		}
		if err := v.Answer(t.Context(), sasAlice.User, false, true); !errors.Is(err, errStopping) {
			t.Error(err)
		}
	})
}

// Another session of our own account verifies the device of the gateway;
// whoever may do so for us says that it is the same.
func TestVerifierOfOwnSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &verifyWorld{}
		v, c := w.verifier(t), verifyClient("")
		c.us.User = sasBot.User
		kind, content := requestIn("")
		w.says(v, sasBot.User, "", kind, content)
		w.answers(t, v, c)
		w.confirms(t, v, c)
		if err := v.Answer(t.Context(), "@ops:example.org", false, true); !errors.Is(err, ErrNoCompare) {
			t.Errorf("somebody answered for our own account: %v", err)
		}
		if err := v.Answer(t.Context(), "@ops:example.org", true, true); err != nil {
			t.Fatal(err)
		}
		w.answers(t, v, c)
		if c.at != talkDone || len(w.vouched) != 1 || w.vouched[0].User != sasBot.User {
			t.Errorf("the session is at %d, vouched for %v", c.at, w.vouched)
		}
	})
}

// FuzzVerifierHear takes any event of anybody.
func FuzzVerifierHear(f *testing.F) {
	for _, room := range []string{talkRoom, ""} {
		kind, content := requestIn(talkRoom)
		b, _ := json.Marshal(content)
		f.Add(kind, room, b)
		f.Add(verifyStart, room, b)
		f.Add(verifyCancel, room, []byte(`{"code":5,"transaction_id":"x"}`))
	}
	f.Fuzz(func(t *testing.T, kind, in string, content []byte) {
		w := &verifyWorld{book: map[string]Verification{}}
		v := NewVerifier(w, w, w, func(string) bool { return true }, w.tell, slog.New(slog.DiscardHandler))
		e := &event.Event{Sender: id.UserID(sasAlice.User), RoomID: id.RoomID(in), ID: "$x", Type: event.Type{Type: kind}, Content: event.Content{VeryRaw: content}}
		for range 2 {
			if v.Hear(sasBot.User, e) && len(v.inbox) > 0 {
				(<-v.inbox)()
			}
		}
		if len(w.vouched) != 0 || len(v.talks) > 1 || len(w.posts) > 2 {
			t.Errorf("sent %v, under way %v", w.posts, v.talks)
		}
		v.stop()
	})
}
