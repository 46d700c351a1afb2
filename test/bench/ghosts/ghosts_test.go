package main

import (
	"strings"
	"testing"

	"roomline/test/bench/local"
)

// TestMeasures: the benchmark works, on few numbers.
func TestMeasures(t *testing.T) {
	program, err := local.Build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := measure(t.Context(), 20, program, &out); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); strings.Count(got, "\n") != 8 || !strings.Contains(got, "database for each, KiB") {
		t.Errorf("the table:\n%s", got)
	}
}
