package matrix

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"maunium.net/go/mautrix/id"

	"roomline/internal/database/databasetest"
	"roomline/internal/secret"
	"roomline/signalling/matrix/e2ee"
	"roomline/signalling/matrix/e2ee/e2eetest"
)

// keyHome is a homeserver that lets accounts log in, and keeps their keys.
func keyHome(t *testing.T) (*httptest.Server, *e2eetest.Server) {
	t.Helper()
	door, keys := newHome(t), e2eetest.New(t)
	keys.Password = password
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		var user, device string
		door.set(func() { user, device = door.tokens[token], door.devices[token] })
		if user == "" {
			door.Config.Handler.ServeHTTP(w, r)
			return
		}
		if err := keys.MakeDevice(r.Context(), user, device, ""); err != nil {
			t.Error(err)
		}
		query := r.URL.Query()
		query.Set("user_id", user)
		query.Set("device_id", device)
		r.URL.RawQuery = query.Encode()
		res, err := keys.RoundTrip(r)
		if err != nil {
			t.Error(err)
			return
		}
		defer res.Body.Close()
		w.WriteHeader(res.StatusCode)
		_, _ = io.Copy(w, res.Body)
	}))
	t.Cleanup(s.Close)
	return s, keys
}

// The account that was made for the gateway gets an identity, once.
func TestIdentify(t *testing.T) {
	s, keys := keyHome(t)
	cfg := Config{Homeserver: s.URL, Domain: "example.org", Encryption: Encryption{Enabled: true},
		Account: Account{User: telephone, Password: secret.Value(password)}}
	at := databasetest.File(t)
	key, err := Identify(t.Context(), cfg, at)
	if err != nil || len(strings.Fields(key)) < 4 {
		t.Fatalf("%q, %v", key, err)
	}
	keys.Password = ""
	other := keys.Peer("@alice:example.org", "PHONE")
	if _, err := other.Machine.FetchKeys(t.Context(), []id.UserID{telephone}, true); err != nil {
		t.Fatal(err)
	}
	theirs, err := other.Machine.GetCrossSigningPublicKeys(t.Context(), telephone)
	devices := keys.Devices(telephone)
	if err != nil || theirs == nil || len(devices) != 1 {
		t.Fatal(theirs, devices, err)
	}
	device, err := other.Machine.CryptoStore.GetDevice(t.Context(), telephone, id.DeviceID(devices[0]))
	if err != nil || device == nil {
		t.Fatal(device, err)
	}
	if ok, err := other.Machine.CryptoStore.IsKeySignedBy(t.Context(), telephone, device.SigningKey, telephone, theirs.SelfSigningKey); !ok {
		t.Errorf("others do not see the device as signed: %v", err)
	}
	if again, err := Identify(t.Context(), cfg, at); again != "" || err == nil || !strings.Contains(err.Error(), e2ee.ErrHasIdentity.Error()) {
		t.Errorf("a second time: %q, %v", again, err)
	}
}

func TestIdentifyRefused(t *testing.T) {
	s, _ := keyHome(t)
	for name, cfg := range map[string]Config{
		"no encryption": {Account: Account{User: telephone, Password: secret.Value(password)}},
		"no account":    {Encryption: Encryption{Enabled: true}},
		"no password":   {Encryption: Encryption{Enabled: true}, Account: Account{User: telephone, Token: secret.Value("t")}},
		"wrong one":     {Encryption: Encryption{Enabled: true}, Account: Account{User: telephone, Password: secret.Value("wrong")}},
	} {
		cfg.Homeserver, cfg.Domain = s.URL, "example.org"
		key, err := Identify(t.Context(), cfg, databasetest.File(t))
		if key != "" || err == nil || strings.Contains(err.Error(), "horse") {
			t.Errorf("%s: %q, %v", name, key, err)
		}
	}
}
