package signalling

// source is what a side is given to hear.
type source uint8

const (
	silence source = iota
	music          // of Options.Music
	partner        // the other of the pair
	preview        // the other of the pair, before it has answered
)

// hears says what a side is to hear now. It follows from the phase alone, so
// that whatever happened, the sound is right.
func (p phase) hears(s Side) source {
	at := p.place(s)
	if p.State < Connected {
		return p.previews(s)
	}
	if p.State != Connected || at < 0 || !p.here(s) || !p.slots[s].up {
		return silence
	}
	from, apart := p.slots[p.other(s)], p.move.at == ringing || p.move.at == fetching
	switch {
	case p.move.at != settled && s != p.move.by && (apart || !from.here()):
		return music // it waits to be connected elsewhere
	case apart || !from.here() || !from.up:
		return silence
	case from.held && from.quiet:
		return music
	case p.slots[s].held && p.slots[s].quiet:
		return silence // who holds is not to overhear who waits
	}
	return partner
}
