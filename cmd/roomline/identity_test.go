package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// What identity cannot do it says in a sentence, and shows no secret.
func TestIdentityRefused(t *testing.T) {
	hs := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_ = json.NewEncoder(w).Encode(map[string]string{"errcode": "M_FORBIDDEN", "error": "Invalid username or password"})
	}))
	t.Cleanup(hs.Close)
	account := `matrix: {homeserver: "` + hs.URL + `", domain: example.org, encryption: {enabled: true}, account: {user: "@telephone:example.org", password: ` + canary + `}}
trunks: {pbx: {host: 127.0.0.1:5070, numbers: [+4930555000], username: u, password: ` + canary + `}}
`
	for text, want := range map[string]string{
		good:    "expected matrix.encryption.enabled, and matrix.account with a password",
		account: "password",
	} {
		got := roomline(t, "identity", "-c", file(t, text))
		if got.status == 0 || got.out != "" || !strings.Contains(got.err, want) {
			t.Errorf("%+v, expected %q", got, want)
		}
	}
}
