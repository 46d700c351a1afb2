package e2ee

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/crypto/verificationhelper"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"roomline/signalling/matrix/e2ee/e2eetest"
)

// libraryClient is a client whose verifications are the library's, from device
// to device.
type libraryClient struct {
	t *testing.T
	*e2eetest.Peer
	helper *verificationhelper.VerificationHelper
	heard  int

	ready, done []id.VerificationTransactionID
	cancelled   []event.VerificationCancelCode
	decimals    []int
	names       []string
}

// noEncryption is all that the library's helper wants to know of a client.
type noEncryption struct{ mautrix.CryptoHelper }

func newLibraryClient(t *testing.T, p *e2eetest.Peer) *libraryClient {
	t.Helper()
	c := &libraryClient{t: t, Peer: p}
	p.Machine.Client.Crypto, p.Machine.Client.Syncer = noEncryption{}, mautrix.NewDefaultSyncer()
	c.helper = verificationhelper.NewVerificationHelper(p.Machine.Client, p.Machine, nil, c, false, false, true)
	if err := c.helper.Init(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *libraryClient) VerificationRequested(context.Context, id.VerificationTransactionID, id.UserID, id.DeviceID) {
}
func (c *libraryClient) VerificationReady(_ context.Context, txn id.VerificationTransactionID, _ id.DeviceID, _, _ bool, _ *verificationhelper.QRCode) {
	c.ready = append(c.ready, txn)
}
func (c *libraryClient) VerificationCancelled(_ context.Context, _ id.VerificationTransactionID, code event.VerificationCancelCode, _ string) {
	c.cancelled = append(c.cancelled, code)
}
func (c *libraryClient) VerificationDone(_ context.Context, txn id.VerificationTransactionID, _ event.VerificationMethod) {
	c.done = append(c.done, txn)
}
func (c *libraryClient) ShowSAS(_ context.Context, _ id.VerificationTransactionID, _ []rune, names []string, decimals []int) {
	c.names, c.decimals = names, decimals
}

// pump reads what has come, until nothing comes any more.
func (c *libraryClient) pump() {
	for {
		synctest.Wait()
		c.Pump()
		if c.heard == len(c.Heard) {
			return
		}
		for ; c.heard < len(c.Heard); c.heard++ {
			c.Machine.Client.Syncer.(*mautrix.DefaultSyncer).Dispatch(context.Background(), c.Heard[c.heard])
		}
	}
}

// must fails the test for an error.
func (c *libraryClient) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
	c.pump()
}

// compares brings a verification to where people compare.
func (c *libraryClient) compares(v *Verifier, ours, user string, own bool) id.VerificationTransactionID {
	c.t.Helper()
	if _, err := c.Machine.FetchKeys(c.t.Context(), []id.UserID{id.UserID(ours)}, true); err != nil {
		c.t.Fatal(err)
	}
	txn, err := c.helper.StartVerification(c.t.Context(), id.UserID(ours))
	c.must(err)
	if len(c.ready) == 0 {
		c.t.Fatal("nobody answers")
	}
	c.must(c.helper.StartSAS(c.t.Context(), txn))
	all, err := v.Pending(c.t.Context(), user, own)
	if err != nil || len(all) != 1 || all[0].Stage != Comparing {
		c.t.Fatalf("waiting is %v, %v", all, err)
	}
	var names []string
	for _, e := range all[0].Short.Emoji {
		names = append(names, e.Name)
	}
	if !slices.Equal(names, c.names) || !slices.Equal(all[0].Short.Decimals[:], c.decimals) {
		c.t.Fatalf("we show %s, the client %v %v", all[0].Short, c.names, c.decimals)
	}
	return txn
}

// inBubble runs a test with a rig and a verifier; the library's goroutines
// live for ten minutes, which are short here.
func inBubble(t *testing.T, cfg Config, ours string, f func(t *testing.T, r *rig, v *Verifier)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := setUp(t, cfg)
		defer func() { <-time.After(verifyLife + time.Minute) }()
		r.device(ours)
		v := r.verifier(nil)
		f(t, r, v)
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	})
}

// verifier is one for the rig's devices, until the rig stops.
func (r *rig) verifier(say Sayer) *Verifier {
	v := r.Verifier(say, func(string) bool { return true }, func(Verification) {}, slog.New(slog.DiscardHandler))
	v.Start()
	r.t.Cleanup(func() { _ = v.Close() })
	return v
}

