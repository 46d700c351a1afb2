package main

import (
	"os"
	"testing"
)

// F1, F4, X4: a gateway that is killed again and again rings nobody twice, and
// leaves no call open in a room.
func TestKillCycles(t *testing.T) {
	r, err := run(t.Context(), 25, "")
	if err != nil {
		t.Fatal(err)
	}
	r.write(os.Stderr)
	if err := r.verdict(); err != nil {
		t.Error(err)
	}
}
