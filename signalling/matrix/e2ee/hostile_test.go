package e2ee

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"roomline/internal/database"
	"roomline/internal/database/databasetest"
	"roomline/signalling/matrix/e2ee/e2eetest"
)

// A device that the policy accepts may say nonsense under a key that is good.
func TestHostilePlaintext(t *testing.T) {
	t.Parallel()
	r := setUp(t, Config{})
	r.device(ghost)
	phone := r.hs.Peer(alice, "PHONE").CrossSigned()
	phone.Share(room, ghost)
	for i, c := range []struct {
		plaintext string
		want      error // nil: it may be read
	}{
		{`null`, ErrCorrupt}, {`[]`, ErrCorrupt}, {`{`, ErrCorrupt}, {``, ErrCorrupt}, {`"x"`, ErrCorrupt},
		{`{}`, ErrWrongRoom}, {`{"room_id":"!other:example.org","type":"m.call.invite","content":{}}`, ErrWrongRoom},
		{`{"room_id":"` + room + `","type":7,"content":{}}`, ErrCorrupt},
		{`{"room_id":"` + room + `","type":"m.call.invite"}`, nil},
		{`{"room_id":"` + room + `","type":"m.call.invite","content":null}`, nil},
		{`{"room_id":"` + room + `","type":"m.call.invite","content":[]}`, nil},
		{`{"room_id":"` + room + `","type":"m.room.message","content":{"msgtype":7,"body":{}}}`, nil},
		{`{"room_id":"` + room + `","type":"","content":{}}`, nil},
		{`{"room_id":"` + room + `","type":"m.room.member","state_key":"` + alice + `","content":{"membership":"ban"}}`, nil},
		{`{"room_id":"` + room + `","type":"m.x","content":` + strings.Repeat(`{"a":`, 5000) + `1` + strings.Repeat(`}`, 5000) + `}`, nil},
	} {
		out, err := phone.Machine.CryptoStore.GetOutboundGroupSession(t.Context(), room)
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := out.Encrypt([]byte(c.plaintext))
		if err != nil {
			continue // the library writes no empty text
		}
		e := e2eetest.Event(t, alice, room, fmt.Sprint("$", i), &event.EncryptedEventContent{Algorithm: id.AlgorithmMegolmV1,
			SessionID: out.ID(), MegolmCiphertext: sealed})
		r.idle()
		opened, err := r.Open(t.Context(), ghost, e)
		if c.want != nil && !errors.Is(err, c.want) || c.want == nil && err == nil && (opened.StateKey != nil || opened.Sender != alice) {
			t.Errorf("%.60s: %+v, %v", c.plaintext, opened, err)
		}
	}
}

// A device may send nonsense over an Olm session that is good. It is done with,
// leaves nothing behind, and keeps nothing from being read that comes later.
func TestHostileOlm(t *testing.T) {
	t.Parallel()
	r := setUp(t, Config{})
	mine := r.device(ghost)
	phone := r.hs.Peer(alice, "PHONE").CrossSigned()
	r.opens(ghost, phone.Say(room, "m.call.invite", call, ghost))
	target, err := phone.Machine.GetOrFetchDevice(t.Context(), ghost, id.DeviceID(mine))
	if err != nil {
		t.Fatal(err)
	}
	good := fmt.Sprintf(`"sender":%q,"recipient":%q,"keys":{"ed25519":%q},"recipient_keys":{"ed25519":%q}`, alice, ghost,
		phone.Machine.OwnIdentity().SigningKey, target.SigningKey)
	session := strings.Repeat("A", 43)
	payloads := []string{`null`, `[]`, `{}`, `{`, `"x"`, `{"type":7}`,
		`{"sender":"` + bob + `","recipient":"` + ghost + `","type":"m.room_key","content":{}}`,
		`{` + good + `,"type":"m.room_key"}`, `{` + good + `,"type":"m.room_key","content":null}`, `{` + good + `,"type":"m.room_key","content":7}`,
		`{` + good + `,"type":"m.room_key","content":{"algorithm":"m.megolm.v1.aes-sha2","room_id":"` + room + `","session_id":"x","session_key":"x"}}`,
		`{` + good + `,"type":"m.room_key","content":{"algorithm":"m.megolm.v1.aes-sha2","room_id":"` + room + `","session_id":"` + session + `","session_key":"` + strings.Repeat("A", 306) + `"}}`,
		`{` + good + `,"type":"m.forwarded_room_key","content":{"algorithm":"m.megolm.v1.aes-sha2","room_id":"` + room + `","session_id":"` + session + `","session_key":"` + strings.Repeat("A", 306) + `"}}`,
		`{` + good + `,"type":"m.room_key_bundle","content":{"room_id":"` + room + `"}}`,
		`{` + good + `,"type":"m.secret.send","content":{"request_id":"1","secret":"x"}}`,
		`{` + good + `,"type":"m.dummy","content":{}}`, `{` + good + `,"type":"x","content":{}}`,
		`{` + good + `,"sender_device_keys":{"user_id":"` + alice + `","device_id":"PHONE","keys":{}},"type":"m.dummy","content":{}}`,
		`{` + good + `,"sender_device_keys":null,"type":"m.room_key","content":{"algorithm":"x"}}`}
	for _, payload := range payloads {
		olm, err := phone.Machine.CryptoStore.GetLatestSession(t.Context(), target.IdentityKey)
		if err != nil || olm == nil {
			t.Fatal(err)
		}
		kind, body, err := olm.Encrypt([]byte(payload))
		if err != nil {
			t.Fatal(err)
		}
		content, err := json.Marshal(map[string]any{"algorithm": id.AlgorithmOlmV1, "sender_key": phone.Key(),
			"ciphertext": map[string]any{target.IdentityKey.String(): map[string]any{"type": kind, "body": string(body)}}})
		if err != nil {
			t.Fatal(err)
		}
		r.hs.Send(alice, ghost, mine, "m.room.encrypted", content)
	}
	r.idle()
	if n := r.read[ghost]; n != 1+len(payloads) {
		t.Errorf("%d messages are done", n)
	}
	var keys int
	if err := r.Devices.part.QueryRow(t.Context(), `SELECT count(*) FROM crypto_megolm_inbound_session`).Scan(&keys); err != nil || keys != 1 {
		t.Errorf("%d keys, %v", keys, err)
	}
	r.opens(ghost, phone.Say(room, "m.call.invite", call, ghost))
}

