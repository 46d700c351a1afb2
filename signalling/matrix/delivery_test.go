package matrix

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"maunium.net/go/mautrix/appservice"

	"roomline/internal/database"
	"roomline/internal/database/databasetest"
)

const device = "PHONELINE1"

// pushWith sends a transaction with more than events in it.
func (r *rig) pushWith(txn string, body map[string]any) {
	r.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		r.t.Fatal(err)
	}
	if status, said := r.ask(http.MethodPut, "/_matrix/app/v1/transactions/"+txn, "Bearer "+r.hs.hsToken, bytes.NewReader(text)); status != http.StatusOK {
		r.t.Fatalf("transaction: %d %s", status, said)
	}
}

// aLetter is a message with a key to a device of ours.
func aLetter(sender, to, body string) map[string]any {
	return map[string]any{"type": typeEncrypted, "sender": sender, "to_user_id": to, "to_device_id": device,
		"content": map[string]any{"algorithm": "m.olm.v1.curve25519-aes-sha2", "sender_key": "K", "ciphertext": map[string]any{"k": map[string]any{"type": 0, "body": body}}}}
}

// T70: to-device messages, device lists, key counts and fallback keys are found
// under all their names, in the order in which they are needed.
func TestWhatIsForDevices(t *testing.T) {
	t.Parallel()
	for name, names := range map[string][4]string{
		"unstable": {"de.sorunome.msc2409.to_device", "org.matrix.msc3202.device_lists", "org.matrix.msc3202.device_one_time_keys_count", "org.matrix.msc3202.device_unused_fallback_key_types"},
		"other":    {"de.sorunome.msc2409.to_device", "org.matrix.msc3202.device_lists", "org.matrix.msc3202.device_one_time_key_counts", "org.matrix.msc3202.device_unused_fallback_key_types"},
		"stable":   {"to_device", "device_lists", "device_one_time_keys_count", "device_unused_fallback_key_types"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newLockbox()
			r := newRig(t, withVault(b)).meet()
			body := map[string]any{
				names[0]: []any{aLetter(alice, ghost, "one"), aLetter(alice, "@bob:example.org", "not ours"), aLetter(alice, ghost, "two"), 7, nil},
				names[1]: map[string]any{"changed": []any{alice, 5, ""}, "left": []any{bob}},
				names[2]: map[string]any{ghost: map[string]any{device: map[string]any{"signed_curve25519": 7}, "BAD": "many"}, alice: map[string]any{"X": map[string]any{}}},
				names[3]: map[string]any{ghost: map[string]any{device: []any{}}},
				"events": []any{},
			}
			r.pushWith("keys", body)
			r.pushWith("keys", body) // the answer was lost
			want := ghost + " " + device + " " + typeEncrypted + " " + alice
			if got := b.got(); !slices.Equal(got, []string{want, want}) {
				t.Errorf("delivered %q", got)
			}
			b.set(func() {
				if len(b.counts) != 1 || b.counts[0].SignedCurve25519 != 7 || b.counts[0].UserID.String() != ghost || b.counts[0].DeviceID != device || b.unused[0] == nil {
					t.Errorf("counted %+v, unused %v", b.counts, b.unused)
				}
				if !slices.Equal(b.changed, []string{alice}) {
					t.Errorf("changed %q", b.changed)
				}
			})
		})
	}
}

