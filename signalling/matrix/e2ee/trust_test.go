package e2ee

import (
	"context"
	"errors"
	"testing"

	"roomline/internal/database"
	"roomline/internal/database/databasetest"
)

// X7: which devices may speak to us, by policy.
func TestPolicies(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		policy    Policy
		signed    bool
		confirmed string // "": nobody, "config", "table", "wrong"
		want      string // why it is refused; empty: it is not
	}{
		"any, unsigned":               {policy: Any},
		"any, signed":                 {policy: Any, signed: true},
		"any, another was confirmed":  {policy: Any, signed: true, confirmed: "wrong"},
		"cross-signed, unsigned":      {policy: CrossSigned, want: unsigned.Why},
		"cross-signed, signed":        {policy: CrossSigned, signed: true},
		"cross-signed, another":       {policy: CrossSigned, signed: true, confirmed: "wrong", want: otherKey.Why},
		"cross-signed, confirmed":     {policy: CrossSigned, signed: true, confirmed: "table"},
		"verified, unsigned":          {policy: Verified, want: unsigned.Why},
		"verified, signed":            {policy: Verified, signed: true, want: unknownID.Why},
		"verified, in the table":      {policy: Verified, signed: true, confirmed: "table"},
		"verified, in the config":     {policy: Verified, signed: true, confirmed: "config"},
		"verified, another confirmed": {policy: Verified, signed: true, confirmed: "wrong", want: otherKey.Why},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := setUp(t, Config{Policy: c.policy, Confirmed: map[string]string{}})
			r.device(ghost)
			phone := r.hs.Peer(alice, "PHONE")
			if c.signed {
				phone.CrossSigned()
			}
			switch c.confirmed {
			case "config":
				r.cfg.Confirmed[alice] = phone.MasterKey()
				r.Devices.cfg.Confirmed = r.cfg.Confirmed
			case "table":
				confirm(t, r, phone.MasterKey())
			case "wrong":
				confirm(t, r, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
			}
			e := phone.Say(room, "m.call.invite", call, ghost)
			r.idle()
			_, err := r.Open(t.Context(), ghost, e)
			var why Untrusted
			if errors.As(err, &why) != (c.want != "") || why.Why != c.want || c.want == "" && err != nil {
				t.Errorf("%v, expected %q", err, c.want)
			}
			if c.want != "" && (why.Device != "PHONE" || why.Fix == "") {
				t.Errorf("%+v", why)
			}
			_, err = phone.Read(r.says(ghost, alice))
			if (err == nil) != (c.want == "") {
				t.Errorf("alice reads: %v", err)
			}
			if got := phone.Withheld(); (got == "m.unverified") != (c.want != "") {
				t.Errorf("withheld: %q", got)
			}
			if ok, err := r.Confirmed(t.Context(), alice); err != nil || ok != (c.confirmed == "table" || c.confirmed == "config") {
				t.Errorf("confirmed: %v, %v", ok, err)
			}
		})
	}
}

func confirm(t *testing.T, r *rig, key string) {
	t.Helper()
	if err := r.Confirm(t.Context(), alice, key); err != nil {
		t.Fatal(err)
	}
}

