package main

import (
	"strings"
	"testing"

	"roomline/test/bench/local"
)

// TestMeasures: the benchmark works, on two builds that are one, and in encrypted rooms.
func TestMeasures(t *testing.T) {
	program, err := local.Build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := measure(t.Context(), 5, program, program, &out); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); strings.Count(got, "new/old") != 2 || strings.Count(got, "encrypted/plain") != 2 || strings.Count(got, "\n") != 14 {
		t.Errorf("the table:\n%s", got)
	}
}
