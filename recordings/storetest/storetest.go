// Package storetest says what every recordings.Store must do.
package storetest

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"testing"

	"roomline/recordings"
)

// Run holds an empty store, made anew for each part, against the contract.
func Run(t *testing.T, open func() recordings.Store) {
	t.Run("appears when closed", func(t *testing.T) { appears(t, open()) })
	t.Run("keeps apart", func(t *testing.T) { apart(t, open()) })
	t.Run("never overwrites", func(t *testing.T) { overwrites(t, open()) })
	t.Run("takes ids alone", func(t *testing.T) { ids(t, open()) })
	t.Run("closes twice", func(t *testing.T) { twice(t, open()) })
}

func name() string { return rand.Text() + ".wav" }

func create(t *testing.T, s recordings.Store, name string) io.WriteCloser {
	t.Helper()
	w, err := s.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func write(t *testing.T, w io.Writer, b string) {
	t.Helper()
	if n, err := io.WriteString(w, b); err != nil || n != len(b) {
		t.Fatalf("wrote %d of %d: %v", n, len(b), err)
	}
}

func holds(t *testing.T, s recordings.Store, name, want string) {
	t.Helper()
	r, err := s.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close()); err != nil || !bytes.Equal(got, []byte(want)) {
		t.Errorf("read %q, %v; want %q", got, err, want)
	}
}

func appears(t *testing.T, s recordings.Store) {
	id := name()
	w := create(t, s, id)
	write(t, w, "half")
	if _, err := s.Open(id); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("before it is closed: %v", err)
	}
	write(t, w, " and half")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	holds(t, s, id, "half and half")
	if _, err := s.Open(name()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("one that never was: %v", err)
	}
}

func apart(t *testing.T, s recordings.Store) {
	a, b := name(), name()
	wa, wb := create(t, s, a), create(t, s, b)
	write(t, wa, "one")
	write(t, wb, "two")
	write(t, wa, "three")
	if err := errors.Join(wb.Close(), wa.Close()); err != nil {
		t.Fatal(err)
	}
	holds(t, s, a, "onethree")
	holds(t, s, b, "two")
}

func overwrites(t *testing.T, s recordings.Store) {
	id := name()
	w := create(t, s, id)
	if _, err := s.Create(id); !errors.Is(err, fs.ErrExist) {
		t.Errorf("while it is written: %v", err)
	}
	write(t, w, "kept")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Create(id); !errors.Is(err, fs.ErrExist) {
		t.Errorf("once it is there: %v", err)
	}
	holds(t, s, id, "kept")
}

func ids(t *testing.T, s recordings.Store) {
	id := rand.Text()
	for _, bad := range []string{
		"", ".", "..", ".wav", id, id + ".wav.part", "../" + id + ".wav", "/tmp/" + id + ".wav", "a/" + id + ".wav",
		"alice.wav", "+4930123456.wav", id + "\x00.wav", id + ".wav\n", id + "..wav",
	} {
		if _, err := s.Create(bad); !errors.Is(err, recordings.ErrName) {
			t.Errorf("create %q: %v", bad, err)
		}
		if _, err := s.Open(bad); !errors.Is(err, recordings.ErrName) {
			t.Errorf("open %q: %v", bad, err)
		}
	}
}

func twice(t *testing.T, s recordings.Store) {
	w := create(t, s, name())
	for range 2 {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := w.Write([]byte("late")); err == nil {
		t.Error("written after it was closed")
	}
}