// signs tells whether a key has signed another one, as a client sees it.
func signs(t *testing.T, p *e2eetest.Peer, user string, key id.Ed25519, signer string, by id.Ed25519) bool {
	t.Helper()
	ctx := context.Background()
	if _, err := p.Machine.FetchKeys(ctx, []id.UserID{id.UserID(user)}, true); err != nil {
		t.Fatal(err)
	}
	ok, err := p.Machine.CryptoStore.IsKeySignedBy(ctx, id.UserID(user), key, id.UserID(signer), by)
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

// A person verifies one of our users from a client of another make, and
// each signs the other; the policy that refused her takes her then.
func TestVerifiedByALibrary(t *testing.T) {
	inBubble(t, Config{Policy: Verified}, ghost, func(t *testing.T, r *rig, v *Verifier) {
		phone := r.hs.Peer(alice, "PHONE").CrossSigned()
		if err := r.refuses(ghost, phone.Say(room, "m.call.invite", call, ghost)); err.Error() != unknownID.Why {
			t.Fatal(err)
		}
		c := newLibraryClient(t, phone)
		txn := c.compares(v, ghost, alice, false)
		c.must(c.helper.ConfirmSAS(t.Context(), txn))
		if ok, _ := r.Confirmed(t.Context(), alice); ok {
			t.Fatal("confirmed before somebody said so on our side")
		}
		c.must(v.Answer(t.Context(), alice, false, true))
		if len(c.done) != 1 || len(c.cancelled) != 0 {
			t.Fatalf("the client: done %v, cancelled %v", c.done, c.cancelled)
		}
		r.opens(ghost, phone.Seal(room, "m.call.invite", call))
		mine, _, err := r.machine(t.Context(), ghost)
		if err != nil {
			t.Fatal(err)
		}
		ours := mine.CrossSigningKeys.PublicKeys()
		if !signs(t, phone, ghost, ours.MasterKey, alice, phone.Machine.CrossSigningKeys.UserSigningKey.PublicKey()) {
			t.Error("she has not signed our key")
		}
		if !signs(t, phone, alice, id.Ed25519(phone.MasterKey()), ghost, ours.UserSigningKey) {
			t.Error("we have not signed hers")
		}
		r.restart()
		if ok, err := r.Confirmed(t.Context(), alice); !ok {
			t.Errorf("forgotten after a restart: %v", err)
		}
	})
}

func TestNotVerifiedByALibrary(t *testing.T) {
	for name, x := range map[string]struct {
		spoil func(t *testing.T, r *rig, v *Verifier, c *libraryClient, txn id.VerificationTransactionID)
		code  event.VerificationCancelCode
	}{
		"we see others": {func(t *testing.T, r *rig, v *Verifier, c *libraryClient, _ id.VerificationTransactionID) {
			c.must(v.Answer(t.Context(), alice, false, false))
		}, codeSAS},
		"she sees others": {func(t *testing.T, r *rig, v *Verifier, c *libraryClient, txn id.VerificationTransactionID) {
			c.must(c.helper.CancelVerification(t.Context(), txn, codeSAS, "no"))
			if all, _ := v.Pending(t.Context(), alice, false); len(all) != 0 {
				t.Errorf("still waiting: %v", all)
			}
		}, ""},
		"we are restarted": {func(t *testing.T, r *rig, v *Verifier, c *libraryClient, _ id.VerificationTransactionID) {
			rows := r.left()
			_ = v.Close()
			r.remember(rows) // as if we had been killed
			c.pump()
			c.cancelled = nil
			r.restart()
			v = r.verifier(nil)
			c.pump()
			if left := r.left(); len(left) != 0 {
				t.Errorf("written down: %v", left)
			}
			again := newLibraryClient(t, c.Peer)
			again.heard = len(c.Heard)
			if again.compares(v, ghost, alice, false) == "" {
				t.Error("no second try")
			}
		}, ""},
		"nobody answers": {func(t *testing.T, r *rig, v *Verifier, c *libraryClient, _ id.VerificationTransactionID) {
			<-time.After(verifyLife + 2*time.Second)
			c.pump()
		}, codeTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Config{Policy: CrossSigned}, ghost, func(t *testing.T, r *rig, v *Verifier) {
				c := newLibraryClient(t, r.hs.Peer(alice, "PHONE").CrossSigned())
				txn := c.compares(v, ghost, alice, false)
				x.spoil(t, r, v, c, txn)
				if x.code != "" && !slices.Contains(c.cancelled, x.code) {
					t.Errorf("cancelled with %v, expected %s", c.cancelled, x.code)
				}
				if ok, _ := r.Confirmed(t.Context(), alice); ok || len(c.done) != 0 {
					t.Error("it counts as verified")
				}
			})
		})
	}
}

// left are the verifications that are written down.
func (r *rig) left() []Verification {
	r.t.Helper()
	all, err := book{r.Devices}.Open(context.Background())
	if err != nil {
		r.t.Fatal(err)
	}
	return all
}

func (r *rig) remember(all []Verification) {
	r.t.Helper()
	for _, v := range all {
		if err := (book{r.Devices}).Begin(context.Background(), v); err != nil {
			r.t.Fatal(err)
		}
	}
}