// A flood of messages to devices is neither kept nor passed on for ever, and
// what others than our people write is not kept at all.
func TestFloodOfLetters(t *testing.T) {
	t.Parallel()
	b := newLockbox()
	r := newRig(t, withVault(b)).meet()
	for i := range 20 {
		var strange, known []any
		for j := range 100 {
			strange = append(strange, aLetter(fmt.Sprintf("@m%d:evil.org", j), ghost, fmt.Sprint(i, ".", j)))
			known = append(known, aLetter(alice, ghost, fmt.Sprint(i, ".", j)))
		}
		r.pushWith(fmt.Sprint("flood", i), map[string]any{"to_device": append(strange, known...)})
	}
	strangers, ours := 0, 0
	for _, l := range b.got() {
		if strings.HasSuffix(l, "evil.org") {
			strangers++
		} else {
			ours++
		}
	}
	slow := int(time.Since(r.start).Seconds()+1) * 25
	if strangers > 100+slow || ours < 1000 || ours > 1000+slow {
		t.Errorf("%d of strangers and %d of alice were taken", strangers, ours)
	}
	var kept int
	if err := r.c.store.QueryRow(t.Context(), `SELECT COUNT(*) FROM kept_to_device`).Scan(&kept); err != nil || kept != ours {
		t.Errorf("%d are kept of %d, %v", kept, ours, err)
	}
	if n := r.c.Ignored()[typeToDevice]; n == 0 {
		t.Error("nothing was counted")
	}
}

// A key that was acknowledged is delivered again after a sudden end, before
// anything else and in order, until the vault has it.
func TestLettersSurvive(t *testing.T) {
	t.Parallel()
	b := newLockbox()
	r := newRig(t, withVault(b)).meet()
	for i := range 3 {
		l := aLetter(alice, ghost, fmt.Sprint(i))
		l["type"] = []string{typeEncrypted, "m.room_key.withheld", "m.key.verification.start"}[i]
		r.pushWith(fmt.Sprint("key", i), map[string]any{"to_device": []any{l}})
	}
	r.c.Close()
	again := newLockbox()
	r.begin(withVault(again))
	want := []string{ghost + " " + device + " " + typeEncrypted + " " + alice, ghost + " " + device + " m.room_key.withheld " + alice}
	if got := again.got(); !slices.Equal(got, want) {
		t.Errorf("delivered again %q", got)
	}
	for _, done := range again.done {
		done()
	}
	r.c.Close()
	last := newLockbox()
	r.begin(withVault(last))
	if got := last.got(); len(got) != 0 {
		t.Errorf("delivered a third time: %q", got)
	}
}

func TestKeptLettersAreBounded(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, at database.Address) {
		s, _ := storeAt(t, at)
		now := time.Now()
		for i := range 6 {
			var list []letter
			for j := range maxKeptLetters / 4 {
				list = append(list, letter{id: fmt.Sprint(i, ".", j), text: fmt.Sprint(i, ".", j)})
			}
			if err := s.keep(t.Context(), nil, list, now.Add(time.Duration(i)*time.Millisecond)); err != nil {
				t.Fatal(err)
			}
		}
		var n int
		if err := s.QueryRow(t.Context(), `SELECT COUNT(*) FROM kept_to_device`).Scan(&n); err != nil || n > maxKeptLetters*3/2 {
			t.Errorf("%d are kept, %v", n, err)
		}
		if err := s.erase(t.Context(), []string{"$none"}, []string{"5.0", "5.2"}); err != nil {
			t.Fatal(err)
		}
		var texts []string
		if err := s.keptLetters(t.Context(), func(text string) { texts = append(texts, text) }); err != nil {
			t.Fatal(err)
		}
		if slices.Contains(texts, "5.0") || !slices.Contains(texts, "5.1") || slices.Index(texts, "5.10") < slices.Index(texts, "5.9") {
			t.Errorf("%d texts, struck off: %v", len(texts), !slices.Contains(texts, "5.0"))
		}
	})
}