// One device cannot fill the database with keys, and its newest ones count.
func TestManyKeys(t *testing.T) {
	t.Parallel()
	r := setUp(t, Config{})
	mine := r.device(ghost)
	phone := r.hs.Peer(alice, "PHONE").CrossSigned()
	phone.Share(room, ghost)
	r.idle()
	for i := range maxSessions + 20 {
		content, err := json.Marshal(map[string]any{"algorithm": id.AlgorithmMegolmV1, "room_id": room, "sender_key": phone.Key(),
			"session_id": fmt.Sprintf("%043d", i), "code": "m.unverified"})
		if err != nil {
			t.Fatal(err)
		}
		r.hs.Send(alice, ghost, mine, "m.room_key.withheld", content)
		if i%100 == 0 {
			r.idle()
		}
	}
	e := phone.Say(room, "m.call.invite", call, ghost)
	r.opens(ghost, e)
	var keys int
	if err := r.Devices.part.QueryRow(t.Context(), `SELECT count(*) FROM crypto_megolm_inbound_session`).Scan(&keys); err != nil || keys != maxSessions {
		t.Errorf("%d keys, %v", keys, err)
	}
}

// What a homeserver lists among somebody's devices may be anything; the sound
// ones count.
func TestHostileList(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, at database.Address) {
		r := setUpAt(t, at, Config{Policy: Any})
		mine := r.device(ghost)
		phone := r.hs.Peer(alice, "PHONE")
		for _, name := range []string{"NUL\x00", strings.Repeat("L", 300), "LONGKEY"} {
			r.hs.Peer(alice, name)
		}
		store := r.store(ghost, row{device: mine})
		devices := map[id.DeviceID]*id.Device{"LONG": {UserID: alice, DeviceID: "LONG", IdentityKey: "x", SigningKey: "y"},
			"NAMED": {UserID: alice, DeviceID: "NAMED", IdentityKey: id.IdentityKey(strings.Repeat("A", 43)), SigningKey: id.SigningKey(strings.Repeat("A", 43)),
				Name: "a\x00b" + strings.Repeat("ü", 100)}}
		for i := range 2 * maxDevices {
			name := id.DeviceID(fmt.Sprint("Z", i))
			devices[name] = &id.Device{UserID: bob, DeviceID: name, IdentityKey: id.IdentityKey(fmt.Sprintf("%043d", i)), SigningKey: id.SigningKey(fmt.Sprintf("%043d", i))}
		}
		if err := store.PutDevices(t.Context(), bob, devices); err != nil {
			t.Error(err)
		}
		if all, err := store.GetDevices(t.Context(), bob); err != nil || len(all) != maxDevices || all["NAMED"] == nil || all["LONG"] != nil {
			t.Errorf("%d devices, %v", len(all), err)
		}
		r.hs.Answer = func(_, request string, answer map[string]any) {
			if request == "POST keys/query" {
				answer["device_keys"].(map[string]any)["@mallory:example.org"] = map[string]any{"X": map[string]any{}, "": nil}
				answer["master_keys"] = map[string]any{alice: map[string]any{"keys": map[string]any{"x": "y"}, "usage": []any{"master", "x", strings.Repeat("u", 500)}}}
			}
		}
		r.opens(ghost, phone.Say(room, "m.call.invite", call, ghost))
		if _, err := phone.Read(r.says(ghost, alice)); err != nil {
			t.Error(err)
		}
	})
}
