// Package music makes what a party hears that waits.
package music

import (
	"fmt"
	"log/slog"
)

// Options say what is played.
type Options struct {
	// File is a WAV file to play on hold: 16-bit PCM, one or two channels, at 8,
	// 16, 24, 32, 44.1 or 48 kHz. Empty: Roomline's own melody.
	File string
	// Country is whose ringing tone is played, as ISO 3166-1 alpha-2 ("DE").
	// Empty, or one that is not known: 425 Hz, as in most of Europe.
	Country string
	Log     *slog.Logger
}

// Set is all there is to hear. Its sources may be played to any number of
// parties at once.
type Set struct {
	Hold     *Source // music on hold, in a loop
	Silence  *Source // packets of silence, which keep a path open
	Ringback *Source // the tone that says that it rings (ITU-T E.180)
}

// New reads the file, if there is one, and makes the rest. The error names the
// file and what is wrong with it.
func New(opt Options) (*Set, error) {
	hold, err := opt.hold()
	if err != nil {
		return nil, fmt.Errorf("music on hold: %w", err)
	}
	return &Set{
		Hold:     newSource(hold, opt.Log),
		Silence:  newSource(make([]int16, wide), opt.Log),
		Ringback: newSource(cadenceOf(opt.Country).render(), opt.Log),
	}, nil
}

func (o Options) hold() ([]int16, error) {
	if o.File == "" {
		return melody(), nil
	}
	return load(o.File)
}

const (
	wide   = 16000 // Hz of all that is made or read here
	narrow = 8000  // Hz of what G.711 gets
	frames = 50    // packets in a second (RFC 3551 §4.2: 20 ms)
	level  = 0.1   // of full scale, effective: -20 dBFS
	full   = 32767
)
