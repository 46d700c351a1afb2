package media

// Tap is given a copy's view of every packet of a call. Take must return at
// once and must not keep p; what it cannot handle in time it drops and counts.
type Tap interface {
	Take(from int, p *Packet) // from is 0 for side A, 1 for side B
}

// Bridge joins two endpoints of the same format. It has no goroutines of its
// own: each endpoint's reader writes straight into the other.
type Bridge struct {
	A, B Endpoint
	Tap  Tap // may be nil
}

// Join lets each side hear the other.
func (b Bridge) Join() {
	b.A.SendTo(b.Toward(b.B, 0))
	b.B.SendTo(b.Toward(b.A, 1))
}

// Part lets neither side hear the other. Both endpoints stay open.
func (b Bridge) Part() {
	b.A.SendTo(nil)
	b.B.SendTo(nil)
}

// Toward is the way to an endpoint, past the tap; from is the side that speaks.
func (b Bridge) Toward(e Endpoint, from int) Sink {
	if b.Tap == nil {
		return e
	}
	return tapped{e, b.Tap, from}
}

type tapped struct {
	Sink
	tap  Tap
	from int
}

func (t tapped) WritePacket(p *Packet) error {
	t.tap.Take(t.from, p)
	return t.Sink.WritePacket(p)
}
