package sip

import (
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/media/codec/g711"
	"roomline/media/dtmf"
	"roomline/signalling"
)

// hearsTones waits for the digits that the peer can hear in its audio.
func (p *peer) hearsTones(want string) {
	p.t.Helper()
	var d dtmf.Detector
	var got []byte
	for late := time.Now().Add(patience); string(got) != want; {
		if time.Now().After(late) {
			p.t.Fatalf("heard %q, want %q", got, want)
		}
		packet := p.hears()
		var samples [320]int16
		n := g711.DecodeULaw(samples[:], packet[12:])
		d.Take(samples[:n], func(digit byte) { got = append(got, digit) })
	}
}

// tones sends a digit as a person's telephone does.
func (p *peer) tones(to *bed, invite *sipmsg.Request, digits string) {
	p.t.Helper()
	at := rtpOf(p.t, invite.Body())
	for _, digit := range []byte(digits) {
		for i := range 10 { // 120 ms, and 80 ms of silence
			var samples [160]int16
			if i < 6 {
				if err := dtmf.Tone(samples[:], digit, i*160); err != nil {
					p.t.Fatal(err)
				}
			}
			var payload [160]byte
			g711.EncodeULaw(payload[:], samples[:])
			p.packets++
			n := p.packets
			head := []byte{0x80, 0, byte(n >> 8), byte(n), 0, 0, byte(n * 160 >> 8), byte(n * 160), 7, 0, 0, 0}
			if _, err := p.rtp.WriteToUDPAddrPort(append(head, payload[:]...), at); err != nil {
				p.t.Fatal(err)
			}
		}
	}
}

// plainSDP agrees on no telephone-event.
func (p *peer) plainSDP() []byte { return p.saying("127.0.0.1", addrOf(p.rtp).Port(), "0") }

// Each way of a digit, configured and by itself.
func TestWaysOfDigits(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		way, want string
		events    bool
	}{
		"agreed":                {dtmfAuto, "event", true},
		"not agreed":            {dtmfAuto, "tones", false},
		"info":                  {dtmfInfo, "info", true},
		"in band":               {dtmfInband, "tones", true},
		"only what was agreed":  {dtmfEvent, "event", true},
		"and nothing otherwise": {dtmfEvent, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, func(cfg *TrunkConfig, _ *timing) { cfg.DTMF = c.way })
			leg := b.dial("+4930123")
			sdp := b.plainSDP()
			if c.events {
				sdp = b.sdp("sendrecv", "0")
			}
			b.reply(b.request("INVITE"), 200, "OK", sdp, "Allow: INVITE, ACK, BYE, INFO")
			b.request("ACK")
			b.event(signalling.Answered)
			for _, d := range []byte("1#") {
				leg.SendDigit(d)
			}
			switch c.want {
			case "event":
				for p := b.hears(); p[1]&0x7f != 101 || p[12] != 11; p = b.hears() {
				}
			case "tones":
				b.hearsTones("1#")
			case "info":
				for _, want := range []string{"Signal=1\r\nDuration=160\r\n", "Signal=#\r\nDuration=160\r\n"} {
					info := b.request("INFO")
					if string(info.Body()) != want || !isType(info, "application/dtmf-relay") {
						t.Errorf("INFO\n%s", info)
					}
					b.reply(info, 200, "OK", nil)
				}
			default:
				b.never("INFO", 50*time.Millisecond)
			}
		})
	}
}

// Tones do not survive in Opus: then INFO, where the far end's Allow has it.
func TestDigitsInOpus(t *testing.T) {
	b := newBed(t, func(cfg *TrunkConfig, _ *timing) { cfg.Codecs = []string{"opus"} })
	leg := b.dial("+4930123")
	b.reply(b.request("INVITE"), 200, "OK", b.saying("127.0.0.1", addrOf(b.rtp).Port(), "107", "a=rtpmap:107 opus/48000/2"), "Allow: INVITE, ACK, BYE, INFO")
	b.request("ACK")
	b.event(signalling.Answered)
	leg.SendDigit('5')
	b.reply(b.request("INFO"), 200, "OK", nil)
}

// Where nothing else was agreed, tones are digits; where it was, they are audio.
func TestDigitsAsTones(t *testing.T) {
	t.Parallel()
	b := newBed(t, func(_ *TrunkConfig, x *timing) { x.digit = time.Second })
	b.dial("+4930123")
	invite := b.request("INVITE")
	b.reply(invite, 200, "OK", b.plainSDP())
	b.request("ACK")
	b.event(signalling.Answered)
	b.tones(b, invite, "147*")
	for _, want := range []byte("147*") {
		if e := b.event(signalling.Digit); e.Digit != want {
			t.Errorf("heard %c, want %c", e.Digit, want)
		}
	}
	b.send(b.within(invite, "INFO", 20, []byte("Signal=*\r\n"), "Content-Type: application/dtmf-relay")) // the same once more
	b.response("200 INFO")
	b.send(b.within(invite, "INFO", 21, []byte("Signal=0\r\n"), "Content-Type: application/dtmf-relay"))
	b.response("200 INFO")
	if e := b.event(signalling.Digit); e.Digit != '0' {
		t.Errorf("the digit that came twice is two: %c", e.Digit)
	}
}

// One digit is one digit when INFO and telephone-event both bring it.
func TestDigitsByTwoWays(t *testing.T) {
	t.Parallel()
	b := newBed(t, func(_ *TrunkConfig, x *timing) { x.digit = time.Second })
	_, invite := b.answered()
	at, seq := rtpOf(t, invite.Body()), uint32(20)
	for i, order := range []string{"event first", "INFO first"} {
		event := func() {
			payload := dtmf.Event{Digit: '7', End: true, Duration: 800}
			packet := append([]byte{0x80, 0x80 | 101, 0, byte(9 + i), 0, 0, byte(i + 1), 0, 7, 0, 0, 0}, make([]byte, dtmf.Size)...)
			if err := payload.Put(packet[12:]); err != nil {
				t.Fatal(err)
			}
			if _, err := b.rtp.WriteToUDPAddrPort(packet, at); err != nil {
				t.Fatal(err)
			}
		}
		info := func(digit string) {
			seq++
			b.send(b.within(invite, "INFO", seq, []byte("Signal="+digit), "Content-Type: application/dtmf-relay"))
			b.response("200 INFO")
		}
		if order == "event first" {
			event()
			b.pressed('7')
			info("7")
		} else {
			info("7")
			event()
		}
		info("8")
		if e := b.event(signalling.Digit); e.Digit != '8' {
			t.Errorf("%s: the digit that came twice is one more: %c", order, e.Digit)
		}
	}
}

// pressed waits until the leg's port has seen a digit's event.
func (b *bed) pressed(digit byte) {
	b.t.Helper()
	b.agent.mu.Lock()
	var l *leg
	for _, one := range b.agent.legs {
		l = one
	}
	b.agent.mu.Unlock()
	b.until("the event of a digit", func() bool {
		got, _ := l.Media().(interface{ Pressed() (byte, time.Time) }).Pressed()
		return got == digit
	})
}
