package port

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"roomline/media"
	"roomline/media/codec/g711"
	"roomline/media/dtmf"
)

// A digit's tones go out in place of the audio, in either law, without a break in
// the line, and with a pause after each that every receiver needs.
func TestTones(t *testing.T) {
	for _, law := range []media.Format{media.PCMU, media.PCMA} {
		t.Run(law.Name, func(t *testing.T) {
			r, _ := frozen(t, config(2))
			p := open(t, r)
			alice := newPhone(t, "127.77.0.2", p.Addr())
			if err := p.SendTone('5', time.Second); !errors.Is(err, ErrNoTone) {
				t.Errorf("before Start: %v", err)
			}
			deal := plain(alice.addr())
			deal.Format, deal.Event = law, false
			p.Start(deal)
			if err := p.SendTone('x', time.Second); !errors.Is(err, dtmf.ErrUnknown) {
				t.Errorf("x: %v", err)
			}
			for _, d := range []byte("55") {
				if err := p.SendTone(d, 60*time.Millisecond); err != nil {
					t.Fatal(err)
				}
			}
			decode := g711.DecodeULaw
			if law == media.PCMA {
				decode = g711.DecodeALaw
			}
			var detector dtmf.Detector
			var got []byte
			for i, last := 0, uint16(0); string(got) != "55"; i++ {
				h, payload, ok := alice.hear()
				if !ok || i > 0 && h.seq != last+1 {
					t.Fatalf("packet %d: %+v after %d", i, h, last)
				}
				last = h.seq
				var samples [160]int16
				detector.Take(samples[:decode(samples[:], payload)], func(d byte) { got = append(got, d) })
				if err := p.WritePacket(&media.Packet{Payload: []byte{1}, SSRC: 5, Clock: 8000}); err != nil { // is not heard meanwhile
					t.Fatal(err)
				}
			}
			p.Close()
			if err := p.SendTone('5', time.Second); !errors.Is(err, ErrClosed) {
				t.Errorf("closed: %v", err)
			}
		})
	}
}

// Tones of the far end are told and not heard; with telephone-event agreed they
// are audio like any other.
func TestTonesOfTheFarEnd(t *testing.T) {
	for _, agreed := range []bool{false, true} {
		t.Run(fmt.Sprintf("agreed %t", agreed), func(t *testing.T) {
			r, _ := frozen(t, config(2))
			p, heard := open(t, r), newEar()
			alice := newPhone(t, "127.77.0.2", p.Addr())
			told := make(chan byte, 10)
			p.HearTones(func(d byte) { told <- d })
			deal := plain(alice.addr())
			deal.Event = agreed
			p.Start(deal)
			p.SendTo(heard)
			loud := 0
			for i := range 10 {
				var samples [160]int16
				if err := dtmf.Tone(samples[:], '9', i*160); err != nil {
					t.Fatal(err)
				}
				var payload [160]byte
				g711.EncodeULaw(payload[:], samples[:])
				alice.say(0, payload[:]...)
				got := heard.next(t)
				g711.DecodeULaw(samples[:], got.Payload)
				for _, s := range samples {
					if s > 1000 {
						loud++
						break
					}
				}
			}
			if want := len(told); agreed && (want != 0 || loud != 10) || !agreed && (want != 1 || loud > 1) {
				t.Errorf("agreed %t: told of %d digits, %d packets are loud", agreed, want, loud)
			}
		})
	}
}

// Events that the far end has not agreed on become digits, each once; where it
// has, they go out, unless the port is never to send any.
func TestEventsBecomeDigits(t *testing.T) {
	for _, c := range []struct{ agreed, always, told bool }{{false, false, true}, {true, false, false}, {true, true, true}} {
		t.Run(fmt.Sprintf("%+v", c), func(t *testing.T) {
			r, _ := frozen(t, config(2))
			p := open(t, r)
			alice := newPhone(t, "127.77.0.2", p.Addr())
			told := make(chan byte, 10)
			p.ConvertEvents(c.always, func(d byte) { told <- d })
			deal := plain(alice.addr())
			deal.Event = c.agreed
			p.Start(deal)
			packets, err := dtmf.Packets('#', 100*time.Millisecond, 8000)
			if err != nil {
				t.Fatal(err)
			}
			for i, one := range packets {
				packet := media.Packet{Payload: one.Payload[:], SSRC: 7, Sequence: uint16(i), Timestamp: 5, Clock: 8000, Event: true, Marker: one.Marker}
				if err := p.WritePacket(&packet); err != nil {
					t.Fatal(err)
				}
			}
			if err := p.WritePacket(&media.Packet{Payload: []byte{1}, SSRC: 7, Sequence: 99, Timestamp: 9, Clock: 8000}); err != nil {
				t.Fatal(err)
			}
			h, _, ok := alice.hear()
			if !ok || (h.pt == deal.SendEventPT) == c.told {
				t.Errorf("%+v: heard %+v", c, h)
			}
			if got := len(told); c.told && (got != 1 || <-told != '#') || !c.told && got != 0 {
				t.Errorf("%+v: %d digits", c, got)
			}
		})
	}
}
