package configs

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"roomline/media/port"
)

// minimal is all that is needed.
const minimal = `
matrix: {homeserver: "http://127.0.0.1:8008", domain: example.org}
trunks: {pbx: {host: 127.0.0.1:5070, numbers: [+4930555000]}}
`

// elsewhere stands for the environment and the disk.
func elsewhere() source {
	return source{dir: "/etc/roomline",
		env: func(name string) (string, bool) {
			v, ok := map[string]string{"SECRET": "canary-env", "COUNTRY": "DE", "EMPTY": "", "WORD": "abc"}[name]
			return v, ok
		},
		file: func(name string) (string, error) {
			switch name {
			case "/etc/roomline/pw", "/run/pw":
				return "canary-file\n", nil
			case "/etc/roomline/void":
				return "\n", nil
			}
			return "", &os.PathError{Op: "open", Path: name, Err: os.ErrNotExist}
		}}
}

func load(t *testing.T, text string) *Config {
	t.Helper()
	c, err := parse("roomline.yaml", []byte(text), elsewhere())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestMinimal(t *testing.T) {
	c := load(t, minimal)
	if c.Trunks["pbx"].Numbers[0] != "+4930555000" {
		t.Errorf("a number lost its plus: %q", c.Trunks["pbx"].Numbers)
	}
	if o := c.Routes.Outbound; len(o) != 1 || o[0].Match != "*" || o[0].Trunk != "pbx" {
		t.Errorf("everything goes to the only trunk, not %v", o)
	}
	if c.Matrix.Registration != "/etc/roomline/registration.yaml" || c.Database != "/etc/roomline/roomline.db" {
		t.Errorf("files are beside the configuration, not %s and %s", c.Matrix.Registration, c.Database)
	}
	if c.CDR.JSONL != "" {
		t.Errorf("no file became %q", c.CDR.JSONL)
	}
	if l := c.Calls.Limits(); l.Ring != time.Minute || l.Talk != 4*time.Hour || l.End == 0 {
		t.Errorf("limits: %v", l)
	}
	if p := c.Media.Port(); p != withoutAdvertise(port.Default()) {
		t.Errorf("the RTP end is %+v", p)
	}
	if p := c.Media.Peer(); p.Port != 19999 || p.Address != "127.0.0.1" || p.ICETimeout != 30*time.Second {
		t.Errorf("the WebRTC end is %+v", p)
	}
}

func TestValuesFromElsewhere(t *testing.T) {
	c := load(t, `
matrix: {homeserver: "http://127.0.0.1:8008", domain: "${COUNTRY}.example.org"}
database: /var/x.db
trunks:
  a: {host: 127.0.0.1:5070, numbers: [1, "007"], username: u, password: "${SECRET}$${x}"}
  b: {host: 127.0.0.1:5070, numbers: [2], username: u, password: file:pw}
  c: {host: 127.0.0.1:5070, numbers: [3], username: u, password: "file:/run/${EMPTY}pw"}
dialing: {country: "${COUNTRY}"}
routes: {outbound: [{match: "*", trunk: a}]}
cdr: {jsonl: calls.jsonl}
calls: {ring_timeout: 90s, max: null}
`)
	for name, want := range map[string]string{"a": "canary-env${x}", "b": "canary-file", "c": "canary-file"} {
		if got := c.Trunks[name].Password.Reveal(); got != want {
			t.Errorf("password of %s: got %q", name, got)
		}
	}
	if c.Dialing.Country != "DE" || c.Matrix.Domain != "DE.example.org" || c.Database != "/var/x.db" || c.CDR.JSONL != "/etc/roomline/calls.jsonl" {
		t.Errorf("got %+v", c)
	}
	if c.Trunks["a"].Numbers[1] != "007" || c.Calls.Max != 100 || c.Matrix.RingTimeout != 90*time.Second {
		t.Errorf("got %+v", c)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "r.yaml")
	write(t, path, strings.Replace(minimal, "host:", "username: u, password: file:pw, transport: tls, tls: {ca: ca.pem}, host:", 1)+"sip: {tls: {certificate: /etc/c.pem, key: k.pem}}\n")
	write(t, filepath.Join(dir, "pw"), "canary\r\n")
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if c.Trunks["pbx"].Password.Reveal() != "canary" || c.Database.Reveal() != filepath.Join(dir, "roomline.db") {
		t.Errorf("got %+v", c)
	}
	if c.Trunks["pbx"].TLS.CA != filepath.Join(dir, "ca.pem") || c.SIP.TLS.Key != filepath.Join(dir, "k.pem") || c.SIP.TLS.Certificate != "/etc/c.pem" {
		t.Errorf("files of TLS: %+v, %+v", c.Trunks["pbx"].TLS, c.SIP.TLS)
	}
	write(t, filepath.Join(dir, "pw"), strings.Repeat("x", maxSecret+1))
	var problems Problems
	if _, err = Load(path); !errors.As(err, &problems) || problems[0].Path != "trunks.pbx.password" {
		t.Errorf("a secret of more than 64 KiB: got %v", err)
	}
	write(t, path, strings.Repeat("#", maxFile+1))
	for _, bad := range []string{path, dir, "/dev/zero", filepath.Join(dir, "none")} {
		if _, err := Load(bad); err == nil || errors.As(err, &problems) {
			t.Errorf("Load(%s): got %v", bad, err)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func withoutAdvertise(c port.Config) port.Config {
	c.Advertise = ""
	return c
}

// TestNumbersAreRead: however a number is written, it is the same number.
func TestNumbersAreRead(t *testing.T) {
	c := load(t, `
matrix: {homeserver: "http://127.0.0.1:8008", domain: example.org}
trunks:
  pbx: {host: 127.0.0.1:5070, numbers: [030 23125-701, +49 30 23125702, 1001], caller_id: 030/23125700}
  hand: {host: 127.0.0.1:5071, number_format: asis, numbers: [030 23125703]}
  word: {host: 127.0.0.1:5072, caller_id: sales, username: u, password: p}
dialing: {country: DE}
routes:
  inbound:
    - {to: 0049 30 23125701, user: "@a:example.org"}
    - {to: 493023125702, user: "@b:example.org"}
    - {to: 1001, user: "@c:example.org"}
  outbound: [{match: 030 4711-0815, trunk: pbx}, {match: "+49*", trunk: hand}, {match: 110, trunk: hand}]
`)
	pbx, in, out := c.Trunks["pbx"], c.Routes.Inbound, c.Routes.Outbound
	for got, want := range map[string]string{
		pbx.Numbers[0]: "+493023125701", pbx.Numbers[1]: "+493023125702", pbx.Numbers[2]: "1001", pbx.CallerID: "+493023125700",
		c.Trunks["hand"].Numbers[0]: "+493023125703", c.Trunks["hand"].CallerID: "030 23125703", c.Trunks["word"].CallerID: "sales",
		in[0].To: "+493023125701", in[1].To: "493023125702", in[2].To: "1001",
		out[0].Match: "+493047110815", out[1].Match: "+49*", out[2].Match: "110",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// The database is a file beside this one, or a server's, whose address is a
// secret: it may come from elsewhere, and its password is shown nowhere.
func TestDatabase(t *testing.T) {
	const url = "postgres://roomline:canary-env@db.example.org/roomline"
	for text, want := range map[string]string{
		"calls.db": "/etc/roomline/calls.db", "/var/calls.db": "/var/calls.db",
		`"postgres://roomline:${SECRET}@db.example.org/roomline"`: url, "file:/run/pw": "/etc/roomline/canary-file",
	} {
		c := load(t, minimal+"database: "+text+"\n")
		if got := c.Database.Reveal(); got != want {
			t.Errorf("%s is %s", text, got)
		}
		var shown strings.Builder
		if err := c.Effective(&shown); err != nil || strings.Contains(shown.String(), "canary-env") {
			t.Errorf("%s, %v", shown.String(), err)
		}
	}
	for text, want := range map[string]string{
		`"mysql://u:${SECRET}@h/x"`:         "expected a file name, or an address like postgres://",
		`"postgres://u:${SECRET}@h:port/x"`: "expected a file name, or an address like postgres://",
		"file:/none":                        "the secret's file cannot be read",
		`"postgres://u:${NONE}@h/x"`:        "the environment variable NONE is not set",
	} {
		_, err := parse("roomline.yaml", []byte(minimal+"database: "+text+"\n"), elsewhere())
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary-env") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// A contact's number is read like any other, and named once.
func TestContacts(t *testing.T) {
	c := load(t, minimal+`
dialing: {country: DE}
contacts: {030 23125701: {name: Widgets Inc, avatar: mxc://example.org/x}}
`)
	if got := c.Matrix.Contacts["+493023125701"]; got.Name != "Widgets Inc" || got.Avatar != "mxc://example.org/x" || len(c.Contacts) != 1 {
		t.Errorf("%+v", c.Contacts)
	}
	for text, want := range map[string]string{
		`{"+493023125701": {name: A}, "0049 30 23125701": {name: B}}`: "expected each number once",
		`{"+493023125701": {avatar: mxc://x/y}}`:                      "contacts.+493023125701.name: expected a name",
		`{"+493023125701": {name: A, avatar: "http://x"}}`:            "avatar: expected a picture",
		`{nobody: {name: A}}`:                                         "expected a telephone number",
	} {
		_, err := parse("roomline.yaml", []byte(minimal+"contacts: "+text+"\n"), elsewhere())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
