package recordings_test

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"roomline/recordings"
	"roomline/recordings/storetest"
)

func TestDir(t *testing.T) {
	storetest.Run(t, func() recordings.Store {
		d, err := recordings.OpenDir(filepath.Join(t.TempDir(), "kept"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			for range 2 {
				if err := d.Close(); err != nil {
					t.Error(err)
				}
			}
		})
		return d
	})
}

func TestDirIsForItsOwnerAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kept")
	d, err := recordings.OpenDir(path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	name := rand.Text() + ".wav"
	w, err := d.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	modes(t, map[string]fs.FileMode{path: 0o700, filepath.Join(path, name+".part"): 0o600})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	modes(t, map[string]fs.FileMode{filepath.Join(path, name): 0o600})
	if left, err := filepath.Glob(filepath.Join(path, "*.part")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if err := os.Chmod(path, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := recordings.OpenDir(path); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("a directory open to others: %v", err)
	}
}

func modes(t *testing.T, want map[string]fs.FileMode) {
	t.Helper()
	for path, mode := range want {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", filepath.Base(path), info, err)
		}
	}
}

// TestDirIsNotLedOut: a link planted in the directory leads nowhere.
func TestDirIsNotLedOut(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "kept")
	d, err := recordings.OpenDir(path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	name := rand.Text() + ".wav"
	if err := os.Symlink(outside, filepath.Join(path, name)); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Open(name); err == nil {
		t.Error("read through a link")
	}
	if _, err := d.Create(name); !errors.Is(err, fs.ErrExist) {
		t.Errorf("create: %v", err)
	}
}