// In account mode another session of the account verifies our device, signs
// it, and shows us which identity the account has.
func TestVerifiedByOwnSession(t *testing.T) {
	const account = "@telephone:example.org"
	inBubble(t, Config{Policy: CrossSigned, Account: &Account{account, "GATEWAY"}}, account, func(t *testing.T, r *rig, v *Verifier) {
		phone := r.hs.Peer(account, "PHONE").CrossSigned()
		c := newLibraryClient(t, phone)
		txn := c.compares(v, account, "@ops:example.org", true)
		c.must(c.helper.ConfirmSAS(t.Context(), txn))
		c.must(v.Answer(t.Context(), "@ops:example.org", true, true))
		if len(c.done) != 1 {
			t.Fatalf("the session: done %v, cancelled %v", c.done, c.cancelled)
		}
		dev, release, err := r.use(t.Context(), account)
		if err != nil {
			t.Fatal(err)
		}
		defer release()
		own := dev.mach.OwnIdentity().SigningKey
		if !signs(t, phone, account, own, account, phone.Machine.CrossSigningKeys.SelfSigningKey.PublicKey()) {
			t.Error("our device is not signed by its owner")
		}
		if ok, err := r.Confirmed(t.Context(), account); !ok {
			t.Errorf("the account's identity is not confirmed: %v", err)
		}
	})
}

// In an encrypted room, where the policy refuses somebody until she is
// verified, the verification itself is heard and can be read, and nothing else.
func TestVerifiedInAnEncryptedRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := setUp(t, Config{Policy: Verified})
		r.device(ghost)
		var sent []*event.Event
		say := func(ctx context.Context, ours, in, kind string, content any) (string, error) {
			sealed, err := r.Seal(ctx, ours, in, kind, content, list(alice, ours))
			if err != nil {
				return "", err
			}
			sent = append(sent, e2eetest.Event(t, ours, in, "$ours"+string(rune('a'+len(sent))), sealed))
			return sent[len(sent)-1].ID.String(), nil
		}
		v := r.verifier(say)
		phone := r.hs.Peer(alice, "PHONE").CrossSigned()
		us, err := keyring{r.Devices}.Own(t.Context(), ghost)
		if err != nil {
			t.Fatal(err)
		}
		c := &talk{exchange: exchange{us: Identity{alice, "PHONE", phone.Machine.OwnIdentity().SigningKey.String(), phone.MasterKey()}, them: us}, room: room}
		tells := func(kind string, content any) {
			e := r.opens(ghost, phone.Say(room, kind, content, ghost))
			e.RoomID, e.Sender, e.Timestamp = room, alice, time.Now().UnixMilli()
			if !v.Hear(ghost, e) {
				t.Errorf("%s is not taken for a verification", kind)
			}
			synctest.Wait()
			if kind == "m.room.message" {
				c.id = e.ID.String()
			}
		}
		tells("m.room.message", requestOut{From: "PHONE", Methods: []string{methodSAS}, MsgType: verifyRequest, To: ghost, Body: "verify me"})
		reads := func() {
			for ; len(sent) > 0; sent = sent[1:] {
				e, err := phone.Read(sent[0])
				if err != nil {
					t.Fatalf("she cannot read it: %v", err)
				}
				reply, err := c.hear(e.Type.Type, e.Content.VeryRaw)
				if err != nil {
					t.Fatalf("%s: %v", e.Type.Type, err)
				}
				for _, s := range reply {
					tells(s.kind, linked(s.content, c.id, true))
				}
			}
		}
		reads()
		if r.refuses(ghost, phone.Say(room, "m.call.invite", call, ghost)).Error() != unknownID.Why {
			t.Error("a call is taken before she is verified")
		}
		r.opens(ghost, phone.Say(room, "m.room.message", map[string]any{"msgtype": "m.text", "body": "!verify yes"}, ghost))
		r.refuses(ghost, phone.Say(room, "m.room.message", map[string]any{"msgtype": "m.text", "body": "!hangup"}, ghost))
		all, err := c.confirm()
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range all {
			tells(s.kind, linked(s.content, c.id, true))
		}
		if err := v.Answer(t.Context(), alice, false, true); err != nil {
			t.Fatal(err)
		}
		reads()
		if c.at != talkDone {
			t.Errorf("she is at %d", c.at)
		}
		r.opens(ghost, phone.Say(room, "m.call.invite", call, ghost))
	})
}

