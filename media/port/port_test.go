package port

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"roomline/media"
	"roomline/media/dtmf"
)

func TestBothWays(t *testing.T) {
	r, _ := frozen(t, config(2))
	p, heard := open(t, r), newEar()
	alice := newPhone(t, "127.77.0.2", p.Addr())
	early := make([]byte, headerSize+1)
	alice.h.put(early)
	if p.receive(early, alice.addr(), time.Now(), new(media.Packet)) {
		t.Error("heard before Start")
	}
	p.Start(plain(alice.addr()))
	p.SendTo(heard)
	if p.Format() != media.PCMU {
		t.Errorf("format %v", p.Format())
	}
	alice.say(0, 7, 8)
	if got := heard.next(t); !bytes.Equal(got.Payload, []byte{7, 8}) || got.SSRC != 77 || got.Clock != 8000 || got.Event || got.Sequence != alice.h.seq {
		t.Errorf("heard %+v", got)
	}
	if err := p.WritePacket(&media.Packet{Payload: []byte{9}, SSRC: 5, Sequence: 1, Clock: 8000, Marker: true}); err != nil {
		t.Fatal(err)
	}
	h, payload, ok := alice.hear()
	if !ok || h.pt != 0 || !h.marker || h.ssrc == 5 || !bytes.Equal(payload, []byte{9}) {
		t.Errorf("alice heard %+v % x", h, payload)
	}
	s := p.Stats()
	if s.Received != 1 || s.Sent != 1 || s.Rejected != 0 || s.First.IsZero() || s.First != s.Last {
		t.Errorf("stats %+v", s)
	}
}

func TestDirectionsAreObeyed(t *testing.T) {
	r, _ := frozen(t, config(2))
	p, heard := open(t, r), newEar()
	alice := newPhone(t, "127.77.0.2", p.Addr())
	held := plain(alice.addr())
	held.Send, held.Receive = false, false
	p.Start(held)
	p.SendTo(heard)
	alice.say(0, 1)
	until(t, "one packet counted", func() bool { return p.Stats().Received == 1 })
	_ = p.WritePacket(&media.Packet{Payload: []byte{9}, SSRC: 5, Clock: 8000})
	p.Start(plain(alice.addr()))
	alice.say(0, 2)
	if got := heard.next(t); got.Payload[0] != 2 {
		t.Errorf("heard packet %d through hold", got.Payload[0])
	}
	_ = p.WritePacket(&media.Packet{Payload: []byte{10}, SSRC: 5, Sequence: 1, Clock: 8000})
	if _, payload, _ := alice.hear(); payload[0] != 10 {
		t.Errorf("alice heard packet %d through hold", payload[0])
	}
}

func TestPayloadTypesOfASecondStart(t *testing.T) {
	r, _ := frozen(t, config(2))
	p, heard := open(t, r), newEar()
	alice := newPhone(t, "127.77.0.2", p.Addr())
	p.SendTo(heard)
	p.Start(plain(alice.addr()))
	alice.say(0, 1)
	heard.next(t)
	_ = p.WritePacket(&media.Packet{Payload: []byte{1}, SSRC: 5, Clock: 8000})
	first, _, _ := alice.hear()
	p.Start(media.Negotiated{Format: media.Opus, SendPT: 96, RecvPT: 107, Remote: alice.addr(), Send: true, Receive: true})
	alice.say(0, 2) // the old number no longer counts
	alice.say(107, 3)
	if got := heard.next(t); got.Payload[0] != 3 || got.Clock != 48000 {
		t.Errorf("heard %+v", got)
	}
	_ = p.WritePacket(&media.Packet{Payload: []byte{1}, SSRC: 5, Sequence: 1, Clock: 48000})
	second, _, _ := alice.hear()
	if second.pt != 96 || second.ssrc != first.ssrc || second.seq != first.seq+1 {
		t.Errorf("sent %+v after %+v", second, first)
	}
	if s := p.Stats(); s.Rejected != 1 {
		t.Errorf("stats %+v", s)
	}
}

func TestABystanderHearsNothingAndIsNotHeard(t *testing.T) {
	for _, learn := range []bool{false, true} {
		cfg := config(2)
		cfg.Latch = learn
		r, _ := frozen(t, cfg)
		p, heard := open(t, r), newEar()
		alice, mallory := newPhone(t, "127.77.0.2", p.Addr()), newPhone(t, "127.77.0.3", p.Addr())
		spray := func() {
			for range 10 {
				mallory.say(0, 66)
			}
		}
		spray()
		p.Start(plain(alice.addr()))
		p.SendTo(heard)
		alice.say(0, 1)
		for heard.next(t).Payload[0] != 1 {
			if !learn {
				t.Fatal("mallory is heard")
			}
		}
		mallory.silent()
		before := p.Stats().Rejected
		spray()
		for range 10 {
			_ = p.WritePacket(&media.Packet{Payload: []byte{9}, SSRC: 5, Clock: 8000})
		}
		until(t, "ten were rejected", func() bool { return p.Stats().Rejected == before+10 })
		if !mallory.silent() || len(heard.heard) > 0 {
			t.Errorf("learn %v: a bystander hears or is heard", learn)
		}
		r.Close()
	}
}