// FuzzDelivery: whatever is in a transaction besides its events, what is taken
// out of it is bounded and ours, and the events are left as they were.
func FuzzDelivery(f *testing.F) {
	for _, seed := range []string{
		`{"events":[{"type":"m.call.invite"}],"to_device":[{"type":"m.room.encrypted","sender":"@a:x","to_user_id":"@tel_1:example.org","to_device_id":"D","content":{"algorithm":"m.olm.v1.curve25519-aes-sha2","ciphertext":{}}}]}`,
		`{"de.sorunome.msc2409.to_device":[{"type":"m.room_key","sender":5,"to_user_id":"@tel_1:example.org"},{"type":{},"content":[]},null,[],"x"]}`,
		`{"org.matrix.msc3202.device_lists":{"changed":["@a:x",null,7,{}],"left":7}}`,
		`{"org.matrix.msc3202.device_one_time_key_counts":{"@tel_1:example.org":{"D":{"signed_curve25519":-1e9},"E":[]}},"device_unused_fallback_key_types":{"@tel_1:example.org":{"D":["signed_curve25519"]}}}`,
		`{"to_device":{"events":[]},"device_lists":[],"device_one_time_keys_count":[{}],"events":null}`, `[]`, `null`, ``,
	} {
		f.Add([]byte(seed))
	}
	ghosts := newGhosts(validConfig(), nil, nil, digitsOnly{})
	f.Fuzz(func(t *testing.T, body []byte) {
		d := unpack(body, ghosts.ours)
		if len(d.letters) > maxLetters || len(d.counts) > maxCounts || len(d.changed) > maxChanged || d.lost < 0 {
			t.Fatalf("%d letters, %d counts, %d changed", len(d.letters), len(d.counts), len(d.changed))
		}
		for _, l := range d.letters {
			again, ok := readLetter(json.RawMessage(l.text))
			if !ghosts.ours(l.user) || l.event == nil || !fits(l.device) || len(l.text) > maxLetter || !ok || again.id != l.id {
				t.Fatalf("took %+v", l)
			}
		}
		for _, c := range d.counts {
			if !ghosts.ours(c.left.UserID.String()) || !fits(c.left.DeviceID.String()) {
				t.Fatalf("took %+v", c)
			}
		}
		var whole, left map[string]json.RawMessage
		if json.Unmarshal(body, &whole) != nil || whole == nil {
			return
		}
		if err := json.Unmarshal(d.events, &left); err != nil || len(left) != 1 {
			t.Fatalf("left %s, %v", d.events, err)
		}
	})
}

// FuzzListener: whatever a transaction is, it is answered, the library is shown
// events alone, and what is for devices is delivered once.
func FuzzListener(f *testing.F) {
	for _, seed := range []string{
		`{"events":[],"to_device":[{"type":"m.room.encrypted","sender":"@a:x","to_user_id":"@tel_1:example.org","to_device_id":"D","content":{"algorithm":"m.olm.v1.curve25519-aes-sha2","ciphertext":{"k":{"type":"0"}}}}]}`,
		`{"events":[null,{"type":"m.call.invite","event_id":"$1"}],"de.sorunome.msc2409.to_device":{},"de.sorunome.msc2409.ephemeral":[7],"device_lists":"x"}`,
		`{"events":7,"to_device":7}`, `{"to_device":[{}]} {}`, `[]`, ``,
	} {
		f.Add([]byte(seed))
	}
	ghosts := newGhosts(validConfig(), nil, nil, digitsOnly{})
	f.Fuzz(func(t *testing.T, body []byte) {
		delivered, batches := 0, 0
		l := newListener("token", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var whole appservice.Transaction
			text, _ := io.ReadAll(r.Body)
			if err := json.Unmarshal(text, &whole); err == nil && (len(whole.ToDeviceEvents)+len(whole.MSC2409ToDeviceEvents)+len(whole.EphemeralEvents)+len(whole.MSC2409EphemeralEvents) > 0 || whole.DeviceLists != nil) {
				t.Error("the library is shown more than events")
			}
			reply(w, struct{}{})
		}), discard())
		l.unpack = func(body []byte) delivery { return unpack(body, ghosts.ours) }
		l.keep = func(context.Context, *delivery) error { return nil }
		l.deliver = func(d *delivery) { delivered++ }
		l.batched = func() { batches++ }
		for range 2 {
			w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodPut, "/_matrix/app/v1/transactions/1", bytes.NewReader(body))
			r.Header.Set("Authorization", "Bearer token")
			if l.ServeHTTP(w, r); w.Code != http.StatusOK {
				t.Errorf("answered %d", w.Code)
			}
		}
		if delivered != 1 || batches != 2 {
			t.Errorf("delivered %d times, %d batches", delivered, batches)
		}
	})
}
