package matrix

import (
	"maps"
	"sync"
)

// strays counts the call events that had no effect, because they were not from
// the party of their call, or meant nothing there. Anybody in a room can write
// anything.
type strays struct {
	mu     sync.Mutex
	byType map[string]uint64
}

func (s *strays) add(eventType string) {
	if eventType != typeEncrypted && eventType != typeToDevice {
		if eventType = stable(eventType); eventType == "" {
			eventType = "other"
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byType == nil {
		s.byType = map[string]uint64{}
	}
	s.byType[eventType]++
}

// ignore counts an event.
func (c *calls) ignore(eventType string) { c.strays.add(eventType) }

// Refused is how many requests came without the homeserver's token.
func (c *Client) Refused() uint64 { return c.refused.Load() }

// Ignored is how many events of calls had no effect, by their type, which is
// one of those that docs/matrix.md lists, or "other".
func (c *Client) Ignored() map[string]uint64 {
	c.calls.strays.mu.Lock()
	defer c.calls.strays.mu.Unlock()
	return maps.Clone(c.calls.strays.byType)
}
