package matrix

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"maunium.net/go/mautrix/appservice"
)

// The third-party protocols that make a client show its dial pad: Element asks
// for the first and then for the older name.
const (
	protocolPSTN   = "m.protocol.pstn"
	protocolVector = "im.vector.protocol.pstn"
)

// WriteRegistration writes the file that introduces us to the homeserver,
// readable by its owner only. If the file exists its tokens are kept and the
// rest is brought up to date; created tells whether there was none.
func WriteRegistration(cfg Config) (created bool, err error) {
	return write(cfg.Registration, func(as, hs string) (string, error) { return registration(cfg, as, hs).YAML() })
}

// WriteDoublePuppet writes the file by which an administrator lets us act for
// the users of the homeserver; see puppets for what that is used for. Nothing
// is sent to us because of it.
func WriteDoublePuppet(cfg Config) (created bool, err error) {
	return write(cfg.DoublePuppet, func(as, hs string) (string, error) { return doublePuppet(cfg, as, hs) })
}

// write puts a registration in place, with the tokens that it had.
func write(path string, text func(asToken, hsToken string) (string, error)) (created bool, err error) {
	old, err := LoadRegistration(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		created, old = true, appservice.CreateRegistration()
	case err != nil:
		return false, err
	}
	yaml, err := text(old.AppToken, old.ServerToken)
	if err != nil {
		return false, fmt.Errorf("write registration: %w", err)
	}
	return created, replaceFile(path, []byte(yaml))
}

// LoadRegistration reads the registration file and insists on its tokens.
func LoadRegistration(path string) (*appservice.Registration, error) {
	reg, err := appservice.LoadRegistration(path)
	if err != nil {
		return nil, fmt.Errorf("read registration %s: %w", path, err)
	}
	if reg.AppToken == "" || reg.ServerToken == "" {
		return nil, fmt.Errorf("read registration %s: as_token and hs_token must not be empty", path)
	}
	return reg, nil
}

// registration is what the homeserver has to know of us (Matrix 1.18,
// Application Service API, "Registration").
func registration(cfg Config, asToken, hsToken string) *appservice.Registration {
	limited := false // Synapse would hold back 0.2 messages a second otherwise
	users := "@" + regexp.QuoteMeta(cfg.Prefix) + ".+:" + regexp.QuoteMeta(cfg.Domain)
	veiled := cfg.Encryption.Enabled
	return &appservice.Registration{
		ID:              cfg.Bot,
		URL:             cfg.url(),
		AppToken:        asToken,
		ServerToken:     hsToken,
		SenderLocalpart: cfg.Bot,
		RateLimited:     &limited,
		Protocols:       []string{protocolPSTN, protocolVector},
		Namespaces:      appservice.Namespaces{UserIDs: appservice.NamespaceList{{Regex: users, Exclusive: true}}},
		EphemeralEvents: veiled, // with them come the messages to devices (MSC4203)
		MSC3202:         veiled, // what is left of our devices' keys, and whose devices have changed
		MSC4190:         veiled, // we make devices; with it a login is refused, and a registration that would log in
	}
}

// puppetSuffix tells the second registration from the first.
const puppetSuffix = "-double-puppet"

// doublePuppet is a registration without an address: the homeserver sends it
// nothing, which the library's own type cannot say.
func doublePuppet(cfg Config, asToken, hsToken string) (string, error) {
	limited := false
	reg := appservice.Registration{ID: cfg.Bot + puppetSuffix, AppToken: asToken, ServerToken: hsToken,
		SenderLocalpart: cfg.Bot + puppetSuffix, RateLimited: &limited, Namespaces: appservice.Namespaces{
			UserIDs: appservice.NamespaceList{{Regex: "@.*:" + regexp.QuoteMeta(cfg.Domain), Exclusive: false}}}}
	text, err := reg.YAML()
	return strings.Replace(text, "\nurl: \"\"\n", "\nurl: null\n", 1), err
}

// replaceFile puts a file in place in one step, so that nobody reads half of it.
func replaceFile(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".registration-*") // mode 0600
	if err != nil {
		return fmt.Errorf("write registration: %w", err)
	}
	defer os.Remove(f.Name()) // nothing to remove once it was renamed
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write registration: %w", err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("write registration: %w", err)
	}
	return nil
}
