package archtest

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// X14: of Olm's two libraries the program has the one in Go, goolm, and nothing
// of libolm, which is not maintained any more and leaks keys by its timing
// (CVE-2024-45191 to 45193). It needs no cgo at all.
func TestNoLibolm(t *testing.T) {
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-tags", "goolm", "./cmd/roomline")
	list.Dir, list.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(out))
	if !slices.Contains(deps, "maunium.net/go/mautrix/crypto/goolm") {
		t.Error("the program has no goolm")
	}
	for _, bad := range []string{"maunium.net/go/mautrix/crypto/libolm", "runtime/cgo"} {
		if slices.Contains(deps, bad) {
			t.Errorf("the program has %s", bad)
		}
	}
}
