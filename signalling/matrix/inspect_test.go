package matrix

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
)

// live is a homeserver of which all is well, unless a test spoils an answer.
func live(t *testing.T, spoil map[string]string) (Config, *httptest.Server) {
	t.Helper()
	answers := map[string]string{
		"/_matrix/client/versions":                    `{"versions":["v1.11","v1.18"]}`,
		"/_matrix/client/v3/account/whoami":           `{"user_id":"@roomline:example.org"}`,
		"/_matrix/client/v1/appservice/roomline/ping": `{"duration_ms":1}`,
		"/_matrix/client/v3/voip/turnServer":          `{"username":"1:u","password":"p","ttl":3600,"uris":["turn:t.example.org:3478?transport=udp"]}`,
		"/_matrix/client/v3/thirdparty/protocols":     `{"m.protocol.pstn":{"instances":[{}]}}`,
	}
	for path, text := range spoil {
		answers[path] = text
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, ok := answers[r.URL.Path]
		switch {
		case !ok || text == "":
			answer(w, http.StatusNotFound, `{"errcode":"M_UNRECOGNIZED"}`)
		case strings.Contains(text, "errcode"):
			answer(w, http.StatusUnauthorized, text)
		default:
			answer(w, http.StatusOK, text)
		}
	}))
	t.Cleanup(s.Close)
	cfg := Config{Homeserver: s.URL, Domain: "example.org", Registration: filepath.Join(t.TempDir(), "r.yaml")}
	cfg.Defaults()
	if _, err := WriteRegistration(cfg); err != nil {
		t.Fatal(err)
	}
	return cfg, s
}

func TestInspect(t *testing.T) {
	t.Parallel()
	const v3 = "/_matrix/client/v3/"
	for name, tt := range map[string]struct {
		spoil map[string]string
		about string
		grade Grade
		says  string // in reason or fix
		found int    // how many findings there are
	}{
		"well":           {nil, "dial pad", OK, "m.protocol.pstn", 5},
		"no relay":       {map[string]string{v3 + "voip/turnServer": `{}`}, "relay (TURN)", Warn, "turn_shared_secret", 5},
		"only stun":      {map[string]string{v3 + "voip/turnServer": `{"uris":["stun:x"]}`}, "relay (TURN)", Warn, "only stun:x", 5},
		"no credential":  {map[string]string{v3 + "voip/turnServer": `{"uris":["turn:x"]}`}, "relay (TURN)", Warn, "without a credential", 5},
		"short lived":    {map[string]string{v3 + "voip/turnServer": `{"uris":["turn:x"],"username":"u","password":"p","ttl":60}`}, "relay (TURN)", Warn, "60 s", 5},
		"no dial pad":    {map[string]string{v3 + "thirdparty/protocols": `{}`}, "dial pad", Warn, "remembers for an hour", 5},
		"empty protocol": {map[string]string{v3 + "thirdparty/protocols": `{"m.protocol.pstn":{"instances":[]}}`}, "dial pad", Warn, "no dial pad", 5},
		"not registered": {map[string]string{v3 + "account/whoami": `{"errcode":"M_UNKNOWN_TOKEN"}`}, "registration", Fail, "app_service_config_files", 2},
		"another domain": {map[string]string{v3 + "account/whoami": `{"user_id":"@roomline:other.org"}`}, "registration", Fail, "Set matrix.domain to other.org", 2},
		"another bot":    {map[string]string{v3 + "account/whoami": `{"user_id":"@bot:example.org"}`}, "registration", Warn, "@bot:example.org", 5},
		"not reached":    {map[string]string{"/_matrix/client/v1/appservice/roomline/ping": `{"errcode":"M_CONNECTION_FAILED"}`}, "connection to us", Warn, "matrix.url", 5},
		"no ping":        {map[string]string{"/_matrix/client/v1/appservice/roomline/ping": ""}, "connection to us", OK, "reaches Roomline", 5},
		"no homeserver":  {map[string]string{"/_matrix/client/versions": `{}`}, "homeserver", Fail, "no Matrix homeserver", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg, _ := live(t, tt.spoil)
			all := Inspect(t.Context(), cfg)
			if len(all) != tt.found {
				t.Errorf("found %+v", all)
			}
			for _, f := range all {
				if name == "not reached" && f.About == "dial pad" {
					if f.Grade != Warn || !strings.Contains(f.Reason, "not looked at") { // else Synapse would remember our silence
						t.Errorf("%+v", f)
					}
					continue
				}
				if f.About == tt.about && (f.Grade != tt.grade || !strings.Contains(f.Reason+f.Fix, tt.says) || (f.Grade == OK) != (f.Fix == "")) {
					t.Errorf("%+v", f)
				} else if f.About != tt.about && f.Grade != OK {
					t.Errorf("%+v, but that is well", f)
				}
			}
			if all.Worst() != tt.grade {
				t.Errorf("worst is %s", all.Worst())
			}
			if strings.Contains(fmt.Sprint(all), "token:") {
				t.Errorf("a secret is shown: %v", all)
			}
		})
	}
	cfg, s := live(t, nil)
	s.Close()
	if all := Inspect(t.Context(), cfg); len(all) != 1 || all[0].Grade != Fail || !strings.Contains(all[0].Reason, "does not answer") {
		t.Errorf("%+v", all)
	}
	cfg.Registration += ".none"
	if all := Inspect(t.Context(), cfg); len(all) != 1 || all[0].Grade != Fail || !strings.Contains(all[0].Fix, "roomline registration") {
		t.Errorf("%+v", all)
	}
}

// The second registration is looked at where there is to be one.
func TestInspectDoublePuppet(t *testing.T) {
	t.Parallel()
	cfg, _ := live(t, nil)
	cfg.DoublePuppet = filepath.Join(t.TempDir(), "puppet.yaml")
	for _, grade := range []Grade{Fail, OK} {
		all := Inspect(t.Context(), cfg)
		if f := all[len(all)-1]; f.About != "double puppet" || f.Grade != grade {
			t.Errorf("%+v, expected %s", f, grade)
		}
		if _, err := WriteDoublePuppet(cfg); err != nil {
			t.Fatal(err)
		}
	}
}
