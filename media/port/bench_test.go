package port

import (
	"log/slog"
	"testing"
	"time"

	"roomline/media"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// bridged is two ports, a and b, joined, and a phone at a's far side whose
// packets arrive at the phone at b's.
func bridged(t testing.TB) (from, to *phone) {
	r, _ := frozen(t, config(2))
	a, b := open(t, r), open(t, r)
	from, to = newPhone(t, "127.77.0.2", a.Addr()), newPhone(t, "127.77.0.3", b.Addr())
	a.Start(plain(from.addr()))
	b.Start(plain(to.addr()))
	bridge := media.NewBridge(a, b, nil)
	bridge.Open(0)
	bridge.Open(1)
	return from, to
}

// BenchmarkForward is one packet into one port and out of the other, over
// loopback, the two phones' own work included.
func BenchmarkForward(b *testing.B) {
	from, to := bridged(b)
	packet, buf := make([]byte, headerSize+160), make([]byte, maxPacket)
	_ = to.conn.SetReadDeadline(time.Now().Add(time.Minute))
	b.ReportAllocs()
	for b.Loop() {
		from.h.seq++
		from.h.ts += 160
		from.h.put(packet)
		if _, err := from.conn.WriteToUDPAddrPort(packet, from.to); err != nil {
			b.Fatal(err)
		}
		if _, _, err := to.conn.ReadFromUDPAddrPort(buf); err != nil {
			b.Fatal(err)
		}
	}
}

func TestForwardingAllocatesNothing(t *testing.T) {
	r, _ := frozen(t, config(2))
	a, b := open(t, r), open(t, r)
	far := at("127.77.0.9:9")
	a.Start(plain(far))
	b.Start(plain(far))
	a.SendTo(b)
	raw, packet, h := make([]byte, headerSize+160), new(media.Packet), header{ssrc: 1}
	allocs := testing.AllocsPerRun(500, func() {
		h.seq++
		h.ts += 160
		h.put(raw)
		if !a.receive(raw, far, time.Now(), packet) {
			t.Fatal("not received")
		}
		a.deliver(packet)
	})
	if allocs != 0 {
		t.Errorf("%.1f allocations per packet", allocs)
	}
	if sent := b.Stats().Sent; sent != 501 {
		t.Errorf("%d sent", sent)
	}
}

// forwarding carries a packet from the wire of one port to that of another, both
// encrypted by suite; a suite of none is plain RTP. The library seals for us
// what the far end would have sent.
func forwarding(t testing.TB, suite media.Suite) func() {
	r, _ := frozen(t, config(2))
	a, b := open(t, r), open(t, r)
	far, p := at("127.77.0.9:9"), media.Protection{}
	if suite != media.NoSuite {
		p = keyed(suite, 1, 100)
	}
	a.Start(secured(far, p))
	b.Start(secured(far, p))
	a.SendTo(b)
	raw, packet, h, seal := make([]byte, headerSize+160, maxPacket), new(media.Packet), header{ssrc: 1}, func(b []byte) []byte { return b }
	if p.On() {
		other := newFar(t, p)
		seal = func(b []byte) []byte {
			out, _ := other.sealer.rtp(b[:cap(b)], len(b))
			return out
		}
	}
	return func() {
		h.seq++
		h.ts += 160
		h.put(raw)
		if !a.receive(seal(raw), far, time.Now(), packet) {
			t.Fatal("not received")
		}
		a.deliver(packet)
	}
}

// BenchmarkEncrypted is a packet into one port and out of the other without the
// network's receiving half, plain and by each suite; encrypted it is one proof
// and two encryptions, of which one is the far end's.
func BenchmarkEncrypted(b *testing.B) {
	for _, s := range append([]media.Suite{media.NoSuite}, allSuites...) {
		b.Run(s.String(), func(b *testing.B) {
			carry := forwarding(b, s)
			b.ReportAllocs()
			for b.Loop() {
				carry()
			}
		})
	}
}

// BenchmarkGarbage is a packet at an encrypted port that its key does not prove.
func BenchmarkGarbage(b *testing.B) {
	for _, s := range allSuites {
		b.Run(s.String(), func(b *testing.B) {
			r, _ := frozen(b, config(1))
			p, far, packet, bad := open(b, r), at("127.77.0.9:9"), new(media.Packet), make([]byte, headerSize+176)
			p.Start(secured(far, keyed(s, 1, 100)))
			b.ReportAllocs()
			for b.Loop() {
				header{ssrc: 9, seq: 9}.put(bad)
				p.receive(bad, far, time.Now(), packet)
			}
		})
	}
}

func TestEncryptedForwardingAllocatesNothing(t *testing.T) {
	for _, s := range allSuites {
		t.Run(s.String(), func(t *testing.T) {
			if allocs := testing.AllocsPerRun(500, forwarding(t, s)); allocs > dropped {
				t.Errorf("%.1f allocations per packet", allocs)
			}
		})
	}
}

func TestBridged(t *testing.T) {
	from, to := bridged(t)
	from.say(0, 1, 2, 3)
	if h, payload, ok := to.hear(); !ok || len(payload) != 3 || h.ssrc == from.h.ssrc {
		t.Errorf("%+v % x", h, payload)
	}
	to.say(0, 4)
	if _, payload, ok := from.hear(); !ok || payload[0] != 4 {
		t.Errorf("back: % x", payload)
	}
}
