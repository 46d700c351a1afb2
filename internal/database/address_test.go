package database

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestAddress(t *testing.T) {
	t.Parallel()
	for text, want := range map[Address]struct {
		shown  string
		server bool
		valid  bool
	}{
		"roomline.db":                                 {"roomline.db", false, true},
		"/var/lib/a b.db":                             {"/var/lib/a b.db", false, true},
		"postgres://u:canary@db.example.org/x":        {"postgres://u@db.example.org/x", true, true},
		"postgresql://u@/x?host=/run&password=canary": {"postgresql://u@/x", true, true},
		"postgres://u:canary@db/x?sslmode=nonsense":   {"postgres://u@db/x", true, false},
		"postgres://u:canary%zz@db/x":                 {"(a URL that cannot be read)", true, false},
		"mysql://u:canary@db/x":                       {"mysql://u@db/x", false, false},
		"":                                            {"", false, false},
	} {
		if got := text.String(); got != want.shown || text.Server() != want.server {
			t.Errorf("%q is shown as %q, a server's: %v", text.Reveal(), got, text.Server())
		}
		err := text.Validate()
		if (err == nil) != want.valid || err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: %v", text.Reveal(), err)
		}
	}
}

// L1: no way of printing an address shows its password.
func TestAddressHidesItsPassword(t *testing.T) {
	t.Parallel()
	a := Address("postgres://u:canary@db/x")
	coded, err := json.Marshal(map[string]any{"a": a})
	var line strings.Builder
	slog.New(slog.NewTextHandler(&line, nil)).Info("x", "a", a)
	if all := fmt.Sprintf("%v %s %#v %+v %s %v", a, a, a, struct{ A Address }{a}, coded, err) + line.String(); strings.Contains(all, "canary") {
		t.Error(all)
	}
}
