package peer

import (
	"errors"
	"testing"
	"time"

	"github.com/pion/rtp"

	"roomline/media"
	"roomline/media/dtmf"
)

func TestDigitArrivesOnce(t *testing.T) {
	a, b := call(t, []media.Format{media.PCMU}, media.PCMU)
	ear := newEar()
	b.SendTo(ear)
	if err := a.SendDigit('#'); err != nil {
		t.Fatal(err)
	}
	if err := a.SendDigit('x'); !errors.Is(err, dtmf.ErrUnknown) {
		t.Errorf("x: %v", err)
	}
	isEvent := func(p media.Packet) bool { return p.Event }
	first := ear.next(t, isEvent)
	for ends, last := 0, first; ends < 3; last = ear.next(t, isEvent) {
		e, err := dtmf.Parse(last.Payload)
		if err != nil || e.Digit != '#' || last.Clock != 8000 || last.Timestamp != first.Timestamp {
			t.Fatalf("%+v in %+v, %v", e, last, err)
		}
		if e.End {
			if ends++; e.Duration != 800 {
				t.Errorf("duration %d", e.Duration)
			}
			if ends == 3 {
				break
			}
		}
	}
}

// TestADigitTakesThePlaceOfAudio: what is said meanwhile is left out, without a
// gap in the numbers, and nothing of the press overlaps with audio.
func TestADigitTakesThePlaceOfAudio(t *testing.T) {
	a, b := call(t, []media.Format{media.PCMU}, media.PCMU)
	ear := newEar()
	b.SendTo(ear)
	speak(t, a, 8000, 0x11)
	ear.next(t, filled(0x11))
	if err := a.SendDigit('5'); err != nil {
		t.Fatal(err)
	}
	isEvent := func(p media.Packet) bool { return p.Event }
	any := func(media.Packet) bool { return true }
	first := ear.next(t, isEvent)
	last, ends := first, 0
	for ends < 3 {
		p := ear.next(t, any)
		if p.Sequence != last.Sequence+1 || p.SSRC != first.SSRC {
			t.Errorf("number %d after %d", p.Sequence, last.Sequence)
		}
		if !p.Event {
			t.Fatalf("audio after %d packets of the event", p.Sequence-first.Sequence)
		}
		if e, err := dtmf.Parse(p.Payload); err == nil && e.End {
			ends++
		}
		last = p
	}
	after := ear.next(t, any)
	if after.Event || after.Sequence != last.Sequence+1 || int32(after.Timestamp-first.Timestamp) < 800 {
		t.Errorf("%+v after %+v", after, last)
	}
	if s := b.Stats(); s.Lost != 0 {
		t.Errorf("%d lost", s.Lost)
	}
}

// TestEventsTakeTheNegotiatedClock: an event from a leg at 8 kHz leaves at
// 48 kHz where Opus is spoken.
func TestEventsTakeTheNegotiatedClock(t *testing.T) {
	a, b := call(t, []media.Format{media.Opus}, media.Opus)
	ear := newEar()
	b.SendTo(ear)
	payload := []byte{5, 10, 0, 160}
	if err := a.WritePacket(&media.Packet{SSRC: 3, Sequence: 1, Timestamp: 8000, Clock: 8000, Marker: true, Event: true, Payload: payload}); err != nil {
		t.Fatal(err)
	}
	got := ear.next(t, func(p media.Packet) bool { return p.Event })
	if e, err := dtmf.Parse(got.Payload); err != nil || e.Digit != '5' || e.Duration != 960 || got.Clock != 48000 || !got.Marker {
		t.Errorf("%+v in %+v, %v", e, got, err)
	}
	if payload[3] != 160 {
		t.Error("the lent packet was changed")
	}
}

func TestNoEventsWhereNoneWereNegotiated(t *testing.T) {
	f := newFactory(t)
	offer := edited(chromeOffer(t), "13 110 126", "13")
	p, answer, err := f.Answer(offer, media.PCMU, newStates().on)
	if err != nil {
		t.Fatal(err)
	}
	defer closeTwice(t, p)
	lacks(t, answer, "telephone-event")
	if err := p.SendDigit('1'); !errors.Is(err, ErrNoEvents) {
		t.Errorf("digit: %v", err)
	}
	if err := p.WritePacket(&media.Packet{Event: true, Payload: make([]byte, 4)}); err != nil {
		t.Errorf("event: %v", err)
	}
}

func TestDecode(t *testing.T) {
	k := payloads{codec{media.PCMU, 0}, []codec{{media.PCMA, 8}, {event(8000), 126}}}
	for name, c := range map[string]struct {
		packet rtp.Packet
		cut    int
		ok     bool
	}{
		"audio":           {rtp.Packet{Header: rtp.Header{Version: 2}, Payload: []byte{1, 2}}, 0, true},
		"event":           {rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 126}, Payload: []byte{1, 2, 3, 4}}, 0, true},
		"padded":          {rtp.Packet{Header: rtp.Header{Version: 2, Padding: true, PaddingSize: 4}, Payload: []byte{1, 2}}, 0, true},
		"padding alone":   {rtp.Packet{Header: rtp.Header{Version: 2, Padding: true, PaddingSize: 4}}, 0, false},
		"nothing in it":   {rtp.Packet{Header: rtp.Header{Version: 2}}, 0, false},
		"another payload": {rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 8}, Payload: []byte{1}}, 0, false},
		"cut short":       {rtp.Packet{Header: rtp.Header{Version: 2}}, 4, false},
	} {
		b, err := c.packet.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		var header rtp.Header
		var p media.Packet
		if ok := k.decode(b[:len(b)-c.cut], &header, &p); ok != c.ok {
			t.Errorf("%s: %v", name, ok)
		} else if ok && string(p.Payload) != string(c.packet.Payload) {
			t.Errorf("%s: payload %v", name, p.Payload)
		}
	}
}

// BenchmarkBridge sends packets through one peer to another over loopback,
// both ends in this process: the cost is that of sender and receiver together.
func BenchmarkBridge(b *testing.B) {
	from, to := call(b, []media.Format{media.PCMU}, media.PCMU)
	ear := make(counted, 1)
	to.SendTo(ear)
	p := media.Packet{SSRC: 1, Clock: 8000, Payload: make([]byte, 160)}
	b.ReportAllocs()
	for b.Loop() {
		p.Sequence++
		p.Timestamp += 160
		if err := from.WritePacket(&p); err != nil {
			b.Fatal(err)
		}
		select {
		case <-ear:
		case <-time.After(time.Second):
			b.Fatal("a packet was lost")
		}
	}
}

type counted chan struct{}

func (c counted) WritePacket(*media.Packet) error { c <- struct{}{}; return nil }
