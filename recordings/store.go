package recordings

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"sync"
)

// Store keeps recordings by name. Every store passes storetest.Run.
type Store interface {
	// Create begins a recording, which appears under its name once the writer
	// is closed. A name that is taken gives fs.ErrExist, one that is no
	// generated id ErrName. A writer that is also an io.WriterAt may be written
	// to again at its beginning.
	Create(name string) (io.WriteCloser, error)
	// Open reads a finished recording; fs.ErrNotExist if there is none.
	Open(name string) (io.ReadCloser, error)
}

// ErrName says that a name is not one that a Recorder generates.
var ErrName = errors.New("not the name of a recording")

var names = regexp.MustCompile(`^[A-Z2-7]{26,64}\.wav$`)

// CheckName keeps everything but generated ids out of a store.
func CheckName(name string) error {
	if !names.MatchString(name) {
		return ErrName
	}
	return nil
}

const (
	part    = ".part" // while it is written
	dirMode = 0o700
	mode    = 0o600
)

// Dir is a Store in one directory, which nothing in it can lead out of.
type Dir struct{ root *os.Root }

var _ Store = (*Dir)(nil)

// OpenDir uses a directory, making it if need be. One that others may enter is
// refused.
func OpenDir(path string) (*Dir, error) {
	if err := os.MkdirAll(path, dirMode); err != nil {
		return nil, fmt.Errorf("make the recordings directory: %w", err)
	}
	info, err := os.Stat(path)
	if err == nil && info.Mode().Perm()&^dirMode != 0 {
		err = fmt.Errorf("%w: mode is %v, want %v", fs.ErrPermission, info.Mode().Perm(), fs.FileMode(dirMode))
	}
	if err != nil {
		return nil, fmt.Errorf("open the recordings directory: %w", err)
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("open the recordings directory: %w", err)
	}
	return &Dir{root}, nil
}

// Create implements Store.
func (d *Dir) Create(name string) (io.WriteCloser, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	if _, err := d.root.Lstat(name); err == nil {
		return nil, fmt.Errorf("create recording: %w", fs.ErrExist)
	}
	f, err := d.root.OpenFile(name+part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return nil, fmt.Errorf("create recording: %w", err)
	}
	return &partial{File: f, dir: d, name: name}, nil
}

// Open implements Store.
func (d *Dir) Open(name string) (io.ReadCloser, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	return d.root.Open(name)
}

// Close lets the directory go. It may be called twice.
func (d *Dir) Close() error { return d.root.Close() }

// partial is a file that gets its name when it is complete.
type partial struct {
	*os.File
	dir  *Dir
	name string
	once sync.Once
	err  error
}

// Close puts the file on disk, then under its name. It may be called twice.
func (p *partial) Close() error {
	p.once.Do(func() {
		p.err = errors.Join(p.Sync(), p.File.Close())
		if p.err == nil {
			p.err = p.dir.root.Rename(p.name+part, p.name)
		}
	})
	return p.err
}
