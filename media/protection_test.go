package media

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// L1: neither logs nor anything else that prints a negotiation shows its keys.
func TestKeysAreNeverPrinted(t *testing.T) {
	var k Key
	copy(k[:], "canary-7731-canary-7731")
	n := Negotiated{Protection: Protection{Suite: AES128GCM, Send: k, Receive: k}}
	var log bytes.Buffer
	h := slog.New(slog.NewTextHandler(&log, nil))
	h.Info("x", "k", k, "n", n, "p", &n, "protection", n.Protection)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "k", k, "n", n, "p", &n)
	j, err := json.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	out := log.String() + string(j)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o"} {
		out += fmt.Sprintf(strings.Repeat(verb+" ", 5), k, &k, n, &n, n.Protection)
	}
	for _, leak := range []string{"canary", fmt.Sprintf("%x", "canary"), fmt.Sprintf("%X", "canary"), "99 97 110", "143 141 156", `0x63, 0x61`, "Y2FuYXJ5"} {
		if strings.Contains(out, leak) {
			t.Errorf("%q shows in %s", leak, out)
		}
	}
}

func TestSuites(t *testing.T) {
	for s := AES128SHA32; s <= AES256GCM; s++ {
		if s.KeyLen()+s.SaltLen() > maxKey || s.KeyLen() < 16 || s.SaltLen() < 12 || s.Short() != strings.HasSuffix(s.String(), "_32") {
			t.Errorf("%s: %d %d", s, s.KeyLen(), s.SaltLen())
		}
		if !s.AtLeast(s) || s.AtLeast(NoSuite) == NoSuite.AtLeast(s) {
			t.Errorf("%s is not at least itself, or no more than nothing", s)
		}
	}
	if AES128SHA80.AtLeast(AES128GCM) || AES256SHA32.AtLeast(AES128SHA80) || !AES256GCM.AtLeast(AES256SHA80) || AES128GCM.AtLeast(AES256SHA80) {
		t.Error("a weaker suite counts for as much")
	}
	if Suite(200).String() != "none" {
		t.Error(Suite(200).String())
	}
}
