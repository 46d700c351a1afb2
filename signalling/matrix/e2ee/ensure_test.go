package e2ee

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"maunium.net/go/mautrix"

	"roomline/internal/database"
	"roomline/internal/database/databasetest"
	"roomline/internal/secret"
	"roomline/signalling/matrix/e2ee/e2eetest"
)

var errCrash = errors.New("the process died")

// Ensure is taken up after a crash at any point: before a request reached the
// homeserver, and before its answer reached us. Nothing is made twice.
func TestEnsureAfterCrash(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, at database.Address) {
		r := setUpAt(t, at, Config{})
		steps := 0
		for _, after := range []bool{false, true} {
			for step := 1; ; step++ {
				user := fmt.Sprintf("@tel_%d_%v:example.org", step, after)
				if !r.ensureCrashes(user, step, after) {
					break
				}
				steps++
				r.restart()
				r.ready(user)
			}
		}
		if steps != 8 {
			t.Errorf("%d crashes; four requests were expected, each crashing twice", steps)
		}
	})
}

// ensureCrashes lets one request of Ensure fail; it tells whether there was
// such a request.
func (r *rig) ensureCrashes(user string, step int, after bool) (crashed bool) {
	r.t.Helper()
	n := 0
	crash := func(_, request string) error {
		if request == "GET devices" { // comes when all is done
			return nil
		}
		if n++; n == step {
			crashed = true
			return errCrash
		}
		return nil
	}
	if after {
		r.hs.After = crash
	} else {
		r.hs.Before = crash
	}
	err := r.Ensure(r.t.Context(), user)
	r.hs.Before, r.hs.After = nil, nil
	if errors.Is(err, errCrash) != crashed {
		r.t.Errorf("step %d: %v", step, err)
	}
	return crashed
}

// ready fails the test unless others can call a user, and believe it.
func (r *rig) ready(user string) {
	r.t.Helper()
	mine := r.device(user)
	if all := r.hs.Devices(user); len(all) != 1 || all[0] != mine {
		r.t.Errorf("devices %q, expected %s", all, mine)
	}
	if left, fallback := r.hs.OneTimeKeys(user, mine); left != goal || !fallback {
		r.t.Errorf("%d one-time keys, fallback %v", left, fallback)
	}
	phone := r.hs.Peer("@caller_of_"+user[1:], "PHONE").CrossSigned()
	r.opens(user, phone.Say(room, "m.call.invite", call, user))
	trusted, err := phone.Trusts(user, mine)
	if err != nil || !trusted {
		r.t.Errorf("others trust it: %v, %v", trusted, err)
	}
}

func TestEnsureManyTimes(t *testing.T) {
	t.Parallel()
	r := setUp(t, Config{})
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if err := r.Ensure(t.Context(), ghost); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, request := range []string{"PUT devices", "POST keys/upload", "POST keys/device_signing/upload", "POST keys/signatures/upload"} {
		if n := r.hs.Requests(request); n != 1 {
			t.Errorf("%s: %d times", request, n)
		}
	}
	r.restart()
	r.device(ghost)
	if n := r.hs.Requests("PUT devices"); n != 1 {
		t.Errorf("made again after a restart")
	}
}

// A device that the homeserver has lost is made again.
func TestDeviceLost(t *testing.T) {
	t.Parallel()
	r := setUp(t, Config{})
	mine := r.device(ghost)
	r.hs.SignOut(ghost, mine)
	r.Counted(mautrix.OTKCount{UserID: ghost, DeviceID: "ANOTHER"}, nil)
	r.idle()
	if row, _ := r.row(ghost); row.stage != signed {
		t.Error("lost because of another's count")
	}
	r.refilled(ghost, 0, nil)
	if row, _ := r.row(ghost); row.stage != named {
		t.Fatal("nobody has noticed")
	}
	r.ready(ghost)
}

