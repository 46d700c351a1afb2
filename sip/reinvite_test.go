package sip

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/media"
	"roomline/media/offer"
	"roomline/signalling"
)

// version is that of a description's o= line.
func version(t *testing.T, sdp []byte) int {
	t.Helper()
	for line := range strings.Lines(string(sdp)) {
		if words := strings.Fields(line); len(words) == 6 && strings.HasPrefix(line, "o=") {
			n, err := strconv.Atoi(words[2])
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("no o= in\n%s", sdp)
	return 0
}

// saying writes a description of the peer's with lines of the test's own.
func (p *peer) saying(conn string, port uint16, rest ...string) []byte {
	return fmt.Appendf(nil, "v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio %d RTP/AVP %s\r\n",
		conn, conn, port, strings.Join(rest, "\r\n"))
}

// reinvites sends a re-INVITE in the agent's call and returns the answer in it.
func (b *bed) reinvites(invite *sipmsg.Request, seq uint32, sdp []byte) []byte {
	b.t.Helper()
	b.send(b.within(invite, "INVITE", seq, sdp))
	res := b.response("200 INVITE")
	b.send(b.within(invite, "ACK", seq, nil))
	return res.Body()
}

// Payload types change on a re-INVITE: what was negotiated last rules, in both
// directions (asterisk-opus 21: one-way audio; livekit 716; Janus 1591).
func TestPayloadTypesChange(t *testing.T) {
	b := newBed(t, func(c *TrunkConfig, _ *timing) { c.Codecs = []string{"opus"} })
	leg := b.dial("+4930123")
	invite := b.request("INVITE")
	at := addrOf(b.rtp)
	numbers := func(opus, event int) []byte {
		return b.saying("127.0.0.1", at.Port(), fmt.Sprintf("%d %d", opus, event), fmt.Sprintf("a=rtpmap:%d opus/48000/2", opus),
			fmt.Sprintf("a=rtpmap:%d telephone-event/48000", event))
	}
	b.reply(invite, 200, "OK", numbers(107, 102))
	b.request("ACK")
	b.event(signalling.Answered)
	digits := map[int]bool{} // what may still be heard of them
	for i, pt := range []int{107, 96, 96, 111} {
		event := 102
		if i > 0 {
			event = pt + 1
			answer := b.reinvites(invite, uint32(5+i), numbers(pt, event))
			if !strings.Contains(string(answer), fmt.Sprintf("a=rtpmap:%d opus/48000/2\r\n", pt)) {
				t.Errorf("answered\n%s", answer)
			}
		}
		if err := leg.Media().WritePacket(&media.Packet{Payload: make([]byte, 40), Clock: 48000}); err != nil {
			t.Fatal(err)
		}
		b.hearsAs(pt, digits)
		leg.SendDigit('5')
		digits[event] = true
		b.hearsAs(event, map[int]bool{})
	}
}

// hearsAs waits for a packet with a payload type, past those of digits.
func (p *peer) hearsAs(pt int, digits map[int]bool) {
	p.t.Helper()
	for {
		got := int(p.hears()[1] & 0x7f)
		if got == pt {
			return
		}
		if !digits[got] {
			p.t.Fatalf("heard %d, want %d", got, pt)
		}
	}
}

// A call has one codec, whatever else a re-INVITE offers before it; one without
// it is refused, and the call goes on (livekit 779, 96, 443).
func TestCodecOnReinvite(t *testing.T) {
	b := newBed(t)
	_, invite := b.answered() // in PCMU
	at := addrOf(b.rtp)
	first := b.reinvites(invite, 5, b.saying("127.0.0.1", at.Port(), "9 8 0 101", "a=rtpmap:101 telephone-event/8000", "a=ptime:30"))
	if !strings.Contains(string(first), " RTP/AVP 0 101\r\n") {
		t.Errorf("answered\n%s", first)
	}
	b.send(b.within(invite, "INVITE", 6, b.saying("127.0.0.1", at.Port(), "9 18")))
	b.response("488 INVITE")
	again := b.reinvites(invite, 7, b.saying("127.0.0.1", at.Port(), "9 8 0 101", "a=rtpmap:101 telephone-event/8000"))
	if string(again) != string(first) {
		t.Errorf("the same answer has another text: RFC 3264 §8\n%s%s", first, again)
	}
	held := b.reinvites(invite, 8, b.saying("127.0.0.1", at.Port(), "0", "a=sendonly"))
	if version(t, held) != version(t, first)+1 || !strings.Contains(string(held), "a=recvonly\r\n") {
		t.Errorf("answered\n%s", held)
	}
	b.event(signalling.Held)
}

// Every way of holding a call, from and to every other, and at a new address.
func TestHoldInEveryDialect(t *testing.T) {
	b := newBed(t)
	_, invite := b.answered()
	port := addrOf(b.rtp).Port()
	moved := addrOf(socket(t, "127.0.0.1")).Port()
	for i, c := range []struct {
		name, conn string
		port       uint16
		direction  string
		answer     string
		want       signalling.Kind // Gone: nothing new
		silent     bool
	}{
		{"RFC 3264", "127.0.0.1", port, "a=sendonly", "a=recvonly", signalling.Held, false},
		{"with another address", "127.0.0.1", moved, "a=sendonly", "a=recvonly", signalling.Gone, false},
		{"its music ends", "127.0.0.1", moved, "a=inactive", "a=inactive", signalling.Held, true},
		{"back", "127.0.0.1", port, "a=sendrecv", "a=sendrecv", signalling.Resumed, false},
		{"RFC 2543", "0.0.0.0", port, "a=sendrecv", "a=recvonly", signalling.Held, true},
		{"RFC 2543 and inactive", "0.0.0.0", port, "a=inactive", "a=inactive", signalling.Gone, true},
		{"back without a direction", "127.0.0.1", port, "a=x", "a=sendrecv", signalling.Resumed, false},
		{"RFC 2543 and sendonly", "0.0.0.0", port, "a=sendonly", "a=recvonly", signalling.Held, true},
		{"port 0", "127.0.0.1", 0, "a=sendrecv", "m=audio 0 RTP/AVP 0", signalling.Gone, true},
		{"back from port 0", "127.0.0.1", port, "a=sendrecv", "a=sendrecv", signalling.Resumed, false},
		{"port 0 at once", "0.0.0.0", 0, "a=inactive", "m=audio 0 RTP/AVP 0", signalling.Held, true},
		{"only they listen", "127.0.0.1", port, "a=recvonly", "a=sendonly", signalling.Resumed, false},
	} {
		answer := string(b.reinvites(invite, uint32(5+i), b.saying(c.conn, c.port, "0", c.direction)))
		if !strings.Contains(answer, c.answer) {
			t.Errorf("%s: answered\n%s", c.name, answer)
		}
		if c.want == signalling.Gone {
			continue
		}
		if e := b.event(c.want); e.Silent != c.silent {
			t.Errorf("%s: silent is %t", c.name, e.Silent)
		}
	}
}

// One line of numbers for the life of the call, over hold, a new address and
// a new payload type (Janus PR 3640).
func TestNumbersOverReinvites(t *testing.T) {
	b := newBed(t)
	leg, invite := b.answered()
	port := addrOf(b.rtp).Port()
	var ssrc, ts uint32
	var seq uint16
	source := uint32(1)
	for i := range 40 {
		switch i {
		case 10:
			b.reinvites(invite, 5, b.saying("127.0.0.1", port, "0", "a=sendonly"))
		case 20:
			b.reinvites(invite, 6, b.saying("127.0.0.1", port, "0", "a=sendrecv"))
			source++ // another source speaks now
		case 30:
			b.reinvites(invite, 7, b.saying("127.0.0.1", port, "8 0 96", "a=rtpmap:96 telephone-event/8000"))
		}
		if err := leg.Media().WritePacket(&media.Packet{Payload: make([]byte, 160), Clock: 8000, SSRC: source,
			Sequence: uint16(i), Timestamp: uint32(i * 160)}); err != nil {
			t.Fatal(err)
		}
		if 10 <= i && i < 20 {
			continue // on hold nothing goes out
		}
		p := b.hears()
		nowSeq, nowTS, now := binary.BigEndian.Uint16(p[2:]), binary.BigEndian.Uint32(p[4:]), binary.BigEndian.Uint32(p[8:])
		if i > 0 && (now != ssrc || int16(nowSeq-seq) <= 0 || int32(nowTS-ts) <= 0) {
			t.Errorf("%d: source %d number %d at %d after source %d number %d at %d", i, now, nowSeq, nowTS, ssrc, seq, ts)
		}
		ssrc, seq, ts = now, nowSeq, nowTS
	}
}

// An offerless re-INVITE gets what we could do, and its ACK moves us.
func TestOfferlessReinvite(t *testing.T) {
	b := newBed(t)
	leg, invite := b.answered()
	b.send(b.within(invite, "INVITE", 5, nil))
	res := b.response("200 INVITE")
	mine, err := offer.Parse(res.Body())
	if err != nil || mine.Direction != offer.SendRecv || len(mine.Formats()) != 1 {
		t.Fatalf("offered %+v, %v", mine, err)
	}
	b.rtp = socket(t, "127.0.0.1")
	b.send(b.within(invite, "ACK", 5, b.sdp("sendrecv", "0")))
	b.heard("ACK")
	if err := b.speaks(leg, b.rtp.LocalAddr().String()); err != nil {
		t.Error(err)
	}
}

// speaks writes audio until the peer hears it at its new address.
func (b *bed) speaks(leg signalling.Leg, at string) error {
	buf := make([]byte, 2048)
	for late := time.Now().Add(patience); time.Now().Before(late); {
		if err := leg.Media().WritePacket(&media.Packet{Payload: make([]byte, 160), Clock: 8000}); err != nil {
			return err
		}
		b.rtp.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		if _, _, err := b.rtp.ReadFromUDPAddrPort(buf); err == nil {
			return nil
		}
	}
	return fmt.Errorf("nothing was heard at %s", at)
}

// RFC 3261 §14.1: who made the Call-ID waits longer; §14.2 and RFC 3311 §5.2:
// what is answered while something else is open.
func TestGlareWaits(t *testing.T) {
	l := leg{agent: &Agent{timing: realTiming()}, dialog: &dialog{}}
	for range 1000 {
		l.dialog.first = false
		if d := l.glare(); d < 0 || d > 2*time.Second || d%(10*time.Millisecond) != 0 {
			t.Fatalf("the called waits %v", d)
		}
		l.dialog.first = true
		if d := l.glare(); d < 2100*time.Millisecond || d > 4*time.Second || d%(10*time.Millisecond) != 0 {
			t.Fatalf("the caller waits %v", d)
		}
	}
}

func TestSecondInviteWhileOneIsOpen(t *testing.T) {
	b := newBed(t)
	b.send(b.text("INVITE", "+4930555", b.sdp("sendrecv", "0")))
	leg := b.rung()
	leg.Ring()
	b.far = tagOf(b.response("180").To().Params)
	b.seq++
	b.send(b.text("INVITE", "+4930555", b.sdp("sendrecv", "0")))
	late := b.response("500 INVITE")
	if n, err := strconv.Atoi(valueOf(late, "retry-after")); err != nil || n < 0 || n > 10 {
		t.Errorf("Retry-After: %s", valueOf(late, "retry-after"))
	}
	b.seq++
	b.send(b.text("UPDATE", "+4930555", b.sdp("sendrecv", "0")))
	b.response("500 UPDATE")
	b.seq = 10
	leg.Answer(media.PCMU)
	res := b.response("200 INVITE")
	b.seq = 13
	b.send(b.text("INVITE", "+4930555", b.sdp("sendrecv", "0"))) // overtakes the ACK
	b.response("491 INVITE")
	b.ack(res, nil)
	b.event(signalling.Confirmed)
}

// Our own hold meets theirs, in both roles; and a far end that asks us to wait.
func TestGlareOfHolds(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(*bed) (signalling.Leg, func(method string, seq uint32, sdp []byte) string){
		"we called": func(b *bed) (signalling.Leg, func(string, uint32, []byte) string) {
			leg, invite := b.answered()
			return leg, func(method string, seq uint32, sdp []byte) string { return b.within(invite, method, seq, sdp) }
		},
		"they called": func(b *bed) (signalling.Leg, func(string, uint32, []byte) string) {
			leg, _ := b.connected()
			return leg, func(method string, seq uint32, sdp []byte) string { return b.with(seq).text(method, "+4930555", sdp) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, func(_ *TrunkConfig, x *timing) { x.glare = time.Millisecond })
			leg, write := begin(b)
			leg.Show(signalling.View{Held: true})
			ours := b.request("INVITE")
			b.send(write("INVITE", 50, b.sdp("sendonly", "0")))
			b.response("491 INVITE")
			b.send(write("UPDATE", 51, b.sdp("sendonly", "0")))
			b.response("491 UPDATE")
			b.reply(ours, 491, "Request Pending", nil)
			b.request("ACK")
			b.reply(b.request("INVITE"), 500, "Server Internal Error", nil, "Retry-After: 0")
			b.request("ACK")
			ours = b.request("INVITE")
			if a, err := offer.Parse(ours.Body()); err != nil || a.Direction != offer.SendOnly {
				t.Errorf("offered %s, %v", a.Direction, err)
			}
			b.reply(ours, 200, "OK", b.sdp("inactive", "0"))
			b.request("ACK")
		})
	}
}

// While we wait after glare, theirs goes first; its answer holds them just as
// well, so ours is not needed any more.
func TestTheirsAfterGlare(t *testing.T) {
	t.Parallel()
	b := newBed(t, func(_ *TrunkConfig, x *timing) { x.glare = 6 * time.Millisecond })
	leg, invite := b.answered()
	leg.Show(signalling.View{Held: true})
	b.reply(b.request("INVITE"), 491, "Request Pending", nil)
	b.request("ACK") // we wait 1.26 s at least
	if answer := b.reinvites(invite, 50, b.sdp("sendrecv", "0")); !strings.Contains(string(answer), "a=sendonly\r\n") {
		t.Errorf("answered\n%s", answer)
	}
	b.never("INVITE", 2600*time.Millisecond)
}

// An INVITE from the called while ours is open is glare, too (RFC 3261 §14.2).
func TestInviteFromTheCalled(t *testing.T) {
	b := newBed(t)
	b.dial("+4930123")
	invite := b.request("INVITE")
	b.reply(invite, 180, "Ringing", nil)
	b.event(signalling.Ringing)
	b.send(b.within(invite, "INVITE", 5, b.sdp("sendrecv", "0")))
	b.response("491 INVITE")
	b.reply(invite, 486, "Busy Here", nil)
	b.ended(signalling.Busy)
}
