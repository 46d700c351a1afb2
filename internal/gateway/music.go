package gateway

import (
	"fmt"

	"roomline/configs"
	"roomline/media/music"
	"roomline/signalling"
)

// waiting is what those who wait hear.
func (g *Gateway) waiting() (signalling.Music, error) {
	opt := music.Options{Country: g.cfg.Dialing.Country, Log: g.log}
	if name, file := g.cfg.Calls.MusicFile(); file {
		opt.File = name
	}
	set, err := music.New(opt)
	switch {
	case err != nil:
		return nil, fmt.Errorf("calls.hold_music: %w", err)
	case g.cfg.Calls.HoldMusic == configs.Silence:
		return set.Silence, nil
	}
	return set.Hold, nil
}
