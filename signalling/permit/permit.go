// Package permit decides which calls are allowed.
package permit

import "roomline/signalling"

// Permit is the gateway's word on who may do what. Its methods may be called
// from any goroutine, and wait on nothing slower than memory.
type Permit struct {
	levels Levels
}

// New makes a permit.
func New(cfg Config) *Permit { return &Permit{levels: cfg.Levels} }

// May tells whether a user's level includes another.
func (p *Permit) May(user string, what signalling.Level) bool { return p.levels.Of(user) >= what }
