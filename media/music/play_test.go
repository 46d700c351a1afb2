package music

import (
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"roomline/media"
)

// clocked keeps when each packet came, and may take its time over one.
type clocked struct {
	at     []time.Time
	list   []media.Packet
	hangs  map[int]time.Duration
	closed int // after so many; 0: never
}

func (c *clocked) WritePacket(p *media.Packet) error {
	c.at, c.list = append(c.at, time.Now()), append(c.list, *p)
	timer := time.NewTimer(c.hangs[len(c.list)])
	<-timer.C
	if len(c.list) == c.closed {
		return errors.New("closed")
	}
	return nil
}

// pass lets time go by in a bubble of synctest.
func pass(d time.Duration) { <-time.After(d) }

// silent is a source that costs nothing to make.
func silent() *Source { return newSource(make([]int16, 3*wide), slog.New(slog.DiscardHandler)) }

func TestTheClockDoesNotDrift(t *testing.T) {
	for _, f := range formats {
		synctest.Test(t, func(t *testing.T) {
			s, c := silent(), &clocked{hangs: map[int]time.Duration{}}
			for i := range 500 {
				c.hangs[i] = time.Duration(i%19) * time.Millisecond // slow, but never a packet's time
			}
			begun := time.Now()
			stop := s.Play(c, f)
			pass(10*time.Second + time.Millisecond)
			stop()
			if len(c.list) != 501 {
				t.Fatalf("%v: %d packets", f, len(c.list))
			}
			for i, p := range c.list {
				if late := c.at[i].Sub(begun) - time.Duration(i)*every; late != 0 {
					t.Fatalf("%v: packet %d is %v late", f, i, late)
				}
				first := c.list[0]
				if p.SSRC != first.SSRC || p.Sequence != first.Sequence+uint16(i) || p.Clock != f.ClockRate ||
					p.Timestamp != first.Timestamp+uint32(i*f.ClockRate/frames) || p.Marker != (i == 0) {
					t.Fatalf("%v: packet %d is %+v after %+v", f, i, p, first)
				}
			}
		})
	}
}

// TestAStallIsAPause: what was not sent in time is left out, not sent at once.
func TestAStallIsAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &clocked{hangs: map[int]time.Duration{10: 50 * time.Millisecond, 20: 507 * time.Millisecond}}
		begun := time.Now()
		stop := silent().Play(c, media.PCMU)
		pass(2*time.Second + time.Millisecond)
		stop()
		// A short one is caught up with; a long one is not.
		if d := c.at[13].Sub(begun); d != 13*every {
			t.Errorf("the packet after a short stall is at %v", d)
		}
		before, after := c.list[19], c.list[20]
		if after.Sequence != before.Sequence+1 || !after.Marker || after.SSRC != before.SSRC {
			t.Errorf("%+v after %+v", after, before)
		}
		gap := c.at[20].Sub(c.at[19])
		if moved := time.Duration(after.Timestamp-before.Timestamp) * time.Second / narrow; moved != gap || gap < 507*time.Millisecond {
			t.Errorf("timestamps moved by %v in %v", moved, gap)
		}
		for i := 21; i < len(c.at); i++ {
			if d := c.at[i].Sub(c.at[i-1]); d != every {
				t.Errorf("packet %d comes after %v", i, d)
			}
		}
	})
}

func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &clocked{}
		s := silent()
		stop := s.Play(c, media.PCMU)
		pass(time.Second + time.Millisecond)
		stop()
		n := len(c.list)
		stop()
		pass(time.Second)
		if n != 51 || len(c.list) != n {
			t.Errorf("%d packets, then %d", n, len(c.list))
		}
	})
	t.Run("at once", func(t *testing.T) {
		silent().Play(make(ear, 1), media.PCMU)()
	})
	t.Run("a closed sink", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := &clocked{closed: 3}
			stop := silent().Play(c, media.PCMU)
			pass(time.Second)
			stop()
			if len(c.list) != 3 {
				t.Errorf("%d packets", len(c.list))
			}
		})
	})
}

// TestListenersShareWhatIsEncoded: each hears all of it from its beginning,
// under numbers of its own.
func TestListenersShareWhatIsEncoded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := silent()
		first, second := &clocked{}, &clocked{}
		stop := s.Play(first, media.G722)
		pass(333 * time.Millisecond)
		stopSecond := s.Play(second, media.G722)
		pass(time.Second)
		stop()
		stopSecond()
		if len(second.list) < 50 || first.list[0].SSRC == second.list[0].SSRC {
			t.Fatalf("%d packets", len(second.list))
		}
		if n := len(s.loop(media.G722).packets); n != len(first.list) {
			t.Errorf("%d packets were encoded for %d", n, len(first.list))
		}
	})
}

// BenchmarkPlayers is the cost of a second of music for 100 parties.
func BenchmarkPlayers(b *testing.B) {
	for _, f := range formats {
		b.Run(fmt.Sprint(f), func(b *testing.B) {
			l := newSet(b, Options{}).Hold.loop(f)
			list := make([]*player, 100)
			for i := range list {
				list[i] = newPlayer(l, &counter{}, f)
			}
			b.ReportAllocs()
			for b.Loop() {
				for range frames {
					for _, p := range list {
						p.write()
					}
				}
			}
		})
	}
}

// BenchmarkPlaying is the same with their goroutines and timers, on the wall
// clock: cpu is what the process used, in thousandths of one core.
func BenchmarkPlaying(b *testing.B) {
	s, sum := newSet(b, Options{}).Hold, &counter{}
	begun := cpuTime(b)
	start := time.Now()
	for range 100 {
		defer s.Play(sum, media.PCMU)()
	}
	for b.Loop() {
		pass(time.Second)
	}
	b.ReportMetric(1000*(cpuTime(b)-begun).Seconds()/time.Since(start).Seconds(), "cpu‰")
	b.ReportMetric(float64(sum.n.Load())/time.Since(start).Seconds(), "packets/s")
}

type counter struct{ n atomic.Int64 }

func (c *counter) WritePacket(*media.Packet) error { c.n.Add(1); return nil }
