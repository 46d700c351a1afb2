package main

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestHighest(t *testing.T) {
	for _, limit := range []int{0, 1, 49, 50, 51, 437, 1000, 3999, 4000, 9000} {
		tries := 0
		got, err := highest(4000, func(rate int) (bool, error) { tries++; return rate <= limit, nil })
		if want := min(limit, 4000); err != nil || got > want || got < want-max(want/15, 2) || tries > 40 {
			t.Errorf("limit %d: %d after %d tries, %v", limit, got, tries, err)
		}
	}
	failed := map[int]bool{}
	if got, _ := highest(800, func(rate int) (bool, error) { // whatever fails once is tried again
		again := failed[rate]
		failed[rate] = true
		return again, nil
	}); got != 800 {
		t.Errorf("a machine that was busy for a moment: %d", got)
	}
	if _, err := highest(800, func(int) (bool, error) { return false, errors.New("no SIPp") }); err == nil {
		t.Error("an error was lost")
	}
}

func TestStatistics(t *testing.T) {
	text := "StartTime;SuccessfulCall(P);SuccessfulCall(C);FailedCall(C);Retransmissions(C);\na;1;1;0;0;\nb;199;200;1;7;\n"
	r, err := readStatistics(strings.NewReader(text))
	if err != nil || r.good != 200 || r.failed != 1 || r.again != 7 {
		t.Errorf("%+v, %v", r, err)
	}
	for _, bad := range []string{"", "SuccessfulCall(C);\n", "SuccessfulCall(C);FailedCall(C);Retransmissions(C);\n1;x;1;\n", "A;B;\n1;1;\n"} {
		if r, err := readStatistics(strings.NewReader(bad)); err == nil {
			t.Errorf("%q: %+v", bad, r)
		}
	}
}

func TestCarried(t *testing.T) {
	fine := result{good: 1000, again: 50, took: 5 * time.Second, want: 4 * time.Second}
	for name, change := range map[string]func(*result){"a failed call": func(r *result) { r.failed = 1 }, "repetitions": func(r *result) { r.again = 51 },
		"late": func(r *result) { r.took = 7 * time.Second }, "no call": func(r *result) { r.good, r.again = 0, 0 }} {
		r := fine
		if change(&r); r.carried() {
			t.Errorf("%s counts as carried", name)
		}
	}
	if !fine.carried() {
		t.Error("not carried")
	}
}

// Without the bed it says what is missing.
func TestWithoutBed(t *testing.T) {
	t.Setenv("ROOT", t.TempDir())
	if err := measure(t.Context(), options{}, &strings.Builder{}); err == nil || !strings.Contains(err.Error(), "bed install") {
		t.Errorf("%v", err)
	}
}
