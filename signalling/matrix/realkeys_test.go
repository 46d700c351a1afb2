package matrix

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"roomline/media"
	"roomline/media/peer"
	"roomline/signalling"
	"roomline/signalling/matrix/e2ee"
	"roomline/signalling/matrix/e2ee/e2eetest"
)

// keyrig is a rig with real keys, on a homeserver that knows devices.
type keyrig struct {
	*rig
	keys *e2eetest.Server
	txn  int

	mu   sync.Mutex
	post []map[string]any // to our devices, not brought yet
}

func keyedRig(t *testing.T, policy e2ee.Policy, patience time.Duration) *keyrig {
	t.Helper()
	k := &keyrig{keys: e2eetest.New(t)}
	k.keys.Deliver = func(user, device string, e *event.Event) {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.post = append(k.post, map[string]any{"type": e.Type.Type, "sender": e.Sender, "to_user_id": user, "to_device_id": device, "content": json.RawMessage(e.Content.VeryRaw)})
	}
	k.rig = newRig(t, k.open(t, policy, patience)).meet()
	k.hs.set(func() { k.hs.veiled = map[string]bool{room: true} })
	if err := k.c.vault.Ensure(t.Context(), ghost); err != nil {
		t.Fatal(err)
	}
	return k
}

// open opens the vault of a new client.
func (k *keyrig) open(t *testing.T, policy e2ee.Policy, patience time.Duration) option {
	return func(_ *Config, c *Client) {
		if c == nil {
			return
		}
		devices, err := e2ee.New(context.Background(), e2ee.Config{Policy: policy}, c.db, e2eetest.Rooms(), k.keys, discard())
		if err != nil {
			t.Fatal(err)
		}
		c.vault = devices
		c.patience = []time.Duration{min(keySoon, patience), patience}
	}
}

// deliver is the transaction with what has been sent to our devices.
func (k *keyrig) deliver() {
	k.t.Helper()
	k.mu.Lock()
	post := k.post
	k.post = nil
	k.mu.Unlock()
	k.txn++
	k.pushWith(fmt.Sprint("post", k.txn), map[string]any{"de.sorunome.msc2409.to_device": post, "events": []any{}})
}

// by lets a client say something, under the key that it shared last.
func (k *keyrig) by(p *e2eetest.Peer, e map[string]any) map[string]any {
	k.t.Helper()
	sealed := p.Seal(room, e["type"].(string), e["content"])
	return with(k.event(typeEncrypted, p.User, nil), "content", json.RawMessage(sealed.Content.VeryRaw))
}

// reads is the next event as a client reads it.
func (k *keyrig) reads(p *e2eetest.Peer, eventType string) sent {
	k.t.Helper()
	e := k.expect(typeEncrypted)
	k.seq++
	opened, err := p.Read(&event.Event{ID: id.EventID(fmt.Sprint("$ours", k.seq)), Sender: ghost, RoomID: room, Type: event.EventEncrypted, Timestamp: 1, Content: event.Content{VeryRaw: json.RawMessage(e.Raw)}})
	if err != nil {
		k.t.Fatalf("%s cannot read what we say: %v", p.Device, err)
	}
	if opened.Type.Type != eventType {
		k.t.Fatalf("sent %s, expected %s", opened.Type.Type, eventType)
	}
	e.Type, e.Raw, e.Body = eventType, string(opened.Content.VeryRaw), opened.Content.Raw
	return e
}

