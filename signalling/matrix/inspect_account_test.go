package matrix

import (
	"strings"
	"testing"
)

// What check says to an ordinary account: whether it can log in, whether its
// device is signed, and nothing of application services. The session that it
// makes for this is closed again.
func TestInspectAccount(t *testing.T) {
	t.Parallel()
	const key = `"self_signing_keys":{"` + telephone + `":{"keys":{"ed25519:abc":"abc"}}}`
	device := func(name, signatures string) string {
		return `{"device_keys":{"` + telephone + `":{"OLD":{"signatures":{},"unsigned":{"device_display_name":"Element"}},
			"TEL":{"signatures":{` + signatures + `},"unsigned":{"device_display_name":"` + name + `"}}}},` + key + `}`
	}
	for name, tt := range map[string]struct {
		a     Account
		plain bool
		keys  string
		about string
		grade Grade
		says  string // in reason or fix
		found int
	}{
		"well":             {Account{Password: password}, true, "", aboutAccount, OK, "we can log in as " + telephone, 3},
		"wrong password":   {Account{Password: "x"}, true, "", aboutAccount, Fail, "refuses matrix.account.password", 2},
		"unknown token":    {Account{Token: "x"}, true, "", aboutAccount, Fail, "does not know matrix.account.token", 2},
		"login token":      {Account{LoginToken: "x"}, true, "", aboutAccount, Warn, "can be used once only", 2},
		"no relay":         {Account{Password: password}, true, "", "relay (TURN)", Warn, "turn_shared_secret", 3},
		"no identity":      {Account{Password: password}, false, `{}`, aboutIdentity, Warn, "roomline identity -c FILE", 4},
		"never started":    {Account{Password: password}, false, device("Element", ""), aboutIdentity, OK, "no keys yet", 4},
		"not signed":       {Account{Password: password}, false, device("Roomline", ""), aboutIdentity, Warn, "not signed by the account: TEL", 4},
		"another signed":   {Account{Password: password}, false, device("Roomline", `"@bob:x":{"ed25519:abc":"s"}`), aboutIdentity, Warn, "by emoji", 4},
		"signed":           {Account{Password: password}, false, device("Roomline", `"`+telephone+`":{"ed25519:abc":"s"}`), aboutIdentity, OK, "signed by the account: TEL", 4},
		"keys are garbage": {Account{Password: password}, false, `[]`, aboutIdentity, Warn, "does not tell the account's keys", 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHome(t)
			h.set(func() { h.keys = tt.keys })
			tt.a.User = telephone
			found := Inspect(t.Context(), Config{Homeserver: h.URL, Domain: "example.org", Account: tt.a, Encryption: Encryption{Enabled: !tt.plain}})
			if len(found) != tt.found {
				t.Errorf("found %+v", found)
			}
			for _, f := range found {
				if f.About == tt.about && (f.Grade != tt.grade || !strings.Contains(f.Reason+" "+f.Fix, tt.says)) {
					t.Errorf("%+v, expected %s %q", f, tt.grade, tt.says)
				}
			}
			h.set(func() {
				if len(h.tokens) != 0 {
					t.Errorf("%d sessions are left", len(h.tokens))
				}
			})
		})
	}
}
