package offer

// Stop answers an offer that Parse found stopped: no stream flows, and the call
// stays (RFC 3264 §8.2).
func Stop(remote Audio, l Local) []byte {
	w := begin(l)
	for _, line := range remote.Lines {
		w.refuse(line)
	}
	return w.Bytes()
}

// idle tells whether no stream of any kind flows: a fax that takes the place of
// audio is none of ours.
func (d *description) idle() bool {
	for i := range d.streams {
		if d.streams[i].port != 0 {
			return false
		}
	}
	return true
}
