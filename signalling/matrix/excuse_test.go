package matrix

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"roomline/signalling/matrix/e2ee"
)

// Every sentence is on the page, and every error that can be mended has one.
func TestExcuses(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/verification.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range excuses {
		if got := sentence(fmt.Errorf("open: %w", x.why)); got != x.text {
			t.Errorf("%v: %q", x.why, got)
		}
		if line := "| " + x.when + " | " + x.text + " |"; !strings.Contains(string(page), line) {
			t.Errorf("docs/verification.md lacks\n%s", line)
		}
	}
	for _, text := range []string{otherwiseWithheld, plainExcuse, swappedExcuse, "I take nothing from your device DEVICE: "} {
		if !strings.Contains(string(page), "| "+text) {
			t.Errorf("docs/verification.md lacks\n%s", text)
		}
	}
}

// Texts from outside are bounded and have one line; what nobody in the room can
// mend is not said.
func TestSentences(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want string
	}{
		{e2ee.Untrusted{Device: "A\nB", Why: "why", Fix: "Fix."}, "I take nothing from your device AB: why. Fix."},
		{e2ee.Withheld{Code: "com.example\n"}, otherwiseWithheld},
		{e2ee.Withheld{}, otherwiseWithheld},
		{e2ee.ErrReplayed, ""}, {e2ee.ErrWrongRoom, ""}, {e2ee.ErrCorrupt, ""}, {e2ee.ErrOwn, ""}, {errors.New("the database is locked"), ""}, {nil, ""},
	} {
		if got := sentence(c.err); got != c.want {
			t.Errorf("%#v: %q, expected %q", c.err, got, c.want)
		}
	}
	if got := sentence(e2ee.Untrusted{Device: strings.Repeat("x", 1<<16), Why: strings.Repeat("y", 1<<16)}); len(got) > 2000 {
		t.Errorf("%d bytes", len(got))
	}
}
