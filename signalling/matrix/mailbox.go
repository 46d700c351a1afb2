package matrix

import (
	"slices"
	"sync"
)

// mailbox queues what happens to one leg. put never blocks, so that the media
// library and the homeserver's transactions may call it; past its limit it
// keeps one last item that ends the leg.
type mailbox struct {
	ready chan struct{}

	mu    sync.Mutex
	queue []item
	full  bool
}

// maxMail is more than a call can be worth: two hundred events of at most
// 60 kB each.
const maxMail = 200

func newMailbox() *mailbox { return &mailbox{ready: make(chan struct{}, 1)} }

func (m *mailbox) put(i item) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.full {
		return
	}
	if len(m.queue) == maxMail {
		m.full, m.queue, i = true, nil, item{kind: flooded}
	}
	m.queue = append(m.queue, i)
	select {
	case m.ready <- struct{}{}:
	default:
	}
}

// offer queues what may be anybody's, if there is room for so much: nobody
// shall be able to end another's call by writing a lot.
func (m *mailbox) offer(i item, limit int) bool {
	m.mu.Lock()
	room := len(m.queue) < limit
	m.mu.Unlock()
	if room {
		m.put(i)
	}
	return room
}

// take removes the oldest item.
func (m *mailbox) take() (item, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.queue) == 0 {
		return item{}, false
	}
	first := m.queue[0]
	m.queue = m.queue[1:]
	if len(m.queue) > 0 {
		select {
		case m.ready <- struct{}{}:
		default:
		}
	}
	return first, true
}

// any tells whether something of the kind is waiting.
func (m *mailbox) any(of func(item) bool) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.ContainsFunc(m.queue, of)
}
