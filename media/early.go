package media

import "sync"

// Early keeps the first packets of a source until the far side can take them,
// so that the first word after an answer is not lost while the other leg is
// still being connected. What does not fit pushes out the oldest. It is a Sink.
type Early struct {
	mu    sync.Mutex
	kept  []Packet
	limit int
	to    Sink
}

// NewEarly keeps at most limit packets.
func NewEarly(limit int) *Early { return &Early{limit: limit} }

// WritePacket keeps a copy, or passes the packet on once Open was called.
func (e *Early) WritePacket(p *Packet) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.to != nil {
		return e.to.WritePacket(p)
	}
	if len(e.kept) == e.limit {
		e.kept = append(e.kept[:0], e.kept[1:]...)
	}
	kept := *p
	kept.Payload = append([]byte(nil), p.Payload...)
	e.kept = append(e.kept, kept)
	return nil
}

// Open passes everything kept to sink, at once and in order, and whatever
// comes from now on. The receiver's jitter buffer catches up by playing faster.
func (e *Early) Open(sink Sink) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range e.kept {
		_ = sink.WritePacket(&e.kept[i]) // a closed sink loses them, as it would any other
	}
	e.kept, e.to = nil, sink
}