// When a verification has failed, what we say is for nobody again whom the
// policy refuses.
func TestUnverifiedCannotReadAfterwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := setUp(t, Config{Policy: Verified})
		r.device(ghost)
		phone := r.hs.Peer(alice, "PHONE").CrossSigned()
		v := r.verifier(func(ctx context.Context, ours, in, kind string, content any) (string, error) {
			return "$request", nil
		})
		if _, err := phone.Read(r.says(ghost, alice, ghost)); err == nil {
			t.Fatal("she reads it before")
		}
		if err := v.Ask(t.Context(), ghost, room, alice); err != nil {
			t.Fatal(err)
		}
		if _, err := phone.Read(r.says(ghost, alice, ghost)); err != nil {
			t.Fatalf("she cannot read what the verification takes: %v", err)
		}
		if n, err := v.Cancel(t.Context(), alice, false); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		<-time.After(verifyGrace + 2*time.Second)
		if _, err := phone.Read(r.says(ghost, alice, ghost)); err == nil {
			t.Error("she reads on")
		}
	})
}

// X13: who made an identity anew, or says so, cannot confirm it alone, with
// nobody to compare: an administrator has to trust it first. Until then what we
// say is not for it, and nothing of it is heard.
func TestNewIdentityIsNotVerifiedByItself(t *testing.T) {
	for name, c := range map[string]struct {
		policy    Policy
		confirmed bool
		why       string
	}{
		"any":                     {Any, false, ""},
		"any, confirmed":          {Any, true, ""},
		"cross-signed":            {CrossSigned, false, changed.Why},
		"cross-signed, confirmed": {CrossSigned, true, otherKey.Why},
		"verified":                {Verified, false, changed.Why},
		"verified, confirmed":     {Verified, true, otherKey.Why},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Config{Policy: c.policy}, ghost, func(t *testing.T, r *rig, v *Verifier) {
				phone := r.hs.Peer(alice, "PHONE").CrossSigned()
				if _, err := r.Person(t.Context(), ghost, alice); err != nil {
					t.Fatal(err)
				}
				if c.confirmed {
					confirm(t, r, phone.MasterKey())
				}
				thief := r.hs.Peer(alice, "LAPTOP").CrossSigned()
				if c.why != "" {
					order := map[string]any{"msgtype": "m.text", "body": "!verify"}
					if err := r.refuses(ghost, thief.Say(room, "m.room.message", order, ghost)); err.Error() != c.why {
						t.Errorf("%v, expected %q", err, c.why)
					}
				}
				client := newLibraryClient(t, thief)
				txn := client.compares(v, ghost, alice, false)
				keyring{r.Devices}.Engage(alice, room, true)
				if _, err := thief.Read(r.says(ghost, alice)); (err == nil) != (c.why == "") {
					t.Errorf("what we say meanwhile: %v", err)
				}
				client.must(client.helper.ConfirmSAS(t.Context(), txn))
				client.must(v.Answer(t.Context(), alice, false, true))
				if ok, err := r.Confirmed(t.Context(), alice); ok || err != nil {
					t.Errorf("confirmed by itself: %v", err)
				}
				if c.confirmed {
					if all, err := r.confirmed(t.Context(), alice); err != nil || !all[id.Ed25519(phone.MasterKey())] {
						t.Errorf("the one that was confirmed is forgotten: %v, %v", all, err)
					}
				}
				if len(client.done) != 0 || len(client.cancelled) == 0 {
					t.Errorf("the client: done %v, cancelled %v", client.done, client.cancelled)
				}
				if p, err := r.Trust(t.Context(), ghost, alice); err != nil || !p.Confirmed {
					t.Fatalf("%+v, %v", p, err)
				}
				r.opens(ghost, thief.Say(room, "m.call.invite", call, ghost))
			})
		})
	}
}

// FuzzVerifyToDevice sends anything to a device of ours as a verification.
func FuzzVerifyToDevice(f *testing.F) {
	f.Add(verifyRequest, []byte(`{"from_device":"PHONE","methods":["m.sas.v1"],"timestamp":1700000000000,"transaction_id":"t"}`))
	f.Add(verifyStart, []byte(`{"from_device":5,"transaction_id":"t"}`))
	f.Add(verifyMAC, []byte(`{"mac":{"ed25519:PHONE":1},"keys":[],"transaction_id":"t"}`))
	f.Add("m.key.verification.", []byte(`{`))
	f.Fuzz(func(t *testing.T, kind string, content []byte) {
		e := &event.Event{Sender: alice, Type: event.Type{Type: kind, Class: event.ToDeviceEventType}, Content: event.Content{VeryRaw: content}}
		copied, err := toDevice(e, e.Type)
		if err != nil {
			return
		}
		w := &verifyWorld{book: map[string]Verification{}}
		v := NewVerifier(w, w, w, func(string) bool { return true }, w.tell, slog.New(slog.DiscardHandler))
		for range 2 {
			if v.Hear(sasBot.User, copied) && len(v.inbox) > 0 {
				(<-v.inbox)()
			}
		}
		if len(w.vouched) != 0 || len(v.talks) > 1 || len(w.posts) > 2 {
			t.Errorf("sent %v, under way %v", w.posts, v.talks)
		}
		v.stop()
	})
}