// T70: the key of a call comes after its event, and another device joins the
// call's user while it lasts, and reads what is said from then on.
func TestCallWithRealKeys(t *testing.T) {
	t.Parallel()
	k := keyedRig(t, e2ee.CrossSigned, keyLate)
	phone := k.keys.Peer(alice, "PHONE").CrossSigned()
	phone.Share(room, ghost, alice)
	k.push(k.by(phone, k.inviteV1()), k.by(phone, k.v1(typeCandidates, candidate1("c1"))))
	k.until("the event is there", func() bool { return k.waits() > 0 })
	k.deliver()
	call, in, leg := k.take()
	if call.From.User != alice {
		t.Errorf("called by %+v", call.From)
	}
	leg.Answer(media.PCMU)
	p := k.peer()
	a := k.reads(phone, typeAnswer)
	k.reads(phone, typeCandidates)
	k.until("the candidate is there", func() bool { return p.heardCandidates() == "c1" })
	p.on(peer.Connected)
	k.follow(in, signalling.Confirmed)

	laptop := k.keys.Peer(alice, "LAPTOP").SignedBy(phone)
	k.pushWith("lists", map[string]any{"org.matrix.msc3202.device_lists": map[string]any{"changed": []string{alice}}})
	k.push(k.by(phone, k.negotiation(a, "offer", "again")))
	k.reads(phone, typeNegotiate)
	laptop.Share(room, ghost, alice)
	k.deliver()
	k.push(k.by(laptop, k.negotiation(a, "offer", "not of this device")), k.by(laptop, k.within(a, typeHangup, nil)))
	if text := fmt.Sprint(k.reads(laptop, typeNotice).Body["body"]); len(text) == 0 {
		t.Error("nothing was said")
	}
	k.push(k.by(phone, k.within(a, typeHangup, nil)))
	k.ends(in, signalling.NormalClearing)
	if len(p.offers) != 1 {
		t.Errorf("offers %q", p.offers)
	}
}

// X13: a homeserver that swaps the device's keys during a call can neither
// change nor end it, under any policy; the call goes on and the room is told.
func TestSwappedKeysDuringACall(t *testing.T) {
	t.Parallel()
	for _, policy := range []e2ee.Policy{e2ee.Any, e2ee.CrossSigned} {
		t.Run(string(policy), func(t *testing.T) {
			t.Parallel()
			k := keyedRig(t, policy, keyLate)
			phone := k.keys.Peer(alice, "PHONE").CrossSigned()
			phone.Share(room, ghost, alice)
			k.deliver()
			k.push(k.by(phone, k.inviteV1()))
			_, in, leg := k.take()
			leg.Answer(media.PCMU)
			p := k.peer()
			a := k.reads(phone, typeAnswer)
			k.reads(phone, typeCandidates)
			p.on(peer.Connected)
			k.follow(in, signalling.Confirmed)

			k.keys.SignOut(alice, "PHONE")
			forged := k.keys.Peer(alice, "PHONE") // the same name, other keys
			k.pushWith("lists", map[string]any{"device_lists": map[string]any{"changed": []string{alice}}})
			forged.Share(room, ghost)
			k.deliver()
			k.push(k.by(forged, k.negotiation(a, "offer", "forged")), k.by(forged, k.within(a, typeHangup, nil)))
			if e := k.expect(typeEncrypted); e.Room != room {
				t.Errorf("sent %s", e.Raw)
			}
			if got := in.Take(); len(got) != 0 || len(p.offers) != 0 {
				t.Errorf("posted %v, offers %v", got, p.offers)
			}
			leg.Hangup(signalling.Reason{})
			k.follow(in, signalling.Gone)
		})
	}
}

// What was acknowledged just before a sudden end, the key included, is read
// after the next start.
func TestRealKeysSurvive(t *testing.T) {
	t.Parallel()
	k := keyedRig(t, e2ee.CrossSigned, keyLate)
	phone := k.keys.Peer(alice, "PHONE").CrossSigned()
	phone.Share(room, ghost)
	k.c.vault.Close() // takes nothing more
	k.push(k.by(phone, k.inviteV1()))
	k.deliver()
	k.c.Close()
	k.begin(k.open(t, e2ee.CrossSigned, keyLate))
	if call, _, _ := k.take(); call.From.User != alice || call.Room != room {
		t.Errorf("called %+v", call)
	}
}
