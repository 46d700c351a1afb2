package matrix

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

func validConfig() Config {
	c := Config{Homeserver: "http://127.0.0.1:8008", Domain: "example.org"}
	c.Defaults()
	return c
}

func TestDefaultsAreValid(t *testing.T) {
	t.Parallel()
	c := validConfig()
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	if c.url() != "http://127.0.0.1:29500" || c.RingTimeout != 90*time.Second {
		t.Errorf("%+v", c)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for field, spoil := range map[string]func(*Config){
		"homeserver:":      func(c *Config) { c.Homeserver = "localhost:8008" },
		"domain:":          func(c *Config) { c.Domain = "@alice:example.org" },
		"listen:":          func(c *Config) { c.Listen = "29500" },
		"url:":             func(c *Config) { c.URL = "roomline" },
		"bot: expected a ": func(c *Config) { c.Bot = "Room Line" },
		"bot: expected a localpart that does not begin": func(c *Config) { c.Bot = "tel_bot" },
		"prefix:":       func(c *Config) { c.Prefix = "TEL" },
		"send_timeout:": func(c *Config) { c.SendTimeout = time.Hour },
	} {
		c := validConfig()
		spoil(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s %v", field, err)
		}
	}
}

func TestRegistrationFile(t *testing.T) {
	t.Parallel()
	c := validConfig()
	c.Registration = filepath.Join(t.TempDir(), "registration.yaml")
	if created, err := WriteRegistration(c); err != nil || !created {
		t.Fatalf("created %v, %v", created, err)
	}
	first, err := LoadRegistration(c.Registration)
	if err != nil {
		t.Fatal(err)
	}
	if len(first.AppToken) < 32 || len(first.ServerToken) < 32 || first.AppToken == first.ServerToken {
		t.Error("the tokens are weak")
	}
	users := regexp.MustCompile(first.Namespaces.UserIDs[0].Regex)
	if !users.MatchString("@tel_4930:example.org") || users.MatchString("@tel_4930:exampleXorg") || users.MatchString("@alice:example.org") || !first.Namespaces.UserIDs[0].Exclusive {
		t.Errorf("namespace %v", first.Namespaces.UserIDs)
	}
	if *first.RateLimited || len(first.Protocols) != 2 || first.SenderLocalpart != "roomline" || first.URL != "http://127.0.0.1:29500" {
		t.Errorf("%+v", first)
	}
	c.URL = "http://gateway:29500"
	if created, err := WriteRegistration(c); err != nil || created {
		t.Fatalf("created %v, %v", created, err)
	}
	second, err := LoadRegistration(c.Registration)
	if err != nil || second.AppToken != first.AppToken || second.ServerToken != first.ServerToken || second.URL != c.URL {
		t.Errorf("%+v, %v", second, err)
	}
	if info, err := os.Stat(c.Registration); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := os.WriteFile(c.Registration, []byte("id: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := WriteRegistration(c); err == nil {
		t.Error("a file without tokens was overwritten")
	}
}

// What the homeserver is told, line by line, with encryption and without; the
// tokens stay when it is switched on.
func TestGoldenRegistration(t *testing.T) {
	t.Parallel()
	c := validConfig()
	c.Registration = filepath.Join(t.TempDir(), "registration.yaml")
	var tokens []string
	for _, name := range []string{"registration", "registration_encrypted"} {
		if _, err := WriteRegistration(c); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(c.Registration)
		if err != nil {
			t.Fatal(err)
		}
		secrets := regexp.MustCompile(`_token: .+`)
		tokens = append(tokens, strings.Join(secrets.FindAllString(string(text), -1), " "))
		golden(t, filepath.Join("testdata", name+".yaml"), secrets.ReplaceAllString(string(text), "_token: secret"))
		c.Encryption.Enabled = true
	}
	if tokens[0] != tokens[1] {
		t.Error("the tokens have changed")
	}
}

func TestGhostNames(t *testing.T) {
	t.Parallel()
	g := newGhosts(validConfig(), nil, nil, digitsOnly{})
	for number, user := range map[string]string{dialled: ghost, "600": "@tel_s600:example.org", "*21#": "@tel_s=2a21=23:example.org", "110": "@tel_s110:example.org"} {
		if got := g.of(number); got != user {
			t.Errorf("%s is %s, expected %s", number, got, user)
		}
		if back, ok := g.number(user); !ok || back != number {
			t.Errorf("%s is %q, %v", user, back, ok)
		}
	}
	for _, user := range []string{"@alice:example.org", "@tel_:example.org", "@tel_abc:example.org", "@tel_0301:example.org", "@tel_s:example.org",
		"@tel_s=zz:example.org", "@tel_4930:evil.org", g.line(alice), "@tel_sS600:example.org", "@tel_" + strings.Repeat("9", 16) + ":example.org"} {
		if number, ok := g.number(user); ok {
			t.Errorf("%s is %s", user, number)
		}
	}
	if g.line(alice) != "@tel_line_alice:example.org" || g.line("@bob:other.org") != "@tel_line_bob=3aother.org:example.org" {
		t.Errorf("lines %s, %s", g.line(alice), g.line("@bob:other.org"))
	}
}

// X12: names from outside.
func TestClean(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"Bob": "Bob", " Bob\r\nVia: x ": "BobVia: x", "\u202eevil\u200b": "evil", "\xff\xfeok": "ok",
		strings.Repeat("ü", 100): strings.Repeat("ü", 64), "\x00": ""} {
		if got := clean(in); got != want {
			t.Errorf("%q is %q, expected %q", in, got, want)
		}
	}
}
