package media

import "sync"

// Tap is given a copy's view of every packet of a call. Take must return at
// once and must not keep p; what it cannot handle in time it drops and counts.
type Tap interface {
	Take(from int, p *Packet) // from is 0 for side A, 1 for side B
}

// Bridge joins two endpoints of the same format, one way at a time. It has no
// goroutines of its own: each endpoint's reader writes straight into the other.
type Bridge struct {
	ends  [2]Endpoint
	tap   Tap // may be nil
	early [2]*Early
}

// NewBridge makes a bridge on which neither side hears the other yet. tap may
// be nil.
func NewBridge(a, b Endpoint, tap Tap) *Bridge { return &Bridge{ends: [2]Endpoint{a, b}, tap: tap} }

// Precede lets what early has kept of a side go before the rest when the way
// from that side is opened first.
func (b *Bridge) Precede(from int, early *Early) { b.early[from] = early }

// Open lets the other side hear from (0 or 1) until stop is called. Once stop
// has returned, nothing more of it is written, and the way may be opened again.
func (b *Bridge) Open(from int) (stop func()) {
	source, w := b.ends[from], &way{to: b.ends[1-from], tap: b.tap, from: from}
	if e := b.early[from]; e != nil {
		e.Open(w)
		b.early[from] = nil
	}
	source.SendTo(w)
	return func() {
		source.SendTo(nil)
		w.shut()
	}
}

// way is one direction of a bridge. Its mutex makes sure that a packet on its
// way is through when the way is shut.
type way struct {
	mu   sync.Mutex
	to   Sink // nil: shut
	tap  Tap
	from int
}

func (w *way) WritePacket(p *Packet) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.to == nil {
		return nil
	}
	if w.tap != nil {
		w.tap.Take(w.from, p)
	}
	return w.to.WritePacket(p)
}

func (w *way) shut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.to = nil
}
