package music

import (
	"crypto/rand"
	"encoding/binary"
	"sync"
	"time"

	"roomline/media"
)

const (
	every = time.Second / frames
	// stall is how late a packet may be to be sent after all. What is later is
	// made up for by none: the receiver hears a pause, not a burst.
	stall = 3 * every
)

// Play writes the source from its beginning to a sink, a packet every 20 ms,
// until stop is called or the sink is closed. A format that we cannot encode
// is silence. stop returns when the last packet
// was written; it may be called twice, but not from inside the sink.
func (s *Source) Play(to media.Sink, f media.Format) (stop func()) {
	var wg sync.WaitGroup
	var once sync.Once
	done := make(chan struct{})
	wg.Go(func() { // ends with done or the sink; stop waits
		if l := s.loop(f); l != nil {
			newPlayer(l, to, f).run(done)
		}
	})
	return func() {
		once.Do(func() { close(done) })
		wg.Wait()
	}
}

// player is one listener's stream of packets.
type player struct {
	loop   *loop
	to     media.Sink
	packet media.Packet
	lent   media.Packet // the sink may change it
	room   []byte       // and this, while the loop is shared
	step   uint32       // units of the clock in a packet
	begun  time.Time
	due    int // packets since begun, those that were left out among them
	played int
}

// newPlayer begins a stream with random numbers (RFC 3550 §5.1).
func newPlayer(l *loop, to media.Sink, f media.Format) *player {
	var b [10]byte
	_, _ = rand.Read(b[:]) // never fails, since Go 1.24
	return &player{
		loop: l, to: to, step: uint32(f.ClockRate / frames), begun: time.Now(),
		packet: media.Packet{
			SSRC: binary.BigEndian.Uint32(b[0:]), Timestamp: binary.BigEndian.Uint32(b[4:]), Sequence: binary.BigEndian.Uint16(b[8:]),
			Clock: f.ClockRate, Marker: true,
		},
	}
}

// run writes packets by the clock, each when it is due since the beginning, so
// that no delay of one adds to the next.
func (p *player) run(done <-chan struct{}) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-done:
			return
		case <-timer.C:
		}
		if !p.write() {
			return
		}
		p.skip(time.Now())
		timer.Reset(time.Until(p.at()))
	}
}

func (p *player) at() time.Time { return p.begun.Add(time.Duration(p.due) * every) }

// write sends the next packet, and reports false at the end of the sink.
func (p *player) write() bool {
	payload, err := p.loop.packet(p.played)
	if err != nil {
		return false
	}
	p.room = append(p.room[:0], payload...)
	p.lent = p.packet
	p.lent.Payload = p.room
	if p.to.WritePacket(&p.lent) != nil {
		return false
	}
	p.played++
	p.due++
	p.packet.Sequence++
	p.packet.Timestamp += p.step
	p.packet.Marker = false
	return true
}

// skip leaves a pause where the machine stood still for so long: timestamps go
// on by what was missed, numbers do not, and a new burst of sound begins (RFC
// 3551 §4.1).
func (p *player) skip(now time.Time) {
	late := now.Sub(p.at())
	if late < stall {
		return
	}
	missed := int(late/every) + 1
	p.due += missed
	p.packet.Timestamp += uint32(missed) * p.step
	p.packet.Marker = true
}
