package music

import (
	"log/slog"
	"sync"

	"roomline/media"
)

// Source is a loop of audio, encoded at most once for each format however many
// listen to it. Its methods may be called from any goroutine.
type Source struct {
	log *slog.Logger

	mu    sync.Mutex
	wide  []int16 // whole packets, at 16 kHz
	loops map[media.Format]*loop
}

// newSource takes samples at 16 kHz; silence fills up their last packet.
func newSource(samples []int16, log *slog.Logger) *Source {
	const size = wide / frames
	whole := make([]int16, (len(samples)+size-1)/size*size)
	copy(whole, samples)
	return &Source{log: log, wide: whole, loops: map[media.Format]*loop{}}
}

// loop is the source in one format; nil where that cannot be encoded.
func (s *Source) loop(f media.Format) *loop {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, ok := s.loops[f]
	if ok {
		return l
	}
	enc, rate, err := encoderFor(f)
	if err == nil {
		l, err = newLoop(s.at(rate), rate/frames, enc)
	}
	if err != nil {
		s.log.Warn("no music in this format", "format", f.Name, "error", err)
	}
	s.loops[f] = l
	return l
}

// at is the source at another rate.
func (s *Source) at(rate int) []int16 {
	if rate == wide {
		return s.wide
	}
	return resample(s.wide, wide, rate)
}

// loop encodes a packet when it is played for the first time, so that nobody
// waits for the whole of it.
type loop struct {
	count int // packets

	mu      sync.Mutex
	rest    []int16 // not encoded yet
	size    int     // samples in one packet
	encode  encoder
	packets [][]byte
}

// warm is how many packets of the loop's end an encoder hears before its
// beginning, so that a decoder that comes from there follows it.
const warm = frames / 2

func newLoop(samples []int16, size int, enc encoder) (*loop, error) {
	l := &loop{count: len(samples) / size, rest: samples, size: size, encode: enc}
	for n := max(l.count-warm, 0); n < l.count; n++ {
		if _, err := enc(samples[n*size : (n+1)*size]); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// packet is the nth since a party began to listen. It is shared: only to be
// read. Packets are asked for in order, so at most one is encoded at a time.
func (l *loop) packet(n int) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n %= l.count
	for len(l.packets) <= n {
		p, err := l.encode(l.rest[:l.size])
		if err != nil {
			return nil, err
		}
		l.packets, l.rest = append(l.packets, p), l.rest[l.size:]
	}
	if len(l.rest) == 0 {
		l.rest, l.encode = nil, nil // they are large
	}
	return l.packets[n], nil
}
