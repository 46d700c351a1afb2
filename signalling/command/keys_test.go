package command

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// keeper writes down what is asked about keys.
type keeper struct {
	asked []string
	fail  error
}

func (k *keeper) note(what string) (string, error) {
	k.asked = append(k.asked, what)
	return "done: " + what, k.fail
}

func flag(is bool, word string) string {
	if is {
		return " " + word
	}
	return ""
}

func (k *keeper) Verify(admin bool) (string, error) { return k.note("verify" + flag(admin, "admin")) }
func (k *keeper) Answer(admin, same bool) (string, error) {
	return k.note("answer" + flag(same, "same") + flag(admin, "admin"))
}
func (k *keeper) Cancel(admin bool) (string, error)   { return k.note("cancel" + flag(admin, "admin")) }
func (k *keeper) Trust(user string) (string, error)   { return k.note("trust " + user) }
func (k *keeper) Devices(user string) (string, error) { return k.note("devices " + user) }

func TestKeys(t *testing.T) {
	for _, x := range []struct{ by, line, asked, said string }{
		{alice, "!verify", "verify", ""},
		{alice, "!VERIFY Yes", "answer same", ""},
		{alice, "!verify no", "answer", ""},
		{ops, "!verify yes", "answer same admin", ""},
		{alice, "!verify cancel", "cancel", ""},
		{ops, "!verify", "verify admin", ""},
		{guest, "!verify", "", "You may not use this telephone gateway. Its administrator can allow it."},
		{carol, "!verify", "verify", ""},
		{alice, "!devices", "devices " + alice, ""},
		{alice, "!devices @alice", "devices " + alice, ""},
		{alice, "!devices @bob", "", "Only an administrator of the gateway sees other people's devices. !devices alone lists yours."},
		{ops, "!devices @bob", "devices " + bob, ""},
		{ops, "!devices Bob the Builder", "devices " + bob, ""}, // a mention
		{ops, "!trust @guest:evil.org", "trust " + guest, ""},
		{ops, "!trust @a b:evil.org", "", "@a b:evil.org is no user. One is written @name:server."},
		{alice, "!trust " + alice, "", "Only an administrator of the gateway may say whose keys are right."},
	} {
		o, _ := office()
		k := &keeper{}
		o.Keys = k
		got := says(t, o, Who{User: x.by, Mentioned: bob}, x.line)
		var want []string
		if x.asked != "" {
			want, x.said = []string{x.asked}, "done: "+x.asked
		}
		if !slices.Equal(k.asked, want) || got != x.said {
			t.Errorf("%s: asked %q, said %q", x.line, k.asked, got)
		}
	}
}

func TestKeysRefused(t *testing.T) {
	o, _ := office()
	for _, line := range []string{"!verify", "!devices", "!trust @bob"} {
		if got := says(t, o, Who{User: ops}, line); !strings.HasPrefix(got, "Encryption is switched off here") {
			t.Errorf("%s is answered %q", line, got)
		}
	}
	o.Keys = &keeper{fail: errors.New("no.")}
	if got := says(t, o, Who{User: ops}, "!verify"); got != "no." {
		t.Error(got)
	}
	for _, line := range []string{"!verify maybe", "!verify yes yes", "!trust", "!trust @" + strings.Repeat("x", 300)} {
		var m Mistake
		if c, err := Parse(line); !errors.As(err, &m) {
			t.Errorf("%s is read as %v, %v", line, c, err)
		}
	}
}
