package configs

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"roomline/signalling"
)

// Calls bounds calls in number and in time.
type Calls struct {
	Max          int           `yaml:"max"`           // at once; further ones are refused
	RingTimeout  time.Duration `yaml:"ring_timeout"`  // from dialling to an answer
	MaxDuration  time.Duration `yaml:"max_duration"`  // the longest call
	MaxTransfers int           `yaml:"max_transfers"` // of one call, one after the other
	DrainTimeout time.Duration `yaml:"drain_timeout"` // how long live calls may go on after SIGTERM
	HoldMusic    string        `yaml:"hold_music"`    // Music, Silence, or the name of a WAV file
}

// What a party that waits may hear, besides a file.
const (
	Music   = "music"
	Silence = "silence"
)

// MusicFile is the file to be played to those who wait, if it is one.
func (c Calls) MusicFile() (name string, ok bool) {
	return c.HoldMusic, strings.HasSuffix(strings.ToLower(c.HoldMusic), ".wav")
}

func callsDefaults() Calls {
	l := signalling.DefaultLimits()
	return Calls{Max: 100, RingTimeout: l.Ring, MaxDuration: l.Talk, MaxTransfers: l.Hops, DrainTimeout: 30 * time.Second, HoldMusic: Music}
}

// Limits are the times of a call; those that are nobody's choice keep their
// defaults.
func (c Calls) Limits() signalling.Limits {
	l := signalling.DefaultLimits()
	l.Ring, l.Talk, l.Hops = c.RingTimeout, c.MaxDuration, c.MaxTransfers
	return l
}

// Validate says which bound cannot work.
func (c Calls) Validate() error {
	errs := []error{
		within("ring_timeout", c.RingTimeout, 10*time.Second, 5*time.Minute),
		within("max_duration", c.MaxDuration, time.Second, 24*time.Hour),
		within("drain_timeout", c.DrainTimeout, 0, 24*time.Hour),
	}
	if c.MaxTransfers < 0 || c.MaxTransfers > 100 {
		errs = append(errs, fmt.Errorf("max_transfers: expected 0 to 100, found %d", c.MaxTransfers))
	}
	if c.Max < 1 || c.Max > 10000 {
		errs = append(errs, fmt.Errorf("max: expected 1 to 10000 calls, found %d", c.Max))
	}
	if _, file := c.MusicFile(); !file && c.HoldMusic != Music && c.HoldMusic != Silence {
		errs = append(errs, fmt.Errorf("hold_music: expected music, silence or the name of a .wav file, found %q", c.HoldMusic))
	}
	return errors.Join(errs...)
}

func within(field string, d, low, high time.Duration) error {
	if d < low || d > high {
		return fmt.Errorf("%s: expected %s to %s, found %s", field, brief(low), brief(high), brief(d))
	}
	return nil
}

// HTTP is where metrics and health are served.
type HTTP struct {
	Listen string `yaml:"listen"` // host:port
}

// Validate says whether the address can be listened on.
func (h HTTP) Validate() error {
	if _, err := netip.ParseAddrPort(h.Listen); err != nil {
		return fmt.Errorf("listen: expected an IP address and a port like 127.0.0.1:9095, found %q", h.Listen)
	}
	return nil
}

// CDR is where call records are kept.
type CDR struct {
	JSONL string `yaml:"jsonl"` // file with one JSON object a line; empty: none is kept
}

// Log is what is logged and how it looks.
type Log struct {
	Level  string `yaml:"level"`  // debug, info, warn or error
	Format string `yaml:"format"` // auto (text on a terminal, else json), text or json
}

// Validate says which word is unknown.
func (l Log) Validate() error {
	var errs []error
	if _, ok := l.level(); !ok {
		errs = append(errs, fmt.Errorf("level: expected debug, info, warn or error, found %q", l.Level))
	}
	if l.Format != "auto" && l.Format != "text" && l.Format != "json" {
		errs = append(errs, fmt.Errorf("format: expected auto, text or json, found %q", l.Format))
	}
	return errors.Join(errs...)
}

// SlogLevel is the least level that is logged.
func (l Log) SlogLevel() slog.Level {
	level, _ := l.level()
	return level
}

func (l Log) level() (slog.Level, bool) {
	switch l.Level {
	case "debug":
		return slog.LevelDebug, true
	case "info":
		return slog.LevelInfo, true
	case "warn":
		return slog.LevelWarn, true
	case "error":
		return slog.LevelError, true
	}
	return slog.LevelInfo, false
}
