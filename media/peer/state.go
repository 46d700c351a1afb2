package peer

import (
	"sync"
	"time"

	"github.com/pion/webrtc/v4"
)

// State is what happened to a peer's connection.
type State int

// The states, in the order in which they may follow each other: Connected
// once, then Interrupted and Restored in turn, Lost last and once.
const (
	Connected   State = iota + 1 // ICE and DTLS are up: audio can flow
	Interrupted                  // nothing has come from the far end for five seconds
	Restored                     // it is back
	Lost                         // it never came, did not come back, or closed its end
)

func (s State) String() string {
	switch s {
	case Connected:
		return "connected"
	case Interrupted:
		return "interrupted"
	case Restored:
		return "restored"
	case Lost:
		return "lost"
	}
	return "unknown"
}

// closeGrace is how long after the far end closed DTLS Lost is reported: a
// browser closes its connection just before its hang-up event sets out, and
// that event says more.
const closeGrace = 5 * time.Second

// status watches one connection. It calls on under its own lock, in order, and
// never again once it is ended.
type status struct {
	mu    sync.Mutex
	on    func(State)
	last  State
	ended bool
	timer *time.Timer // one deadline at a time: connecting, or closing
}

// expect begins the time that connecting may take.
func (s *status) expect(limit time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == 0 && !s.ended {
		s.deadline(limit, func() bool { return s.last == 0 })
	}
}

// deadline says Lost after d where still holds then. The lock is held.
func (s *status) deadline(d time.Duration, still func() bool) {
	if s.timer != nil {
		s.timer.Stop()
	}
	s.timer = time.AfterFunc(d, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if still() {
			s.say(Lost)
		}
	})
}

// changed takes pion's state. Pion calls its handlers in goroutines of their
// own, out of order: so the state is read here, not passed.
func (s *status) changed(pc *webrtc.PeerConnection, grace time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch pc.ConnectionState() {
	case webrtc.PeerConnectionStateConnected:
		if s.last == Interrupted {
			s.say(Restored)
		} else if s.last == 0 {
			s.say(Connected)
		}
	case webrtc.PeerConnectionStateDisconnected:
		if s.last == Connected || s.last == Restored {
			s.say(Interrupted)
		}
	case webrtc.PeerConnectionStateFailed:
		s.say(Lost)
	case webrtc.PeerConnectionStateClosed:
		if !s.ended {
			s.deadline(grace, func() bool { return true })
		}
	}
}

// say reports a state. The lock is held.
func (s *status) say(state State) {
	if s.ended || s.last == Lost {
		return
	}
	s.last = state
	if state != Interrupted && s.timer != nil {
		s.timer.Stop()
	}
	s.on(state)
}

// end silences the status for good.
func (s *status) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	if s.timer != nil {
		s.timer.Stop()
	}
}