// X13: a new identity is refused, also after a restart, until an administrator
// takes it for the first one.
func TestMasterKeyChanges(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, at database.Address) {
		r := setUpAt(t, at, Config{})
		r.device(ghost)
		if _, _, err := r.MasterKey(t.Context(), alice); !errors.Is(err, ErrNoIdentity) {
			t.Errorf("%v", err)
		}
		if err := r.Retrust(t.Context(), alice); !errors.Is(err, ErrNoIdentity) {
			t.Errorf("%v", err)
		}
		phone := r.hs.Peer(alice, "PHONE").CrossSigned()
		r.opens(ghost, phone.Say(room, "m.call.invite", call, ghost))
		first, old, err := r.MasterKey(t.Context(), alice)
		if err != nil || first != phone.MasterKey() || !old {
			t.Errorf("%s, %v, %v", first, old, err)
		}
		laptop := r.hs.Peer(alice, "LAPTOP").CrossSigned()
		for range 2 {
			for _, p := range []struct {
				say  func() error
				want string
			}{
				{func() error { return r.refuses(ghost, laptop.Say(room, "m.call.invite", call, ghost)) }, changed.Why},
				{func() error { return r.refuses(ghost, phone.Seal(room, "m.call.hangup", call)) }, unsigned.Why},
			} {
				var why Untrusted
				if err := p.say(); !errors.As(err, &why) || why.Why != p.want {
					t.Errorf("%v, expected %q", err, p.want)
				}
			}
			if _, err := laptop.Read(r.says(ghost, alice)); err == nil {
				t.Error("the new identity is given keys")
			}
			r.restart()
		}
		if key, first, err := r.MasterKey(t.Context(), alice); err != nil || first || key != laptop.MasterKey() {
			t.Errorf("%s, %v, %v", key, first, err)
		}
		if err := r.Retrust(t.Context(), alice); err != nil {
			t.Fatal(err)
		}
		r.opens(ghost, laptop.Say(room, "m.call.invite", call, ghost))
		if _, err := laptop.Read(r.says(ghost, alice)); err != nil {
			t.Errorf("after it was accepted: %v", err)
		}
	})
}

// X13: a homeserver that gives a device other keys is not believed: neither
// what the new keys say is taken, nor are they given ours.
func TestDeviceSwap(t *testing.T) {
	t.Parallel()
	for _, policy := range []Policy{Any, CrossSigned} {
		t.Run(string(policy), func(t *testing.T) {
			t.Parallel()
			r := setUp(t, Config{Policy: policy})
			r.device(ghost)
			phone := r.hs.Peer(alice, "PHONE").CrossSigned()
			r.opens(ghost, phone.Say(room, "m.call.invite", call, ghost))
			thief := r.hs.Peer(alice, "PHONE")
			var why Untrusted
			if err := r.refuses(ghost, thief.Say(room, "m.call.negotiate", call, ghost)); !errors.As(err, &why) || why.Why != swapped.Why {
				t.Errorf("the other one: %v", err)
			}
			if err := r.refuses(ghost, phone.Seal(room, "m.call.hangup", call)); !errors.As(err, &why) || why.Why != swapped.Why {
				t.Errorf("the device itself: %v", err)
			}
			if _, err := thief.Read(r.says(ghost, alice)); err == nil {
				t.Error("the new keys are given ours")
			}
		})
	}
}

// A device that is signed while a call waits may speak at once.
func TestSignedLater(t *testing.T) {
	t.Parallel()
	r := setUp(t, Config{})
	r.device(ghost)
	phone := r.hs.Peer(alice, "PHONE").CrossSigned()
	laptop := r.hs.Peer(alice, "LAPTOP")
	e := laptop.Say(room, "m.call.invite", call, ghost)
	if err := r.refuses(ghost, e); !errors.As(err, new(Untrusted)) {
		t.Errorf("%v", err)
	}
	laptop.SignedBy(phone)
	r.opens(ghost, e)
	if _, err := laptop.Read(r.says(ghost, alice)); err != nil {
		t.Errorf("%v", err)
	}
	r.hs.SignOut(alice, "LAPTOP")
	var why Untrusted
	if err := r.refuses(ghost, laptop.Seal(room, "m.call.hangup", call)); !errors.As(err, &why) || why.Why != gone.Why {
		t.Errorf("signed out: %v", err)
	}
}

// A homeserver that does not answer keeps nobody waiting whose device is known
// and trusted.
func TestSilentHomeserver(t *testing.T) {
	t.Parallel()
	r := setUp(t, Config{})
	r.device(ghost)
	phone := r.hs.Peer(alice, "PHONE").CrossSigned()
	r.opens(ghost, phone.Say(room, "m.call.invite", call, ghost))
	r.hs.Before = func(_, request string) error {
		if request == "POST keys/query" {
			return errors.New("it does not answer")
		}
		return nil
	}
	r.Changed([]string{alice})
	r.opens(ghost, phone.Seal(room, "m.call.hangup", call))
	if _, err := r.Seal(context.Background(), ghost, room, "m.call.answer", call, list(alice)); err == nil {
		t.Error("a key is shared with devices that are perhaps gone")
	}
}
