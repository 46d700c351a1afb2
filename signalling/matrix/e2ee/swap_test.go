package e2ee

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"testing"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"roomline/signalling/matrix/e2ee/e2eetest"
)

// X13: a homeserver that hides a device, and then lists keys of its own under
// that name, is not believed, whatever it says of the device's earlier keys:
// neither what it says is taken, nor is it given our keys.
func TestHiddenSwap(t *testing.T) {
	t.Parallel()
	for _, policy := range []Policy{Any, CrossSigned} {
		t.Run(string(policy), func(t *testing.T) {
			t.Parallel()
			r := setUp(t, Config{Policy: policy})
			mine := r.device(ghost)
			phone := r.hs.Peer(alice, "PHONE").CrossSigned()
			r.opens(ghost, phone.Say(room, "m.call.invite", call, ghost))
			r.hs.SignOut(alice, "PHONE")
			if err := r.refuses(ghost, phone.Seal(room, "m.call.hangup", call)); !errors.As(err, new(Untrusted)) {
				t.Errorf("signed out: %v", err)
			}
			thief := r.hs.Peer(alice, "PHONE")
			thief.Share(room, ghost)
			r.idle()
			claim(t, r, thief, mine, phone.Machine.OwnIdentity().SigningKey)
			var why Untrusted
			if err := r.refuses(ghost, thief.Seal(room, "m.call.negotiate", call)); !errors.As(err, &why) || why.Why != swapped.Why {
				t.Errorf("the other one: %v", err)
			}
			if _, err := thief.Read(r.says(ghost, alice)); err == nil {
				t.Error("the new keys are given ours")
			}
		})
	}
}

// claim sends the key that a device speaks with, and says that a signing key is
// the device's own.
func claim(t *testing.T, r *rig, by *e2eetest.Peer, to string, signing id.SigningKey) {
	t.Helper()
	target, err := by.Machine.GetOrFetchDevice(t.Context(), ghost, id.DeviceID(to))
	if err != nil {
		t.Fatal(err)
	}
	out, err := by.Machine.CryptoStore.GetOutboundGroupSession(t.Context(), room)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(map[string]any{"sender": by.User, "recipient": ghost, "keys": map[string]any{"ed25519": signing},
		"recipient_keys": map[string]any{"ed25519": target.SigningKey}, "type": "m.room_key", "content": out.ShareContent().Parsed.(*event.RoomKeyEventContent)})
	if err != nil {
		t.Fatal(err)
	}
	olm, err := by.Machine.CryptoStore.GetLatestSession(t.Context(), target.IdentityKey)
	if err != nil || olm == nil {
		t.Fatal(err)
	}
	kind, body, err := olm.Encrypt(payload)
	if err != nil {
		t.Fatal(err)
	}
	content, err := json.Marshal(map[string]any{"algorithm": id.AlgorithmOlmV1, "sender_key": by.Key(),
		"ciphertext": map[string]any{target.IdentityKey.String(): map[string]any{"type": kind, "body": string(body)}}})
	if err != nil {
		t.Fatal(err)
	}
	r.hs.Send(by.User, ghost, to, "m.room.encrypted", content)
	r.idle()
}

// X5: a key that a device has given us itself is not replaced by what others say
// of the same key: neither passed on from an earlier point, nor made up, nor for
// another room or by another device.
func TestKeyIsNotReplaced(t *testing.T) {
	t.Parallel()
	r := setUp(t, Config{})
	mine := r.device(ghost)
	phone, laptop := r.hs.Peer(alice, "PHONE").CrossSigned(), r.hs.Peer(bob, "LAPTOP").CrossSigned()
	early := phone.Say(room, "m.call.invite", call, bob)
	if _, err := laptop.Read(early); err != nil {
		t.Fatal(err)
	}
	known, err := laptop.Machine.CryptoStore.GetGroupSession(t.Context(), room, id.SessionID(sessionOf(early)))
	if err != nil {
		t.Fatal(err)
	}
	first, err := known.Internal.Export(0)
	if err != nil {
		t.Fatal(err)
	}
	out, err := phone.Machine.CryptoStore.GetOutboundGroupSession(t.Context(), room)
	if err != nil {
		t.Fatal(err)
	}
	start := *out.ShareContent().Parsed.(*event.RoomKeyEventContent)
	start.SessionKey = out.Internal.Key() // as it is now
	give := func(by *e2eetest.Peer, kind event.Type, content any) {
		t.Helper()
		target, err := by.Machine.GetOrFetchDevice(t.Context(), ghost, id.DeviceID(mine))
		if err == nil {
			err = by.Machine.SendEncryptedToDevice(t.Context(), target, kind, event.Content{Parsed: content})
		}
		if err != nil {
			t.Fatal(err)
		}
		r.idle()
	}
	give(phone, event.ToDeviceRoomKey, &start)
	r.opens(ghost, phone.Seal(room, "m.call.candidates", call))
	if err := r.refuses(ghost, early); !errors.Is(err, ErrNoKey) {
		t.Errorf("what was said before: %v", err)
	}
	raw, err := base64.RawStdEncoding.DecodeString(string(first))
	if err != nil {
		t.Fatal(err)
	}
	raw[40] ^= 1 // within what the message keys are made of
	for name, key := range map[string]string{"passed on": string(first), "made up": base64.RawStdEncoding.EncodeToString(raw)} {
		give(laptop, event.ToDeviceForwardedRoomKey, &event.ForwardedRoomKeyEventContent{RoomKeyEventContent: event.RoomKeyEventContent{
			Algorithm: id.AlgorithmMegolmV1, RoomID: room, SessionID: known.ID(), SessionKey: key}, SenderKey: known.SenderKey, SenderClaimedKey: known.SigningKey})
		if err := r.refuses(ghost, early); !errors.Is(err, ErrNoKey) {
			t.Errorf("%s: what was said before: %v", name, err)
		}
		r.opens(ghost, phone.Seal(room, "m.call.candidates", call))
	}
	elsewhere := start
	elsewhere.RoomID = "!other:example.org"
	give(laptop, event.ToDeviceRoomKey, &elsewhere)
	r.opens(ghost, phone.Seal(room, "m.call.hangup", call))
}
