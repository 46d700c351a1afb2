package port

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"roomline/media"
)

// keyed is what two ends agreed on, seen from our end: the first byte of each
// key names it.
func keyed(s media.Suite, send, receive byte) media.Protection {
	p := media.Protection{Suite: s}
	for i := range s.KeyLen() + s.SaltLen() {
		p.Send[i], p.Receive[i] = send+byte(i), receive+byte(i)
	}
	return p
}

func mirrored(p media.Protection) media.Protection {
	p.Send, p.Receive = p.Receive, p.Send
	return p
}

func secured(remote netip.AddrPort, p media.Protection) media.Negotiated {
	n := plain(remote)
	n.Protection = p
	return n
}

// far is the other end's encryption, by the library alone.
type far struct {
	*sealer
	*opener
}

func newFar(t testing.TB, p media.Protection) far {
	t.Helper()
	p = mirrored(p)
	s, err := newSealer(p.Suite, p.Send)
	if err != nil {
		t.Fatal(err)
	}
	o, err := newOpener(p.Suite, p.Receive, "")
	if err != nil {
		t.Fatal(err)
	}
	return far{s, o}
}

func (f far) seal(t testing.TB, h header, payload ...byte) []byte {
	t.Helper()
	b := make([]byte, headerSize+len(payload), maxPacket)
	h.put(b)
	copy(b[headerSize:], payload)
	out, err := f.sealer.rtp(b[:cap(b)], len(b))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var allSuites = []media.Suite{media.AES128SHA32, media.AES256SHA32, media.AES128SHA80, media.AES256SHA80, media.AES128GCM, media.AES256GCM}

func TestEverySuiteBothWays(t *testing.T) {
	for _, s := range allSuites {
		t.Run(s.String(), func(t *testing.T) {
			r, _ := frozen(t, config(2))
			a, b := open(t, r), open(t, r)
			p, heard := keyed(s, 1, 100), newEar()
			a.Start(secured(b.Addr(), p))
			b.Start(secured(a.Addr(), mirrored(p)))
			b.SendTo(heard)
			payload := bytes.Repeat([]byte{7}, 160)
			if err := a.WritePacket(&media.Packet{Payload: payload, Clock: 8000}); err != nil {
				t.Fatal(err)
			}
			if got := heard.next(t); !bytes.Equal(got.Payload, payload) {
				t.Errorf("heard % x", got.Payload)
			}
			if err := a.SendDigit('5', 100*time.Millisecond); err != nil {
				t.Fatal(err)
			}
			if got := heard.next(t); !got.Event || got.Payload[0] != 5 {
				t.Errorf("the digit came as %+v", got)
			}
		})
	}
}

// What leaves an encrypted port is neither the audio nor anything that plain RTP
// would hold: a receiver without the key hears nothing of it.
func TestNothingLeavesPlain(t *testing.T) {
	r, _ := frozen(t, config(1))
	p := open(t, r)
	f := newPhone(t, "127.77.0.2", p.Addr())
	keys := keyed(media.AES128GCM, 1, 100)
	other := newFar(t, keys)
	p.Start(secured(f.addr(), keys))
	payload := bytes.Repeat([]byte{0x55}, 160)
	if err := p.WritePacket(&media.Packet{Payload: payload, Clock: 8000}); err != nil {
		t.Fatal(err)
	}
	h, sealed, ok := f.hear()
	if !ok || len(sealed) != 160+16 || bytes.Contains(sealed, payload[:4]) {
		t.Fatalf("left as % x", sealed)
	}
	b := make([]byte, headerSize)
	h.put(b)
	b = append(b, sealed...)
	if clear, err := other.opener.rtp(b, b, h.ssrc); err != nil || !bytes.Equal(clear[headerSize:], payload) {
		t.Errorf("the far end reads % x, %v", clear, err)
	}
}

// R6: keys that cannot be used are no reason to speak plainly.
func TestBadKeysSilenceThePort(t *testing.T) {
	r, _ := frozen(t, config(1))
	p := open(t, r)
	f := newPhone(t, "127.77.0.2", p.Addr())
	p.Start(plain(f.addr()))
	p.Start(secured(f.addr(), media.Protection{Suite: 99}))
	if err := p.WritePacket(&media.Packet{Payload: []byte{1}, Clock: 8000}); err != nil {
		t.Fatal(err)
	}
	f.say(0, 1)
	f.say(0, 1)
	if !f.silent() || p.Stats().Received != 0 {
		t.Error("audio crossed")
	}
}

// Keys that change with a re-INVITE lose no packet: neither those still on
// their way under the old key, nor the first under the new one.
func TestKeysChange(t *testing.T) {
	r, _ := frozen(t, config(1))
	p := open(t, r)
	f := newPhone(t, "127.77.0.2", p.Addr())
	first, second := keyed(media.AES128SHA80, 1, 100), keyed(media.AES128GCM, 50, 150)
	before, after, now := newFar(t, first), newFar(t, second), time.Now()
	var packet media.Packet
	hear := func(o far, seq uint16) bool {
		return p.receive(o.seal(t, header{ssrc: 7, seq: seq}, 9), f.addr(), now, &packet)
	}
	said := uint16(0)
	send := func() header {
		said++
		if err := p.WritePacket(&media.Packet{Payload: []byte{1}, Sequence: said, Timestamp: 160 * uint32(said), Clock: 8000}); err != nil {
			t.Fatal(err)
		}
		h, _, _ := f.hear()
		return h
	}
	p.Start(secured(f.addr(), first))
	for seq := range uint16(10) {
		if !hear(before, seq) {
			t.Fatal("not heard before")
		}
	}
	one := send()
	p.Start(secured(f.addr(), second))
	for seq := uint16(10); seq < 20; seq++ {
		if o := [2]far{before, after}[seq%2]; !hear(o, seq) {
			t.Errorf("packet %d was lost", seq)
		}
	}
	two := send()
	if two.ssrc != one.ssrc || two.seq != one.seq+1 { // Asterisk 1324, 1535; Janus PR 3640
		t.Errorf("the line broke: %+v, %+v", one, two)
	}
	if st := p.Stats(); st.Lost != 0 || st.Rejected != 0 || st.Received != 20 {
		t.Errorf("%+v", st)
	}
	now = now.Add(takeOver + time.Second)
	if hear(before, 20) {
		t.Error("the old key is heard for ever")
	}
}

// A key that stays goes on where it was, in both directions: begun anew it
// would encrypt two packets alike, and let old ones in again.
func TestKeysThatStay(t *testing.T) {
	r, _ := frozen(t, config(1))
	p := open(t, r)
	f, keys := at("127.77.0.2:4000"), keyed(media.AES128SHA80, 1, 100)
	other, now := newFar(t, keys), time.Now()
	p.Start(secured(f, keys))
	seal, guard := p.out.seal, p.in.guard.now
	sealed := other.seal(t, header{ssrc: 7, seq: 1}, 9)
	again := bytes.Clone(sealed)
	var packet media.Packet
	if !p.receive(sealed, f, now, &packet) {
		t.Fatal("not heard")
	}
	p.Start(secured(f, keys))
	if p.out.seal != seal || p.in.guard.now != guard || p.in.guard.before != nil {
		t.Error("begun anew")
	}
	if p.receive(again, f, now, &packet) {
		t.Error("replayed over a re-INVITE")
	}
	p.Start(secured(f, media.Protection{Suite: keys.Suite, Send: keys.Send, Receive: keyed(keys.Suite, 1, 200).Receive}))
	if p.out.seal != seal {
		t.Error("our key did not change, and was begun anew")
	}
}

// Packets with padding, CSRCs and an MKI are read once they are decrypted.
func TestEncryptedExtras(t *testing.T) {
	r, _ := frozen(t, config(1))
	p := open(t, r)
	f, keys := at("127.77.0.2:4000"), keyed(media.AES128SHA80, 1, 100)
	keys.MKI = "\x00\x01"
	s, err := newSealer(keys.Suite, keys.Receive)
	if err != nil {
		t.Fatal(err)
	}
	p.Start(secured(f, keys))
	b := make([]byte, headerSize, maxPacket)
	header{ssrc: 7, seq: 1}.put(b)
	b[0] |= 0x20 | 1 // padding, one CSRC
	b = append(b, 0, 0, 0, 9, 'h', 'i', 0, 0, 3)
	sealed, err := s.rtp(b[:cap(b)], len(b))
	if err != nil {
		t.Fatal(err)
	}
	tag := bytes.Clone(sealed[len(sealed)-10:])
	sealed = append(append(sealed[:len(sealed)-10], keys.MKI...), tag...)
	wrong := bytes.Clone(sealed)
	wrong[len(wrong)-11]++ // in the MKI
	var packet media.Packet
	if p.receive(wrong, f, time.Now(), &packet) {
		t.Error("another key's packet was heard")
	}
	if !p.receive(sealed, f, time.Now(), &packet) || string(packet.Payload) != "hi" {
		t.Errorf("heard %q", packet.Payload)
	}
}

// Reports are encrypted too (SRTCP), and plain ones are not believed.
func TestReportsAreEncrypted(t *testing.T) {
	for _, s := range allSuites {
		t.Run(s.String(), func(t *testing.T) {
			r, _ := frozen(t, config(2))
			a, b := open(t, r), open(t, r)
			p := keyed(s, 1, 100)
			a.Start(secured(b.Addr(), p))
			b.Start(secured(a.Addr(), mirrored(p)))
			now := time.Now()
			clear, err := a.sealedReports(now)
			if err != nil {
				t.Fatal(err)
			}
			if b.hearReport(bytes.Clone(clear), now); b.Life().IsZero() {
				t.Errorf("%s: the report was not heard", s)
			}
			if clear[1] != 201 || bytes.Contains(clear, []byte("SDES")) {
				t.Errorf("%s: % x", s, clear)
			}
			later := now.Add(time.Second)
			b.hearReport(bytes.Clone(clear), later) // R5
			b.hearReport([]byte{0x80, 201, 0, 1, 0, 0, 0, 1}, later)
			b.hearReport([]byte{0x80, 201, 0, 1}, later) // R3: too short
			if !b.Life().Equal(now) {
				t.Errorf("%s: a replayed or plain report was believed", s)
			}
		})
	}
}
