package e2ee

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/crypto"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// refilled says how many keys are left, and waits for what comes of it.
func (r *rig) refilled(user string, left int, unused []string) {
	r.t.Helper()
	mine, _ := r.row(user)
	dev, release, err := r.use(r.t.Context(), user)
	if err != nil {
		r.t.Fatal(err)
	}
	dev.account.Lock()
	dev.posted = time.Time{}
	dev.account.Unlock()
	release()
	count := mautrix.OTKCount{UserID: id.UserID(user), DeviceID: id.DeviceID(mine.device), SignedCurve25519: left}
	r.Counted(count, unused)
	r.idle()
}

// T70: one-time keys and the fallback key are made anew when they are used up,
// and no claim about them does harm.
func TestRefill(t *testing.T) {
	t.Parallel()
	r := setUp(t, Config{})
	mine := r.device(ghost)
	phone := r.hs.Peer(alice, "PHONE").CrossSigned()
	claim := func(n int) {
		t.Helper()
		for range n {
			if _, err := phone.Machine.Client.ClaimKeys(t.Context(), &mautrix.ReqClaimKeys{OneTimeKeys: mautrix.OneTimeKeysRequest{
				ghost: {id.DeviceID(mine): id.KeyAlgorithmSignedCurve25519}}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	claim(30)
	if left, _ := r.hs.OneTimeKeys(ghost, mine); left != 20 {
		t.Fatalf("%d left", left)
	}
	r.refilled(ghost, 20, nil)
	if left, _ := r.hs.OneTimeKeys(ghost, mine); left != goal {
		t.Errorf("%d after a refill", left)
	}
	uploads := r.hs.Requests("POST keys/upload")
	for _, c := range []struct {
		left   int
		unused []string
	}{{goal, nil}, {goal/2 + 1, []string{"signed_curve25519"}}, {1 << 40, nil}, {goal, []string{"x", "signed_curve25519"}}} {
		r.refilled(ghost, c.left, c.unused)
	}
	if n := r.hs.Requests("POST keys/upload"); n != uploads {
		t.Errorf("%d uploads for nothing", n-uploads)
	}
	claim(59) // all but the fallback key
	e := phone.Say(room, "m.call.invite", call, ghost)
	r.opens(ghost, e)
	if left, fallback := r.hs.OneTimeKeys(ghost, mine); left != 0 || fallback {
		t.Errorf("%d left, fallback unused: %v", left, fallback)
	}
	r.refilled(ghost, -5, []string{})
	if left, fallback := r.hs.OneTimeKeys(ghost, mine); left != goal || !fallback {
		t.Errorf("%d left, fallback unused: %v", left, fallback)
	}
	laptop := r.hs.Peer(alice, "LAPTOP").SignedBy(phone)
	r.opens(ghost, laptop.Say(room, "m.call.invite", call, ghost))
}

// A homeserver that says in every transaction that all keys are gone is asked,
// and not believed.
func TestFalseCounts(t *testing.T) {
	t.Parallel()
	r := setUp(t, Config{})
	mine := r.device(ghost)
	for range 10 {
		r.Counted(mautrix.OTKCount{UserID: ghost, DeviceID: id.DeviceID(mine)}, []string{})
		r.Counted(mautrix.OTKCount{UserID: "@mallory:example.org", DeviceID: "X"}, []string{})
		r.Counted(mautrix.OTKCount{}, nil)
		r.idle()
	}
	if left, _ := r.hs.OneTimeKeys(ghost, mine); left != goal {
		t.Errorf("%d one-time keys", left)
	}
}

// Malformed messages to devices do nothing, and are done.
func TestMalformedToDevice(t *testing.T) {
	t.Parallel()
	r := setUp(t, Config{})
	mine := r.device(ghost)
	phone := r.hs.Peer(alice, "PHONE").CrossSigned()
	own, n := r.keyOf(ghost), 0
	for _, kind := range []string{"m.room.encrypted", "m.room_key", "m.forwarded_room_key", "m.room_key.withheld", "m.room_key_request",
		"m.secret.request", "m.secret.send", "m.dummy", "m.key.verification.request", "io.element.msc4385.secret.push", "m.room_key_bundle", "x", ""} {
		for _, content := range malformed(own, phone.Key()) {
			r.hs.Send(alice, ghost, mine, kind, json.RawMessage(content))
			n++
		}
	}
	r.idle()
	if r.read[ghost] != n {
		t.Errorf("%d of %d messages are done", r.read[ghost], n)
	}
	if sent := r.hs.Requests("PUT sendToDevice"); sent > 2 {
		t.Errorf("%d answers", sent)
	}
	r.opens(ghost, phone.Say(room, "m.call.invite", call, ghost))
}

func malformed(own, sender string) []string {
	body := func(typ int, text string) string {
		return fmt.Sprintf(`{"algorithm":"m.olm.v1.curve25519-aes-sha2","sender_key":%q,"ciphertext":{%q:{"type":%d,"body":%q}}}`, sender, own, typ, text)
	}
	return []string{``, `null`, `[]`, `"x"`, `{}`, `{"algorithm":"m.olm.v1.curve25519-aes-sha2"}`, `{"algorithm":"m.megolm.v1.aes-sha2","ciphertext":"x"}`,
		body(0, ""), body(0, "AAAA"), body(1, "AwAA"), body(2, "AAAA"), body(0, "!!!"), body(0, strings.Repeat("A", 5000)), body(1, strings.Repeat("Aw", 3000)),
		`{"algorithm":"m.olm.v1.curve25519-aes-sha2","sender_key":"x","ciphertext":null}`,
		`{"algorithm":"m.megolm.v1.aes-sha2","session_id":"x","room_id":"!x","sender_key":"` + sender + `","code":"m.unverified"}`,
		`{"algorithm":"m.megolm.v1.aes-sha2","session_id":"` + sender + `","sender_key":"` + sender + `","code":"m.unverified"}`,
		`{"action":"request","requesting_device_id":"PHONE","request_id":"1","body":{"algorithm":"m.megolm.v1.aes-sha2","room_id":"!x","session_id":"x"}}`}
}

// Requests for keys and secrets are not answered.
func TestNothingIsForwarded(t *testing.T) {
	t.Parallel()
	r := setUp(t, Config{})
	mine := r.device(ghost)
	phone := r.hs.Peer(alice, "PHONE").CrossSigned()
	e := r.says(ghost, alice)
	before := r.hs.Requests("PUT sendToDevice")
	r.hs.Send(alice, ghost, mine, "m.room_key_request", json.RawMessage(fmt.Sprintf(`{"action":"request","requesting_device_id":"PHONE","request_id":"1",
		"body":{"algorithm":"m.megolm.v1.aes-sha2","room_id":%q,"session_id":%q,"sender_key":%q}}`, room, sessionOf(e), r.keyOf(ghost))))
	r.hs.Send(ghost, ghost, mine, "m.secret.request", json.RawMessage(`{"action":"request","name":"m.cross_signing.master","requesting_device_id":"X","request_id":"1"}`))
	r.idle()
	if n := r.hs.Requests("PUT sendToDevice"); n != before {
		t.Errorf("%d messages were sent", n-before)
	}
	if _, err := phone.Read(e); err != nil {
		t.Error(err)
	}
}

// One sender fills nobody's inbox; what is for no device of ours is done.
func TestFlood(t *testing.T) {
	t.Parallel()
	r := setUp(t, Config{})
	mine := r.device(ghost)
	hold, begun := make(chan struct{}), make(chan struct{}, 1)
	r.verify = func(context.Context, string, *crypto.OlmMachine, *event.Event) {
		select {
		case begun <- struct{}{}:
		default:
		}
		<-hold
	}
	var dropped atomic.Int64
	send := func(user, device, sender string) {
		r.ToDevice(user, device, &event.Event{Sender: id.UserID(sender), Type: event.ToDeviceVerificationStart,
			Content: event.Content{VeryRaw: json.RawMessage(`{}`)}}, func() { dropped.Add(1) })
	}
	send(ghost, mine, alice)
	<-begun
	for range maxFrom + 50 {
		send(ghost, mine, "@mallory:example.org")
	}
	if n := dropped.Load(); n != 50 {
		t.Errorf("%d dropped", n)
	}
	send(ghost, mine, bob)
	send(ghost, "ANOTHER", bob)
	send(other, "X", bob)
	if n := dropped.Load(); n != 52 {
		t.Errorf("%d dropped", n)
	}
	close(hold)
	r.idle()
	if n := dropped.Load(); n != 52+1+maxFrom+1 {
		t.Errorf("%d done", n)
	}
}

// What was not read when we were closed is not done; afterwards nothing is taken.
func TestCloseKeepsLetters(t *testing.T) {
	t.Parallel()
	r := setUp(t, Config{})
	mine := r.device(ghost)
	begun := make(chan struct{}, 10)
	r.verify = func(ctx context.Context, _ string, _ *crypto.OlmMachine, _ *event.Event) {
		begun <- struct{}{}
		<-ctx.Done()
	}
	var done atomic.Int64
	send := func() {
		r.ToDevice(ghost, mine, &event.Event{Sender: alice, Type: event.ToDeviceVerificationStart, Content: event.Content{VeryRaw: json.RawMessage(`{}`)}},
			func() { done.Add(1) })
	}
	send()
	send()
	<-begun
	r.stop()
	send()
	if n := done.Load(); n != 0 {
		t.Errorf("%d done", n)
	}
	r.start()
}

// An Olm session that is broken is made anew, once an hour, and the key that
// comes over it counts.
func TestUnwedging(t *testing.T) {
	t.Parallel()
	r := setUp(t, Config{})
	r.device(ghost)
	phone := r.hs.Peer(alice, "PHONE").CrossSigned()
	r.opens(ghost, phone.Say(room, "m.call.invite", call, ghost))
	if _, err := phone.Read(r.says(ghost, alice)); err != nil { // so that the phone's messages are normal ones
		t.Fatal(err)
	}
	for _, query := range []string{`DELETE FROM crypto_olm_session`} {
		if _, err := r.Devices.part.Exec(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	r.restart()
	phone.Pump()
	before := len(phone.Heard)
	lost := phone.Say(room, "m.call.invite", call, ghost)
	if err := r.refuses(ghost, lost); err != ErrNoKey {
		t.Fatalf("%v", err)
	}
	r.until("the phone is told", func() bool {
		phone.Pump()
		return slices.ContainsFunc(phone.Heard[before:], func(e *event.Event) bool {
			content, ok := e.Content.Parsed.(*event.EncryptedEventContent)
			return ok && content.Algorithm == id.AlgorithmOlmV1
		})
	})
	if n := r.hs.Requests("POST keys/claim"); n < 2 {
		t.Errorf("claimed keys %d times", n)
	}
	r.opens(ghost, phone.Say(room, "m.call.invite", call, ghost))
}

// Old keys go, with all that belongs to them; those in use stay.
func TestPrune(t *testing.T) {
	t.Parallel()
	r := setUp(t, Config{})
	r.device(ghost)
	phone := r.hs.Peer(alice, "PHONE").CrossSigned()
	e := phone.Say(room, "m.call.invite", call, ghost)
	r.opens(ghost, e)
	r.says(ghost, alice)
	count := func(table string) (n int) {
		t.Helper()
		if err := r.Devices.part.QueryRow(t.Context(), `SELECT count(*) FROM `+table).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	tables := []string{"crypto_megolm_inbound_session", "crypto_message_index", "crypto_megolm_outbound_session",
		"crypto_megolm_outbound_session_shared", "e2ee_share", "crypto_olm_message_hash"}
	for _, c := range []struct {
		at   time.Time
		want int
	}{{time.Now(), 1}, {time.Now().Add(6 * 24 * time.Hour), 1}, {time.Now().Add(keepTime + time.Hour), 0}} {
		if err := r.prune(t.Context(), c.at); err != nil {
			t.Fatal(err)
		}
		for _, table := range tables {
			if n := count(table); n != c.want {
				t.Errorf("%v: %d rows in %s, expected %d", time.Until(c.at), n, table, c.want)
			}
		}
	}
	if err := r.refuses(ghost, e); err != ErrNoKey {
		t.Errorf("%v", err)
	}
}

// A server that takes its time over devices that it does not have, of people
// whom it makes up, holds up nobody else's messages.
func TestSlowStrangers(t *testing.T) {
	inBubble(t, Config{}, ghost, func(t *testing.T, r *rig, _ *Verifier) {
		phone := r.hs.Peer(alice, "PHONE").CrossSigned()
		r.opens(ghost, phone.Say(room, "m.call.invite", call, ghost))
		r.hs.After = func(user, request string) error {
			if user == ghost && request == "POST keys/query" {
				<-time.After(lookTime - time.Second)
			}
			return nil
		}
		mine, _ := r.row(ghost)
		content, err := json.Marshal(map[string]any{"algorithm": id.AlgorithmOlmV1, "sender_key": strings.Repeat("A", 43), "ciphertext": map[string]any{}})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 50 {
			r.hs.Send(fmt.Sprintf("@stranger%d:slow.example", i), ghost, mine.device, "m.room.encrypted", content)
		}
		began := time.Now()
		r.opens(ghost, phone.Say(room, "m.call.invite", call, ghost))
		if waited := time.Since(began); waited > 2*lookTime {
			t.Errorf("it took %v", waited)
		}
		<-time.After(slowTime)
		asked := r.hs.Requests("POST keys/query")
		r.hs.Send("@late:slow.example", ghost, mine.device, "m.room.encrypted", content)
		r.idle()
		if r.hs.Requests("POST keys/query") == asked {
			t.Error("nobody of that server is ever asked for again")
		}
	})
}
