package recordings

import "time"

const (
	sides   = 2
	rate    = 8000      // samples per second of G.711
	window  = rate / 2  // samples kept open for packets that come late
	drift   = rate / 10 // samples that a source may stray from its arrival
	longest = rate / 10 // samples of one packet that are taken
)

// track lays the packets of both sides on one time axis. It has no clock of its
// own: arrivals drive it.
type track struct {
	silence byte
	began   time.Time
	base    int64  // the first sample that is not written yet
	open    []byte // samples from base on, both sides interleaved
	out     []byte // what was cut last
	source  [sides]source
}

// source is what one side's packets are counted from.
type source struct {
	known  bool
	ssrc   uint32
	origin uint32 // a timestamp
	at     int64  // the sample where it lies
}

func newTrack(silence byte) *track { return &track{silence: silence} }

// place puts a packet where it belongs. It reports false where that is already
// written.
func (t *track) place(f frame) bool {
	if t.began.IsZero() {
		t.began = f.at
	}
	at := t.position(f)
	if at < t.base {
		return false
	}
	samples := f.payload[:min(len(f.payload), longest)]
	t.reach(at + int64(len(samples)))
	for i, s := range samples {
		t.open[(at-t.base+int64(i))*sides+int64(f.side)] = s
	}
	return true
}

// position is the sample at which a packet begins: by its timestamp, so that
// jitter is not heard, for as long as that agrees with its arrival.
func (t *track) position(f frame) int64 {
	arrived := t.sample(f.at)
	s := &t.source[f.side]
	if s.known && s.ssrc == f.ssrc {
		at := s.at + int64(int32(f.timestamp-s.origin))
		if at-arrived < drift && arrived-at < drift {
			// Counting from here keeps the difference of timestamps small.
			s.origin, s.at = f.timestamp, at
			return at
		}
	}
	*s = source{true, f.ssrc, f.timestamp, arrived}
	return arrived
}

func (t *track) sample(at time.Time) int64 {
	return int64(at.Sub(t.began)) * rate / int64(time.Second)
}

// reach opens the track up to a sample, with silence.
func (t *track) reach(end int64) {
	for int64(len(t.open)) < (end-t.base)*sides {
		t.open = append(t.open, t.silence)
	}
}

// settled gives samples that are too old to change, and forgets them: a second
// at most, so that an hour of silence takes no memory, and nil when there are
// no more. They may be read until the next call.
func (t *track) settled(now time.Time) []byte {
	if t.began.IsZero() {
		return nil
	}
	return t.cut(min(t.sample(now)-window, t.base+rate))
}

// rest gives all that is left.
func (t *track) rest() []byte { return t.cut(t.base + int64(len(t.open)/sides)) }

func (t *track) cut(end int64) []byte {
	if end <= t.base {
		return nil
	}
	t.reach(end)
	n := (end - t.base) * sides
	t.out = append(t.out[:0], t.open[:n]...)
	t.open = t.open[:copy(t.open, t.open[n:])]
	t.base = end
	return t.out
}
