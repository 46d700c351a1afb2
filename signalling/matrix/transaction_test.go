package matrix

import (
	"encoding/json"
	"slices"
	"testing"

	"maunium.net/go/mautrix/appservice"
)

// FuzzTransaction: whatever a homeserver sends, or another server makes it send,
// what is left of a transaction can be read by the library, loses none of the
// sound events, and harms nobody who looks into them.
func FuzzTransaction(f *testing.F) {
	for _, seed := range []string{
		`{"events":[{"type":"m.call.invite","event_id":"$1","room_id":"!r:x","sender":"@a:x","content":{"call_id":"c","offer":{"sdp":"v=0"}}}]}`,
		`{"events":[{"type":5},null,{"type":"m.call.hangup","event_id":"$2","unsigned":{"age":"old"}},{"type":"m.call.hangup","event_id":"$3","content":{"call_id":"c"}}]}`,
		`{"events":[{"type":"m.room.join_rules","state_key":"","content":{"join_rule":"public"}},{"type":"m.room.tombstone","state_key":"","content":{"replacement_room":7}}]}`,
		`{"events":[{"type":"m.room.member","state_key":"@tel_1:x","content":{"membership":"invite"},"unsigned":{"invite_room_state":[null,{"type":7}]}}]}`,
		`{"events":[{"type":"m.room.encrypted","event_id":"$1","room_id":"!r:x","sender":"@a:x","content":{"algorithm":"m.megolm.v1.aes-sha2","session_id":7,"ciphertext":"x"}},{"type":"m.room.encrypted","content":{"algorithm":"m.olm.v1.curve25519-aes-sha2","ciphertext":{"k":{"type":0}}}}]}`,
		`{"events":{}}`, `null`, ``,
	} {
		f.Add([]byte(seed))
	}
	c := &Client{log: discard(), calls: newCalls(), vault: newLockbox(), secrecy: &secrecy{}, hearing: hearing{eraser: &eraser{closed: true}}, ghosts: newGhosts(validConfig(), nil, nil, digitsOnly{})}
	f.Fuzz(func(t *testing.T, body []byte) {
		kept, dropped := readable(body)
		var whole appservice.Transaction
		if err := json.Unmarshal(kept, &whole); err != nil {
			if dropped > 0 {
				t.Fatalf("%d events were dropped, and the rest cannot be read: %v\n%s", dropped, err, kept)
			}
			return
		}
		if again, more := readable(kept); more != 0 || string(again) != string(kept) {
			t.Fatalf("%d more events are dropped the second time", more)
		}
		if slices.Contains(whole.Events, nil) {
			t.Fatal("an event is missing")
		}
		for _, e := range whole.Events {
			c.hear(e)
			if c.renew(e); readyToOpen(e) {
				c.unsealed(e, e)
			}
			publicRule(e.Content.VeryRaw)
			successorOf(e.Content.VeryRaw)
			public(e.Unsigned.InviteRoomState)
		}
	})
}
