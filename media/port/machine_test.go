package port

import (
	"net/netip"
	"testing"
	"time"

	"github.com/pion/rtcp"

	"roomline/media"
)

func at(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

func TestLatch(t *testing.T) {
	said, port, nat, nat2 := at("192.0.2.1:4000"), at("192.0.2.1:5000"), at("198.51.100.7:4000"), at("198.51.100.8:4000")
	type packet struct {
		from netip.AddrPort
		seq  uint16
		want bool
	}
	four := func(from netip.AddrPort, last bool) []packet {
		return []packet{{from, 1, false}, {from, 2, false}, {from, 3, false}, {from, 4, last}, {from, 5, last}}
	}
	for _, c := range []struct {
		name    string
		learn   bool
		packets []packet
		target  netip.AddrPort
	}{
		{"nobody yet", true, nil, said},
		{"as the SDP says", false, []packet{{said, 9, true}, {said, 3, true}}, said},
		{"a stranger, without learning", false, four(nat, false), said},
		{"the same IP, without learning", false, four(port, false), said},
		{"a stranger is learnt", true, four(nat, true), nat},
		{"a gap begins anew", true, []packet{{nat, 1, false}, {nat, 2, false}, {nat, 3, false}, {nat, 5, false}, {nat, 6, false}}, said},
		{"a stranger, once the SDP's is heard", true, append([]packet{{said, 1, true}}, four(nat, false)...), said},
		{"a second stranger", true, append(four(nat, true), four(nat2, false)...), nat},
		{"the same IP after a stranger", true, append(four(nat, true), four(port, true)...), port},
		{"the SDP's after a stranger", true, append(four(nat, true), packet{said, 7, true}, packet{nat, 6, false}), said},
		{"two strangers in turn", true, []packet{
			{nat, 1, false}, {nat2, 70, false}, {nat, 2, false}, {nat2, 71, false}, {nat, 3, false}, {nat2, 72, false}, {nat, 4, true}, {nat2, 73, false},
		}, nat},
	} {
		l := latch{learn: c.learn}
		l.start(said, false)
		for i, p := range c.packets {
			if got := l.accept(p.from, 1, p.seq, false); got != p.want {
				t.Errorf("%s: packet %d from %v: %v", c.name, i, p.from, got)
			}
		}
		if got, ok := l.target(); !ok || got != c.target {
			t.Errorf("%s: sends to %v", c.name, got)
		}
	}
}

func TestLatchOverAReinvite(t *testing.T) {
	said, moved, held := at("192.0.2.1:4000"), at("192.0.2.9:4000"), at("0.0.0.0:4000")
	l := latch{learn: true}
	l.start(said, false)
	l.accept(said, 1, 1, false)
	l.start(held, true)
	if !l.accept(said, 1, 2, false) {
		t.Error("a far end on hold is forgotten")
	}
	l.start(moved, true)
	if l.accept(said, 1, 3, false) || !l.accept(moved, 1, 4, false) {
		t.Error("a far end that moved is not followed")
	}
	l.start(held, false)
	if _, ok := l.target(); ok {
		t.Error("we would send to 0.0.0.0")
	}
}

func TestSourceCounts(t *testing.T) {
	for _, c := range []struct {
		name     string
		seqs     []uint16
		accepted int
		lost     uint64
	}{
		{"in sequence past the turn", []uint16{65534, 65535, 0, 1}, 4, 0},
		{"two lost", []uint16{1, 2, 5, 6}, 4, 2},
		{"late, not lost", []uint16{1, 3, 2, 4}, 4, 0},
		{"a repeat", []uint16{1, 2, 2, 1, 3}, 3, 0},
		{"before the first", []uint16{10, 9, 11}, 2, 0},
		{"far too late", []uint16{1, 2, 300, 2, 301}, 4, 297},
		{"a jump that two prove", []uint16{1, 2, 9000, 9001, 9002}, 4, 0},
		{"a jump that none proves", []uint16{1, 2, 9000, 3, 4}, 4, 0},
	} {
		var s source
		accepted := 0
		for _, seq := range c.seqs {
			if s.accept(1, seq) {
				accepted++
			}
		}
		if lost := s.lostBefore + s.lost(); accepted != c.accepted || lost != c.lost {
			t.Errorf("%s: %d accepted, %d lost", c.name, accepted, lost)
		}
	}
}

func TestSourceKeepsLossOverAnSSRCChange(t *testing.T) {
	var s source
	for _, seq := range []uint16{1, 4} {
		s.accept(1, seq)
	}
	s.accept(2, 1000)
	s.accept(2, 1002)
	if lost := s.lostBefore + s.lost(); lost != 3 {
		t.Errorf("%d lost", lost)
	}
}

func TestJitter(t *testing.T) {
	var s source
	now := time.Duration(0)
	for i := range uint32(400) {
		now += 20 * time.Millisecond
		late := time.Duration(i%2) * 10 * time.Millisecond
		s.time(i*160, 8000, now+late)
	}
	if d := s.delay(); d < 9*time.Millisecond || d > 11*time.Millisecond {
		t.Errorf("10 ms of jitter is %v", d)
	}
	s.time(1<<31, 8000, now)
	if d := s.delay(); d > 11*time.Millisecond {
		t.Errorf("a timestamp that jumps makes it %v", d)
	}
}

func TestReports(t *testing.T) {
	r, _ := frozen(t, config(1))
	p := open(t, r)
	alice := newPhone(t, "127.77.0.2", p.Addr())
	p.Start(plain(alice.addr()))
	_ = p.WritePacket(&media.Packet{Payload: []byte{1, 2}, SSRC: 5, Clock: 8000})
	p.in.source.accept(77, 1)
	p.in.source.accept(77, 3)
	now := time.Unix(100, 1<<29)
	for _, junk := range [][]byte{{}, {0x80}, {0x80, 200, 0, 0}, {0x80, 200, 0, 6, 0, 0, 0, 77}, make([]byte, 100), {0x81, 203, 0, 1, 0, 0, 0, 77}} {
		p.hearReport(junk, now)
	}
	if p.Life() != now || !p.in.report.at.IsZero() {
		t.Error("a BYE is no life, or junk is a report")
	}
	theirs, err := (&rtcp.SenderReport{SSRC: 77, NTPTime: 0x1111222233334444}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	p.hearReport(theirs, now)
	sr, ok := p.reports(now.Add(time.Second))[0].(*rtcp.SenderReport)
	if !ok || sr.PacketCount != 1 || sr.OctetCount != 2 || len(sr.Reports) != 1 {
		t.Fatalf("reported %+v", sr)
	}
	about := sr.Reports[0]
	if about.SSRC != 77 || about.TotalLost != 1 || about.FractionLost != 85 || about.LastSenderReport != 0x22223333 || about.Delay != 65536 {
		t.Errorf("about alice: %+v", about)
	}
	if _, ok := p.reports(now)[0].(*rtcp.ReceiverReport); !ok {
		t.Error("a sender report although nothing was sent since")
	}
	if b, err := rtcp.Marshal(p.reports(now)); err != nil || len(b)%4 != 0 {
		t.Errorf("cannot be sent: %v", err)
	}
}

func TestReportsAreExchanged(t *testing.T) {
	r, _ := frozen(t, config(2))
	a, b := open(t, r), open(t, r)
	a.Start(plain(b.Addr()))
	b.Start(plain(a.Addr()))
	a.exchangeReports(time.Now())
	until(t, "b hears a's report", func() bool {
		b.exchangeReports(time.Now())
		return !b.Life().IsZero()
	})
	if !b.Stats().Last.IsZero() {
		t.Error("a report counts as audio")
	}
}

func TestParseHeaders(t *testing.T) {
	full := []byte{0xb1, 0x80 | 8, 0, 9, 0, 0, 0, 7, 0, 0, 0, 5, 1, 1, 1, 1, 0xbe, 0xde, 0, 1, 2, 2, 2, 2, 42, 0, 2}
	h, payload, ok := parse(full)
	if !ok || h != (header{8, true, 9, 7, 5}) || len(payload) != 1 || payload[0] != 42 {
		t.Errorf("%+v, % x, %v", h, payload, ok)
	}
	for n := range headerSize + 12 {
		if _, _, ok := parse(full[:n]); ok && n < headerSize {
			t.Errorf("%d bytes are taken", n)
		}
	}
	for name, b := range map[string][]byte{
		"version 1":     append([]byte{0x40}, full[1:]...),
		"all padding":   {0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255},
		"no padding":    {0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		"half a CSRC":   {0x81, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1},
		"big extension": {0x90, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255},
		"too long":      append([]byte{0x80}, make([]byte, maxPacket)...),
	} {
		if _, _, ok := parse(b); ok {
			t.Errorf("%s is taken", name)
		}
	}
}

// FuzzReceive throws anything at an open port's machine.
func FuzzReceive(f *testing.F) {
	f.Add([]byte{0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 2, 3})
	f.Add([]byte{0xb1, 0xe5, 0, 9, 0, 0, 0, 7, 0, 0, 0, 5, 1, 1, 1, 1, 0xbe, 0xde, 0, 1, 2, 2, 2, 2, 42, 0, 2})
	f.Add([]byte{0x81, 200, 0, 6, 0, 0, 0, 77})
	f.Fuzz(func(t *testing.T, b []byte) {
		p := &Port{log: quiet(), began: time.Unix(0, 0)}
		n := plain(at("192.0.2.1:4000"))
		p.deal.Store(&n)
		p.in.latch.start(n.Remote, false)
		var packet media.Packet
		if p.receive(b, n.Remote, time.Unix(1, 0), &packet) {
			if len(packet.Payload) == 0 || len(packet.Payload) > len(b)-headerSize || packet.Event != (b[1]&0x7f == 101) {
				t.Fatalf("% x became %+v", b, packet)
			}
		}
		p.hearReport(b, time.Unix(2, 0))
		if p.in.received+p.in.rejected != 1 {
			t.Fatalf("counted %d and %d", p.in.received, p.in.rejected)
		}
	})
}
