package offer

// numbering gives payload types to formats: those that the session uses
// already, else our own, and never one twice.
type numbering struct {
	known []Codec
	taken map[uint8]bool
}

func newNumbering(known []Codec) numbering {
	n := numbering{known, map[uint8]bool{}}
	for _, c := range known {
		n.taken[c.PT] = true
	}
	return n
}

// number is c under its payload type in this session.
func (n numbering) number(c Codec) Codec {
	for _, k := range n.known {
		if k.Format.Same(c.Format) {
			c.PT = k.PT
			return c
		}
	}
	for pt := uint8(lastDynamic); n.taken[c.PT] && pt >= firstDynamic; pt-- {
		c.PT = pt
	}
	n.taken[c.PT] = true
	return c
}

// The dynamic payload types (RFC 3551 §6).
const (
	firstDynamic = 96
	lastDynamic  = 127
)
