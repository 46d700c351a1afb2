// Package configs reads, defaults and validates one YAML file, and says exactly which line is wrong.
package configs

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"roomline/internal/database"
	"roomline/signalling"
	"roomline/signalling/matrix"
	"roomline/signalling/permit"
)

// Config is the whole file. Each section belongs to the package that it
// configures; what they share is here.
type Config struct {
	Database    database.Address `yaml:"database"` // SQLite file, or URL of a PostgreSQL database
	Matrix      matrix.Config    `yaml:"matrix"`
	Trunks      map[string]Trunk `yaml:"trunks"`
	Dialing     Dialing          `yaml:"dialing"`
	Permissions permit.Config    `yaml:"permissions"`
	Routes      signalling.Plan  `yaml:"routes"`
	Rooms       matrix.Rooms     `yaml:"rooms"`
	Contacts    matrix.Contacts  `yaml:"contacts"`
	SIP         SIP              `yaml:"sip"`
	Media       Media            `yaml:"media"`
	Calls       Calls            `yaml:"calls"`
	HTTP        HTTP             `yaml:"http"`
	CDR         CDR              `yaml:"cdr"`
	Log         Log              `yaml:"log"`

	plain []string // keys of the secrets that stand in the file itself
}

// Plain are the keys of the secrets that stand in the file itself, and are
// known to whoever can read it.
func (c *Config) Plain() []string { return c.plain }

// maxFile bounds the configuration file, in bytes.
const maxFile = 1 << 20

// Load reads a configuration file. The error is Problems, every one of them,
// if the file could be read at all.
func Load(path string) (*Config, error) {
	data, err := readFile(path, maxFile)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	dir := filepath.Dir(path)
	return parse(path, data, source{env: os.LookupEnv, dir: dir, stat: os.Stat, file: func(name string) (string, error) {
		secret, err := readFile(name, maxSecret)
		return string(secret), err
	}})
}

// parse is Load without a disk or an environment.
func parse(name string, data []byte, from source) (*Config, error) {
	d := &decoder{name: name, from: from, at: map[string]position{}, reported: map[string]bool{}, hidden: map[string]string{}}
	c := &Config{}
	c.preset()
	if d.document(data, c) {
		c.defaults()
		d.check(c)
	}
	if len(d.problems) > 0 {
		return nil, d.sorted()
	}
	c.plain = d.plain
	c.resolve(from.dir)
	return c, nil
}

// resolve takes relative file names from the folder of the configuration.
func (c *Config) resolve(dir string) {
	files := []*string{&c.Matrix.Registration, &c.Matrix.DoublePuppet, &c.CDR.JSONL}
	if _, file := c.Calls.MusicFile(); file {
		files = append(files, &c.Calls.HoldMusic)
	}
	absolute(dir, append(files, c.SIP.TLS.Files()...))
	for name, t := range c.Trunks {
		absolute(dir, append(t.TLS.Files(), t.STIR.Files()...))
		c.Trunks[name] = t
	}
	if name := c.Database.Reveal(); !c.Database.Server() && !filepath.IsAbs(name) {
		c.Database = database.Address(filepath.Join(dir, name))
	}
}

func absolute(dir string, files []*string) {
	for _, name := range files {
		if *name != "" && !filepath.IsAbs(*name) {
			*name = filepath.Join(dir, *name)
		}
	}
}

// readFile reads a regular file of at most limit bytes. Anything else, such as
// a pipe, could keep us waiting for ever.
func readFile(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no regular file", path)
	case info.Size() > limit:
		return nil, fmt.Errorf("%s is larger than %d bytes", path, limit)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit))
}
