package gateway

import (
	"fmt"

	"roomline/configs"
	"roomline/media/music"
)

// sounds makes what there is to hear besides people.
func (g *Gateway) sounds() (*music.Set, error) {
	opt := music.Options{Country: g.cfg.Dialing.Country, Log: g.log}
	if name, file := g.cfg.Calls.MusicFile(); file {
		opt.File = name
	}
	set, err := music.New(opt)
	if err != nil {
		return nil, fmt.Errorf("calls.hold_music: %w", err)
	}
	if g.cfg.Calls.HoldMusic == configs.Silence {
		set.Hold = set.Silence
	}
	return set, nil
}
