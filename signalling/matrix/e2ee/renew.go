package e2ee

// renewals counts, for each room, how often its keys had to be new. The zero
// value is ready.
type renewals struct {
	base   uint64 // of all rooms that are not counted
	counts map[string]uint64
}

// maxRenewals is how many rooms are counted.
const maxRenewals = 10_000

// Renew lets the next event of each of our users in a room be under a new key:
// somebody has left or come. It does not wait.
func (d *Devices) Renew(room string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := &d.rooms
	if r.counts == nil || len(r.counts) >= maxRenewals {
		for _, n := range r.counts {
			r.base = max(r.base, n)
		}
		r.base++ // which renews every room
		r.counts = map[string]uint64{}
	}
	r.counts[room] = max(r.base, r.counts[room]) + 1
}

func (d *Devices) renewal(room string) uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return max(d.rooms.base, d.rooms.counts[room])
}
