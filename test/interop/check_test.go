//go:build interop

package interop

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestCheckAsksTheHomeserver: `roomline check` beside a gateway that runs, and
// after it has stopped.
func TestCheckAsksTheHomeserver(t *testing.T) {
	s := open(t, with{})
	said, err := check(s)
	t.Logf("%s", said)
	if err != nil {
		t.Errorf("check: %v", err)
	}
	for _, want := range []string{"no mistakes", "dial pad", "relay"} {
		if !strings.Contains(said, want) {
			t.Errorf("it says nothing of %q", want)
		}
	}
	ok(t, s.Stop(s.ctx))
	ok(t, bed.StopHomeserver(s.ctx))
	said, err = check(s)
	t.Logf("%s", said)
	if err == nil || !strings.Contains(said, "FAIL") {
		t.Errorf("without a homeserver: %v, %s", err, said)
	}
	ok(t, bed.StartHomeserver(s.ctx))
}

func check(s *scene) (string, error) {
	program := raceBinary
	said, err := exec.CommandContext(s.ctx, program, "check", "-c", s.config()).CombinedOutput()
	for _, secret := range append(secrets(s.t), os.Getenv("BED_REG_SECRET")) {
		if strings.Contains(string(said), secret) {
			s.t.Errorf("it tells a secret: %s", said)
		}
	}
	return string(said), err
}
