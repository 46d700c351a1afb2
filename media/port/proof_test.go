package port

import (
	"bytes"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"roomline/media"
)

// R4, FreeSWITCH 2021 (CVE-2021-41105): garbage at an encrypted port is counted
// and costs little, the call goes on, and nothing is learnt from it.
func TestGarbageOnlyCounts(t *testing.T) {
	for _, s := range []media.Suite{media.AES128SHA80, media.AES128GCM} {
		t.Run(s.String(), func(t *testing.T) {
			r, _ := frozen(t, config(1))
			p := open(t, r)
			f, heard := at("127.77.0.2:4000"), newEar()
			keys := keyed(s, 1, 100)
			other, now := newFar(t, keys), time.Now()
			p.Start(secured(f, keys))
			p.SendTo(heard)
			var packet media.Packet
			h := header{ssrc: 77, seq: 1}
			if !p.receive(other.seal(t, h, 1, 2, 3), f, now, &packet) {
				t.Fatal("the call's own packet was not heard")
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			bad := make([]byte, headerSize+170)
			for i := range 10_000 {
				from := f
				if i%2 == 1 {
					from = at("127.77.0.66:6666")
				}
				header{ssrc: uint32(i), seq: uint16(i)}.put(bad)
				if p.receive(bad, from, now, &packet) {
					t.Fatal("garbage was heard")
				}
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 1<<20 {
				t.Errorf("%s: garbage left %d bytes", s, grown)
			}
			for h.seq < 200 {
				h.seq++
				if !p.receive(other.seal(t, h, 1, 2, 3), f, now, &packet) || !bytes.Equal(packet.Payload, []byte{1, 2, 3}) {
					t.Fatalf("packet %d was lost", h.seq)
				}
			}
			if st := p.Stats(); st.Rejected != 10_000 || st.Received != 200 || st.Lost != 0 {
				t.Errorf("counted %+v", st)
			}
			if to := p.far.Load(); *to != f {
				t.Errorf("audio goes to %s", to)
			}
		})
	}
}

// R5: the library has no replay window of its own accord. The same packet twice,
// and one from before the window, are heard once.
func TestReplays(t *testing.T) {
	for _, s := range allSuites {
		t.Run(s.String(), func(t *testing.T) {
			r, _ := frozen(t, config(1))
			p := open(t, r)
			f, keys := at("127.77.0.2:4000"), keyed(s, 1, 100)
			other, now := newFar(t, keys), time.Now()
			p.Start(secured(f, keys))
			var sealed [300][]byte
			for i := range sealed {
				sealed[i] = other.seal(t, header{ssrc: 7, seq: uint16(i + 65500)}, byte(i)) // across the end of the numbers
			}
			var packet media.Packet
			take := func(i int) bool {
				return p.receive(append(make([]byte, 0, maxPacket), sealed[i]...), f, now, &packet)
			}
			for i := range sealed {
				if i != 290 && !take(i) {
					t.Fatalf("%s: packet %d was not heard", s, i)
				}
			}
			for _, i := range []int{299, 280, 200, 100, 0} {
				if take(i) {
					t.Errorf("%s: packet %d was heard twice", s, i)
				}
			}
			if !take(290) || take(290) {
				t.Errorf("%s: one that came late is to be heard, once", s)
			}
		})
	}
}

// R1, RTP bleed and its kin (Asterisk 2017, rtpengine ES2025-01): packets without
// the key move the audio nowhere, before the far end speaks and after; with the
// key a far end that moved is followed.
func TestLatchingIsProvedFirst(t *testing.T) {
	r, _ := frozen(t, config(1))
	p := open(t, r)
	said, stranger, moved := at("127.77.0.2:4000"), at("127.77.0.66:6666"), at("127.77.0.3:5000")
	keys := keyed(media.AES128GCM, 1, 100)
	other, now := newFar(t, keys), time.Now()
	p.Start(secured(said, keys))
	var packet media.Packet
	spray := func() {
		b := make([]byte, headerSize+176)
		for seq := range uint16(50) {
			header{ssrc: 9, seq: seq}.put(b)
			p.receive(b, stranger, now, &packet)
			header{ssrc: 9, seq: seq}.put(b)
			p.receive(b[:headerSize+160], said, now, &packet) // with the far end's own address, spoofed
		}
	}
	goes := func(to netip.AddrPort) {
		t.Helper()
		if got := p.far.Load(); *got != to {
			t.Fatalf("audio goes to %s, not %s", got, to)
		}
	}
	spray()
	goes(said)
	h := header{ssrc: 7, seq: 1}
	if !p.receive(other.seal(t, h, 1), moved, now, &packet) {
		t.Fatal("the first packet that was proved was not heard")
	}
	goes(moved) // it is behind NAT
	spray()
	goes(moved)
	var copied []byte
	for range 5 {
		h.seq++
		b := other.seal(t, h, 1)
		copied = bytes.Clone(b)
		p.receive(b, said, now, &packet)
	}
	goes(said)
	for range 10 {
		p.receive(bytes.Clone(copied), stranger, now, &packet) // R5: overheard and repeated
	}
	goes(said)
}

// With latch off a proved packet from elsewhere is not heard either.
func TestNoLearningWhereItIsOff(t *testing.T) {
	cfg := config(1)
	cfg.Latch = false
	r, _ := frozen(t, cfg)
	p := open(t, r)
	keys := keyed(media.AES128GCM, 1, 100)
	other := newFar(t, keys)
	p.Start(secured(at("127.77.0.2:4000"), keys))
	var packet media.Packet
	for seq := range uint16(8) {
		if p.receive(other.seal(t, header{ssrc: 7, seq: seq}, 1), at("127.77.0.3:4000"), time.Now(), &packet) {
			t.Fatal("heard from elsewhere")
		}
	}
}

// A far end that changes its SSRC may do so, but not without end.
func TestSourcesOfOneKeyAreBounded(t *testing.T) {
	r, _ := frozen(t, config(1))
	p := open(t, r)
	f, keys := at("127.77.0.2:4000"), keyed(media.AES128GCM, 1, 100)
	other := newFar(t, keys)
	p.Start(secured(f, keys))
	var packet media.Packet
	heard := 0
	for ssrc := range uint32(200) {
		if p.receive(other.seal(t, header{ssrc: ssrc, seq: 1}, 1), f, time.Now(), &packet) {
			heard++
		}
	}
	if heard != maxSources {
		t.Errorf("%d SSRCs heard", heard)
	}
}
