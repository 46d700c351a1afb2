package matrix

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// lookedAt is what Inspect finds about encryption.
func lookedAt(t *testing.T, cfg Config) Finding {
	t.Helper()
	all := Inspect(t.Context(), cfg)
	if f := all[len(all)-1]; f.About == aboutEncryption {
		if all.Worst() != f.Grade {
			t.Errorf("worst is %s of %+v", all.Worst(), all)
		}
		return f
	}
	t.Fatalf("found %+v", all)
	return Finding{}
}

// wishing is a homeserver of which all is well, and a configuration that
// wishes encryption.
func wishing(t *testing.T) Config {
	t.Helper()
	cfg, _ := live(t, nil)
	cfg.Encryption.Enabled = true
	if _, err := WriteRegistration(cfg); err != nil {
		t.Fatal(err)
	}
	return cfg
}

// A gateway that runs says what its test has shown.
func TestInspectAsksTheGateway(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]struct {
		grade Grade
		says  string
	}{
		`{"state":"on"}`:           {OK, "encrypted rooms can call"},
		`{"state":"no_devices"}`:   {Warn, "  account:\n    user: \"@telephone:example.org\"\n    password: file:telephone.password\nSynapse can"},
		`{"state":"no_to_device"}`: {Warn, "  experimental_features:\n    msc2409_to_device_messages_enabled: true\n    msc3202_transaction_extensions: true"},
		`{"state":"no_counts"}`:    {Warn, "msc3202_transaction_extensions is off"},
		`{"state":"unknown"}`:      {Warn, "Look again"},
		`{"state":"off"}`:          {Warn, "started without encryption"},
		`{"state":""}`:             {Warn, "could not be told"},
		`<html>`:                   {Warn, "is not this gateway"},
	} {
		t.Run(said, func(t *testing.T) {
			t.Parallel()
			cfg := wishing(t)
			reg, err := LoadRegistration(cfg.Registration)
			if err != nil {
				t.Fatal(err)
			}
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != abilityPath || r.Header.Get("Authorization") != "Bearer "+reg.ServerToken {
					t.Errorf("asked for %s", r.URL)
				}
				answer(w, http.StatusOK, said)
			}))
			defer s.Close()
			cfg.Listen = strings.TrimPrefix(s.URL, "http://")
			if f := lookedAt(t, cfg); f.Grade != want.grade || !strings.Contains(f.Reason+f.Fix, want.says) || (f.Grade == OK) != (f.Fix == "") || strings.Contains(f.Reason+f.Fix, reg.ServerToken) {
				t.Errorf("%+v", f)
			}
		})
	}
}

// What happens in rooms is the gateway's, and left for it.
func TestCheckTakesNoEvents(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]int{`{"events":[]}`: http.StatusOK, `{"events":[{"type":"m.call.invite"}]}`: http.StatusServiceUnavailable, `[`: http.StatusServiceUnavailable} {
		w := httptest.NewRecorder()
		later(w, httptest.NewRequest(http.MethodPut, "/_matrix/app/v1/transactions/1", strings.NewReader(body)))
		if w.Code != want {
			t.Errorf("%s: %d", body, w.Code)
		}
	}
}

// Without a gateway the check listens itself.
func TestInspectTriesAlone(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		device int    // status of making one
		extra  string // in the transaction that brings the message
		grade  Grade
		says   string
	}{
		"all is on":   {http.StatusCreated, `,"org.matrix.msc3202.device_one_time_keys_count":{"@roomline:example.org":{"ROOMLINE_TEST":{}}}`, OK, "can call"},
		"no counts":   {http.StatusOK, "", Warn, "msc3202_transaction_extensions is off"},
		"Dendrite":    {http.StatusNotFound, "", Warn, "Dendrite cannot"},
		"not brought": {http.StatusOK, "none", Warn, "could not be told"},
		"is down":     {http.StatusBadGateway, "", Warn, "could not be told"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := wishing(t)
			reg, err := LoadRegistration(cfg.Registration)
			if err != nil {
				t.Fatal(err)
			}
			cfg.Listen = freePort(t)
			statuses := make(chan int, probes)
			inner := http.DefaultClient
			hs := cfg.Homeserver
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				switch {
				case strings.Contains(r.URL.Path, "/devices/"):
					answer(w, tt.device, `{"errcode":"M_NOT_FOUND"}`)
				case strings.HasSuffix(r.URL.Path, "/register"):
					answer(w, http.StatusBadRequest, `{"errcode":"M_USER_IN_USE"}`)
				case strings.Contains(r.URL.Path, "/sendToDevice/"):
					answer(w, http.StatusOK, `{}`)
					if tt.extra != "none" {
						statuses <- bring(t, cfg.Listen, reg.ServerToken, string(body), tt.extra)
					}
				default:
					res, err := inner.Get(hs + r.URL.Path)
					if err != nil {
						t.Error(err)
						return
					}
					defer res.Body.Close()
					w.WriteHeader(res.StatusCode)
					io.Copy(w, res.Body)
				}
			}))
			defer s.Close()
			cfg.Homeserver = s.URL
			f := lookedAt(t, cfg)
			if f.Grade != tt.grade || !strings.Contains(f.Reason+f.Fix, tt.says) {
				t.Errorf("%+v", f)
			}
			close(statuses)
			for status := range statuses {
				if status != http.StatusOK {
					t.Errorf("%d: Synapse would bring nothing else for devices", status)
				}
			}
		})
	}
}

// bring is the homeserver bringing the bot's message back.
func bring(t *testing.T, at, token, body, extra string) int {
	content := body[strings.Index(body, `{"nonce"`):]
	content = content[:strings.Index(content, "}")+1]
	text := fmt.Sprintf(`{"events":[],"de.sorunome.msc2409.to_device":[{"type":%q,"sender":"@roomline:example.org","content":%s,"to_user_id":"@roomline:example.org","to_device_id":%q}]%s}`,
		typeProbe, content, probeDevice, extra)
	req, err := http.NewRequest(http.MethodPut, "http://"+at+"/_matrix/app/v1/transactions/1", strings.NewReader(text))
	if err != nil {
		t.Error(err)
		return 0
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Error(err)
		return 0
	}
	res.Body.Close()
	return res.StatusCode
}

// freePort is an address on which nobody listens.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// A registration that was written before encryption was wished says so.
func TestInspectOldRegistration(t *testing.T) {
	t.Parallel()
	cfg, _ := live(t, nil)
	cfg.Encryption.Enabled = true
	if f := lookedAt(t, cfg); f.Grade != Warn || !strings.Contains(f.Fix, "receive_ephemeral: true") || !strings.Contains(f.Fix, "registration again") {
		t.Errorf("%+v", f)
	}
}

// The gateway answers whoever has the homeserver's token, and nobody else.
func TestGatewayTellsItsAbility(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if status, text := r.ask(http.MethodGet, abilityPath, "Bearer "+r.hs.hsToken, nil); status != http.StatusOK || strings.TrimSpace(text) != `{"state":"off"}` {
		t.Errorf("%d %s", status, text)
	}
	if status, text := r.ask(http.MethodGet, abilityPath, "Bearer wrong", nil); status != http.StatusForbidden || strings.Contains(text, "state") {
		t.Errorf("%d %s", status, text)
	}
	if is, all := r.c.Encryption(); is != "off" || len(all) != len(abilities()) {
		t.Errorf("%s of %v", is, all)
	}
}
