package matrix

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"

	"roomline/internal/secret"
	"roomline/signalling/matrix/e2ee"
)

// Encryption says whether and how our users take part in encrypted rooms.
type Encryption struct {
	Enabled   bool              `yaml:"enabled"`
	Devices   e2ee.Policy       `yaml:"devices"`    // whose calls are taken: any, cross-signed or verified
	Rooms     bool              `yaml:"rooms"`      // the telephone rooms that we make are encrypted
	PickleKey secret.Value      `yaml:"pickle_key"` // encrypts the keys in the database; empty: one that lies beside them
	Confirmed map[string]string `yaml:"confirmed"`  // by user id, the master cross-signing key that somebody of ours has compared
}

// masterKey is an Ed25519 public key in unpadded base64.
var masterKey = regexp.MustCompile(`^[A-Za-z0-9+/]{43}$`)

func (e Encryption) validate() error {
	if err := e.Devices.Validate(); err != nil {
		return fmt.Errorf("encryption.devices: %w", err)
	}
	if e.Rooms && !e.Enabled {
		return errors.New("encryption.rooms: expected enabled: true as well, because nobody could be rung in rooms that we cannot read")
	}
	for user, key := range e.Confirmed {
		if !userID.MatchString(user) || !masterKey.MatchString(key) {
			return fmt.Errorf("encryption.confirmed: expected a user id and a key of 43 characters, like \"@alice:example.org\": \"...\", found %q: %q", user, key)
		}
	}
	return nil
}

// Account is an ordinary account that we log in to where nobody makes us an
// application service.
type Account struct {
	User        string       `yaml:"user"`         // @telephone:example.org
	Password    secret.Value `yaml:"password"`     // one of these three; needed for the first login only
	Token       secret.Value `yaml:"token"`        // an access token, with the device it belongs to
	LoginToken  secret.Value `yaml:"login_token"`  // what a single sign-on ends with (m.login.token)
	RecoveryKey secret.Value `yaml:"recovery_key"` // signs our device with the account's own key; empty: somebody verifies it by emoji
	DeviceName  string       `yaml:"device_name"`  // how the device is listed; empty: Roomline
}

// userID is the grammar of user ids, historical ones included (Matrix 1.18, appendices).
var userID = regexp.MustCompile(`^@[!-9;-~]{1,200}:[0-9A-Za-z.:\[\]-]{1,100}$`)

// given tells whether there is an account at all.
func (a Account) given() bool { return a != Account{} }

// deviceName is how our device is listed among those of the account.
func (a Account) deviceName() string { return cmp.Or(a.DeviceName, "Roomline") }

func (a Account) validate(domain string) error {
	switch {
	case !a.given():
		return nil
	case !userID.MatchString(a.User) || server(a.User) != domain:
		return fmt.Errorf("account.user: expected a user id of %s like @telephone:%s, found %q", domain, domain, a.User)
	case !a.Password.Set() && !a.Token.Set() && !a.LoginToken.Set():
		return errors.New("account: expected a password, a token or a login_token")
	}
	return nil
}