// An ordinary account has its device already, is not signed by us, and gets
// other keys with another device.
func TestAccount(t *testing.T) {
	t.Parallel()
	const account = "@telephone:example.org"
	r := setUp(t, Config{Account: &Account{account, "FIRST"}})
	for _, device := range []string{"FIRST", "SECOND"} {
		if err := r.hs.MakeDevice(t.Context(), account, device, ""); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Ensure(t.Context(), ghost); !errors.Is(err, errOtherUser) {
		t.Errorf("somebody else: %v", err)
	}
	if got := r.device(account); got != "FIRST" {
		t.Errorf("device %q", got)
	}
	if n := r.hs.Requests("POST keys/device_signing/upload"); n != 0 {
		t.Error("we have given the account cross-signing keys")
	}
	phone := r.hs.Peer(alice, "PHONE").CrossSigned()
	e := phone.Say(room, "m.call.invite", call, account)
	r.opens(account, e)
	owner := r.hs.Peer(account, "ELEMENT").CrossSigned()
	r.opens(account, owner.Say(room, "m.room.message", call, account))
	if _, err := owner.Read(r.says(account, alice, account)); err != nil {
		t.Errorf("the owner's other device: %v", err)
	}
	old := r.keyOf(account)
	r.cfg.Account = &Account{account, "SECOND"}
	r.restart()
	if got := r.device(account); got != "SECOND" || r.keyOf(account) == old {
		t.Errorf("device %q, with the old keys", got)
	}
	if err := r.refuses(account, e); err != ErrNoKey {
		t.Errorf("what the old device knew: %v", err)
	}
	r.opens(account, phone.Say(room, "m.call.invite", call, account))
}

func (r *rig) keyOf(user string) string {
	r.t.Helper()
	mach, release, err := r.machine(r.t.Context(), user)
	if err != nil {
		r.t.Fatal(err)
	}
	defer release()
	return mach.OwnIdentity().IdentityKey.String()
}

// The key of the database must be the one of the first start.
func TestPickleKey(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, at database.Address) {
		r := setUpAt(t, at, Config{PickleKey: "canary-1"})
		key := r.device(ghost)
		r.stop()
		for _, wrong := range []secret.Value{"canary-2", ""} {
			db, err := database.Open(t.Context(), at, r.log)
			if err != nil {
				t.Fatal(err)
			}
			cfg := r.cfg
			cfg.PickleKey = wrong
			_, err = New(t.Context(), cfg, db, e2eetest.Rooms(), r.hs, r.log)
			if !errors.Is(err, errPickleKey) || strings.Contains(err.Error(), "canary") {
				t.Errorf("%v", err)
			}
			db.Close()
		}
		r.start()
		if r.device(ghost) != key {
			t.Error("another device")
		}
	})
}

// More devices than memory has room for work all the same.
func TestEviction(t *testing.T) {
	t.Parallel()
	r := setUp(t, Config{})
	phone := r.hs.Peer(alice, "PHONE").CrossSigned()
	first := r.device(ghost)
	e := phone.Say(room, "m.call.invite", call, ghost)
	r.opens(ghost, e)
	sealed := r.says(ghost, alice)
	dev, release, err := r.use(t.Context(), ghost)
	if err != nil {
		t.Fatal(err)
	}
	for i := range maxCached + 10 {
		user := fmt.Sprintf("@tel_n%d:example.org", i)
		if err := r.setRow(t.Context(), user, row{device: newDevice()}); err != nil {
			t.Fatal(err)
		}
		_, free, err := r.use(t.Context(), user)
		if err != nil {
			t.Fatal(err)
		}
		free()
	}
	if n := len(r.cached); n > maxCached {
		t.Errorf("%d devices in memory", n)
	}
	if r.held(ghost) != dev {
		t.Error("a device in use was dropped")
	}
	release()
	release()
	r.drop(ghost)
	if r.device(ghost) != first || sessionOf(r.says(ghost, alice)) != sessionOf(sealed) {
		t.Error("it came back with other keys")
	}
	r.opens(ghost, phone.Seal(room, "m.call.hangup", call))
}

// After the database was lost a user has one device again, and those of others
// are left alone.
func TestDatabaseLost(t *testing.T) {
	t.Parallel()
	r := setUp(t, Config{})
	old := r.device(ghost)
	r.hs.Peer(ghost, "RLELEMENT")
	r.stop()
	r.at = databasetest.File(t)
	r.start()
	mine := r.device(ghost)
	all := r.hs.Devices(ghost)
	slices.Sort(all)
	if want := []string{mine, "RLELEMENT"}; mine == old || len(all) != 2 || !slices.Contains(want, all[0]) || !slices.Contains(want, all[1]) {
		t.Errorf("devices %q, expected %q", all, want)
	}
	r.hs.Before = func(_, request string) error {
		if request == "GET devices" {
			return errCrash
		}
		return nil
	}
	r.device(other)
}
