package main

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"roomline/test/bench/local"
)

// gateway is one that is measured, with its folder.
type gateway struct {
	*local.Gateway
	dir string
}

// stopped starts the gateway again, and tells how large its database was
// meanwhile, when all of it was written to its place.
func (g gateway) stopped(program string) (int64, error) {
	g.Stop()
	bytes, err := size(g.dir)
	if err == nil {
		err = g.Start(program)
	}
	return bytes, err
}

// size is that of the database in a folder, with what is beside it.
func size(dir string) (bytes int64, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.Contains(d.Name(), ".db") {
			return err
		}
		info, err := d.Info()
		if err == nil {
			bytes += info.Size()
		}
		return err
	})
	if err == nil && bytes == 0 {
		err = fmt.Errorf("there is no database in %s", dir)
	}
	return bytes, err
}