func TestAFarEndBehindNATIsLearnt(t *testing.T) {
	r, _ := frozen(t, config(2))
	p, heard := open(t, r), newEar()
	alice := newPhone(t, "127.77.0.2", p.Addr())
	nowhere := newPhone(t, "127.77.0.4", p.Addr())
	p.Start(plain(nowhere.addr()))
	p.SendTo(heard)
	for i := range byte(learnt) {
		alice.say(0, i)
	}
	if got := heard.next(t); got.Payload[0] != learnt-1 {
		t.Errorf("first heard packet %d", got.Payload[0])
	}
	_ = p.WritePacket(&media.Packet{Payload: []byte{9}, SSRC: 5, Clock: 8000})
	if _, payload, ok := alice.hear(); !ok || payload[0] != 9 {
		t.Error("alice does not hear us")
	}
	p.Start(plain(nowhere.addr())) // the same again keeps her
	alice.say(0, 50)
	if got := heard.next(t); got.Payload[0] != 50 {
		t.Errorf("after a refresh heard packet %d", got.Payload[0])
	}
}

func TestGarbageEndsNothing(t *testing.T) {
	r, _ := frozen(t, config(2))
	p, heard := open(t, r), newEar()
	alice := newPhone(t, "127.77.0.2", p.Addr())
	p.Start(plain(alice.addr()))
	p.SendTo(heard)
	alice.say(0, 1)
	heard.next(t)
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		b := make([]byte, random.IntN(60))
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		if len(b) > 1 {
			b[1] |= 0x40 // keep clear of the payload types in use
		}
		alice.raw(b)
	}
	alice.raw(make([]byte, 3000))
	alice.say(0, 2)
	if got := heard.next(t); got.Payload[0] != 2 {
		t.Errorf("heard % x", got.Payload)
	}
	if s := p.Stats(); s.Received != 2 || s.Rejected < 190 {
		t.Errorf("stats %+v", s)
	}
}

func TestComfortNoiseIsLifeButNotAudio(t *testing.T) {
	r, _ := frozen(t, config(2))
	p, heard := open(t, r), newEar()
	alice := newPhone(t, "127.77.0.2", p.Addr())
	p.Start(plain(alice.addr()))
	p.SendTo(heard)
	alice.say(13, 50) // proves nobody
	alice.say(0, 1)
	alice.say(13, 50)
	alice.say(0, 2)
	if a, b := heard.next(t), heard.next(t); a.Payload[0] != 1 || b.Payload[0] != 2 {
		t.Errorf("heard % x and % x", a.Payload, b.Payload)
	}
	if s := p.Stats(); s.Received != 3 || s.Lost != 0 || s.Rejected != 1 || p.Life() != s.Last {
		t.Errorf("stats %+v", s)
	}
}

func TestEventsChangeTheirClock(t *testing.T) {
	r, _ := frozen(t, config(2))
	p := open(t, r)
	alice := newPhone(t, "127.77.0.2", p.Addr())
	p.Start(plain(alice.addr()))
	payload := []byte{5, 0x8a, 0x12, 0xc0} // 4,800 units of 48 kHz
	if err := p.WritePacket(&media.Packet{Payload: payload, SSRC: 5, Clock: 48000, Event: true, Marker: true}); err != nil {
		t.Fatal(err)
	}
	h, got, _ := alice.hear()
	if e, err := dtmf.Parse(got); err != nil || h.pt != 101 || e != (dtmf.Event{Digit: '5', End: true, Volume: 10, Duration: 800}) {
		t.Errorf("%+v: %+v, %v", h, e, err)
	}
	if payload[2] != 0x12 {
		t.Error("the packet was changed in the sender's hands")
	}
}

func TestDigitsAreHeardOnceAmongAudio(t *testing.T) {
	r, _ := frozen(t, config(2))
	a, b := open(t, r), open(t, r)
	heard := newEar()
	a.Start(plain(b.Addr()))
	b.Start(plain(a.Addr()))
	b.SendTo(heard)
	for _, d := range []byte("4#") {
		if err := a.SendDigit(d, 60*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	var receiver dtmf.Receiver
	var digits []byte
	numbers, stamps := map[uint16]bool{}, map[uint32]bool{}
	for n := uint16(0); len(digits) < 2; n++ {
		_ = a.WritePacket(&media.Packet{Payload: []byte{1}, SSRC: 5, Sequence: n, Timestamp: uint32(n) * 160, Clock: 8000})
		p := heard.next(t)
		if numbers[p.Sequence] {
			t.Errorf("number %d twice", p.Sequence)
		}
		numbers[p.Sequence] = true
		if p.Event {
			stamps[p.Timestamp] = true
		}
		receiver.Take(&p, time.Now(), func(x dtmf.Press) { digits = append(digits, x.Digit) })
	}
	if string(digits) != "4#" || len(stamps) != 2 || b.Stats().Lost != 0 {
		t.Errorf("heard %q with %d timestamps, %+v", digits, len(stamps), b.Stats())
	}
}

func TestDigitsThatCannotBeSent(t *testing.T) {
	r, _ := frozen(t, config(2))
	p := open(t, r)
	if err := p.SendDigit('x', 0); !errors.Is(err, dtmf.ErrUnknown) {
		t.Errorf("x: %v", err)
	}
	if err := p.SendDigit('1', 0); !errors.Is(err, ErrNoEvent) {
		t.Errorf("before Start: %v", err)
	}
	p.Start(plain(p.Addr()))
	var err error
	for n := 0; n <= maxDigits+1 && err == nil; n++ {
		err = p.SendDigit('1', time.Second)
	}
	if !errors.Is(err, ErrBusy) {
		t.Errorf("a flood: %v", err)
	}
	_, _ = p.Close(), p.Close()
	if err := p.SendDigit('1', 0); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if err := p.WritePacket(&media.Packet{}); !errors.Is(err, ErrClosed) {
		t.Errorf("WritePacket after Close: %v", err)
	}
}
