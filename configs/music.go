package configs

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// music looks for the file that is played to those who wait.
func (d *decoder) music(c *Config) {
	name, file := c.Calls.MusicFile()
	if !file || d.from.stat == nil {
		return
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(d.from.dir, name)
	}
	info, err := d.from.stat(name)
	var bad *fs.PathError
	switch {
	case errors.As(err, &bad):
		d.found("calls.hold_music", fmt.Sprintf("expected a file that can be read, found %s: %v", name, bad.Err))
	case err == nil && !info.Mode().IsRegular():
		d.found("calls.hold_music", fmt.Sprintf("expected a file that can be read, found %s, which is no regular file", name))
	}
}
