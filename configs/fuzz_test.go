package configs

import (
	"errors"
	"io"
	"testing"
	"time"
)

// FuzzParse: whatever is in the file, the answer comes soon, and is either a
// configuration that can be written or problems that say where they are.
func FuzzParse(f *testing.F) {
	f.Add(Example())
	f.Add([]byte(minimal))
	for _, s := range []string{"", "a: &a [*a]", "matrix: {<<: *x}", "trunks: {a: {password: file:pw}}", "calls: {max: .nan}", "log: {level: '${SECRET}'}", "? [a]\n: b", "--- a\n--- b"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		begun := time.Now()
		c, err := parse("x", text, elsewhere())
		if d := time.Since(begun); d > 5*time.Second {
			t.Errorf("it took %v", d)
		}
		var problems Problems
		switch {
		case err == nil:
			if err := c.Effective(io.Discard); err != nil {
				t.Error(err)
			}
		case !errors.As(err, &problems) || len(problems) == 0:
			t.Errorf("got %v", err)
		}
		for _, p := range problems {
			if p.Line < 1 || p.Column < 1 || p.Text == "" {
				t.Errorf("got %+v", p)
			}
		}
	})
}
