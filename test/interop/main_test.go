//go:build interop

// Package interop puts the real binary between real peers: Synapse, Asterisk
// and Chromium with matrix-js-sdk, on loopback.
package interop

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"roomline/test/interop/rig"
)

var (
	bed        *rig.Bed
	browser    *rig.Browser // shared by the tests that do not break it
	raceBinary string
)

func TestMain(m *testing.M) {
	os.Exit(rig.Main(m, func(b *rig.Bed) {
		bed = b
		if err := prepare(); err != nil {
			fmt.Fprintln(os.Stderr, "interop:", err)
			os.Exit(1)
		}
	}))
}

// prepare builds the gateway, unless ROOMLINE_BINARY names one, and starts the browser.
func prepare() (err error) {
	if raceBinary = os.Getenv("ROOMLINE_BINARY"); raceBinary == "" {
		raceBinary = filepath.Join(bed.Run, "roomline-race")
		build := exec.CommandContext(context.Background(), "go", "build", "-race", "-tags", "goolm", "-o", raceBinary, "roomline/cmd/roomline")
		build.Env = append(os.Environ(), "CGO_ENABLED=1")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("build the gateway: %w: %s", err, out)
		}
	}
	browser, err = bed.Browser()
	return err
}
