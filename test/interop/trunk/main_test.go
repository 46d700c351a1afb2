//go:build interop

// Package trunk puts the real binary between real SIP peers, and nobody else:
// calls come from one trunk and go on by another.
package trunk

import (
	"os"
	"testing"

	"roomline/test/interop/rig"
)

var bed *rig.Bed

func TestMain(m *testing.M) { os.Exit(rig.Main(m, func(b *rig.Bed) { bed = b })) }

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
