package e2ee

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"roomline/signalling/matrix/e2ee/e2eetest"
)

const (
	account  = "@telephone:example.org"
	password = "correct horse"
)

// accountRig is a gateway that is an ordinary account.
func accountRig(t *testing.T) *rig {
	t.Helper()
	r := setUp(t, Config{Account: &Account{account, "GATEWAY"}})
	r.device(account)
	return r
}

// owner is a client of the account, with an identity and a recovery key.
func owner(t *testing.T, r *rig) (p *e2eetest.Peer, recoveryKey string) {
	t.Helper()
	p = r.hs.Peer(account, "PHONE")
	key, _, err := p.Machine.GenerateAndUploadCrossSigningKeys(t.Context(), nil, "")
	if err != nil {
		t.Fatal(err)
	}
	return p.SignedBy(p), key
}

// signedAsOwner tells whether others see our device as its owner's.
func signedAsOwner(t *testing.T, r *rig, by *e2eetest.Peer) bool {
	t.Helper()
	mach, release, err := r.machine(t.Context(), account)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	keys, err := by.Machine.GetOwnCrossSigningPublicKeys(t.Context())
	if err != nil || keys == nil {
		t.Fatal("no keys", err)
	}
	return signs(t, by, account, mach.OwnIdentity().SigningKey, account, keys.SelfSigningKey)
}

func TestRecoveryKey(t *testing.T) {
	t.Parallel()
	r := accountRig(t)
	phone, key := owner(t, r)
	if signedAsOwner(t, r, phone) {
		t.Fatal("signed before")
	}
	if err := r.Recover(t.Context(), account, key); err != nil {
		t.Fatal(err)
	}
	if !signedAsOwner(t, r, phone) {
		t.Error("not signed")
	}
	if ok, err := r.Confirmed(t.Context(), account); !ok {
		t.Errorf("the account's own identity is not confirmed: %v", err)
	}
	asked := r.hs.Requests("POST keys/signatures/upload")
	for range 2 {
		if err := r.Recover(t.Context(), account, key); err != nil {
			t.Fatal(err)
		}
		r.restart()
	}
	if n := r.hs.Requests("POST keys/signatures/upload"); n != asked {
		t.Errorf("signed %d times more", n-asked)
	}
	own, err := keyring{r.Devices}.Own(t.Context(), account)
	if err != nil || own.Master != phone.MasterKey() {
		t.Errorf("our identity is %v, %v", own, err)
	}
}

func TestRecoveryKeyThatDoesNotHelp(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		spoil func(t *testing.T, r *rig, key string) string
		want  error
	}{
		"no identity": {func(*testing.T, *rig, string) string { return "EsTj" }, ErrNoCrossSigning},
		"no secrets": {func(t *testing.T, r *rig, _ string) string {
			r.hs.Peer(account, "PHONE").CrossSigned()
			return "EsTj"
		}, ErrNoSecretStorage},
		"half of the secrets": {func(t *testing.T, r *rig, _ string) string {
			_, key := owner(t, r)
			r.hs.SetAccountData(account, event.AccountDataCrossSigningSelf.Type, nil)
			return key
		}, ErrNoSecretStorage},
		"no key": {func(t *testing.T, r *rig, _ string) string {
			owner(t, r)
			return "not a key at all 0OIl"
		}, ErrRecoveryKey},
		"of another account": {func(t *testing.T, r *rig, _ string) string {
			owner(t, r)
			key, _, err := r.hs.Peer(alice, "PHONE").Machine.GenerateAndUploadCrossSigningKeys(t.Context(), nil, "")
			if err != nil {
				t.Fatal(err)
			}
			return key
		}, ErrRecoveryKey},
		"of another account, and nothing to check it with": {func(t *testing.T, r *rig, _ string) string {
			p, _ := owner(t, r)
			name, about, err := p.Machine.SSSS.GetDefaultKeyData(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			about.MAC, about.IV = "", ""
			text, _ := json.Marshal(about)
			r.hs.SetAccountData(account, event.AccountDataSecretStorageKey.Type+"."+name, text)
			key, _, err := r.hs.Peer(alice, "PHONE").Machine.GenerateAndUploadCrossSigningKeys(t.Context(), nil, "")
			if err != nil {
				t.Fatal(err)
			}
			return key
		}, ErrRecoveryKey},
		"of an identity before": {func(t *testing.T, r *rig, _ string) string {
			p, key := owner(t, r)
			p.CrossSigned() // a new one, and the secrets are not
			return key
		}, ErrStaleSecrets},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := accountRig(t)
			key := x.spoil(t, r, "")
			before := r.hs.Requests("POST keys/signatures/upload")
			err := r.Recover(t.Context(), account, key)
			if !errors.Is(err, x.want) || strings.Contains(err.Error(), key) {
				t.Errorf("%v, expected %v", err, x.want)
			}
			if n := r.hs.Requests("POST keys/signatures/upload"); n != before {
				t.Error("something was signed")
			}
			if ok, _ := r.Confirmed(t.Context(), account); ok {
				t.Error("it counts as confirmed")
			}
		})
	}
}

// An account that was made for the gateway gets an identity, whose recovery
// key works later, for a device that has forgotten everything.
func TestIdentify(t *testing.T) {
	t.Parallel()
	r := accountRig(t)
	r.hs.Password = password
	if key, err := r.Identify(t.Context(), account, "wrong"); err == nil || strings.Contains(err.Error(), "wrong") && strings.Contains(err.Error(), "horse") {
		t.Fatalf("%q, %v", key, err)
	}
	key, err := r.Identify(t.Context(), account, password)
	if err != nil || len(strings.Fields(key)) < 4 {
		t.Fatalf("%q, %v", key, err)
	}
	if _, err := r.Identify(t.Context(), account, password); !errors.Is(err, ErrHasIdentity) {
		t.Errorf("a second time: %v", err)
	}
	r.hs.Password = ""
	phone := r.hs.Peer(alice, "PHONE").CrossSigned()
	own, err := keyring{r.Devices}.Own(t.Context(), account)
	if err != nil || own.Master == "" {
		t.Fatal(own, err)
	}
	i, err := r.identity(t.Context(), r.store("", row{}), id.UserID(account))
	if err != nil || !signs(t, phone, account, id.Ed25519(own.Key), account, i.selfSigning) {
		t.Errorf("our device is not signed by its owner: %v", err)
	}
	if err := r.Recover(t.Context(), account, key); err != nil {
		t.Errorf("its own recovery key: %v", err)
	}
	anew := setUp(t, Config{Account: &Account{account, "SECOND"}})
	anew.Devices.hs = r.hs
	anew.device(account)
	if err := anew.Recover(t.Context(), account, key); err != nil {
		t.Errorf("another device, with the recovery key alone: %v", err)
	}
}
