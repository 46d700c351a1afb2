package matrix

import (
	"testing"
	"time"

	"roomline/internal/database"
	"roomline/internal/database/databasetest"
)

// A session comes back as it was written down, of each account its own, and
// where we are is of one device.
func TestSessionIsKept(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, at database.Address) {
		s, _ := storeAt(t, at)
		if n, err := s.session(t.Context(), telephone); err != nil || n != (session{}) {
			t.Errorf("%+v, %v", n, err)
		}
		until := time.UnixMilli(time.Now().Add(time.Hour).UnixMilli())
		for _, want := range []session{{"D", "t", "r", until, "o"}, {device: "E", token: "u"}} {
			if err := s.setSession(t.Context(), telephone, want); err != nil {
				t.Fatal(err)
			}
			if n, err := s.session(t.Context(), telephone); err != nil || n != want {
				t.Errorf("%+v, expected %+v: %v", n, want, err)
			}
		}
		if n, err := s.session(t.Context(), alice); err != nil || n != (session{}) {
			t.Errorf("%+v, %v", n, err)
		}
		for _, next := range []string{"s1", "s2"} {
			if err := s.setSince(t.Context(), telephone, "E", next); err != nil {
				t.Fatal(err)
			}
		}
		if since, err := s.since(t.Context(), telephone, "E"); since != "s2" || err != nil {
			t.Errorf("since %q, %v", since, err)
		}
		if since, err := s.since(t.Context(), telephone, "D"); since != "" || err != nil {
			t.Errorf("another device since %q, %v", since, err)
		}
	})
}
