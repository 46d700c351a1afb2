package locate

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// An answer that does not fit into a datagram is fetched over TCP.
func TestTruncated(t *testing.T) {
	z := serve(t, "_sip._udp.big.org. 60 SRV 1 1 5070 a.big.org.", "a.big.org. 60 A 192.0.2.1")
	z.answers(func(m *dns.Msg, network string) *dns.Msg {
		if network != "udp" || m.Question[0].Qtype != dns.TypeSRV {
			return nil
		}
		res := new(dns.Msg).SetReply(m)
		res.Truncated = true
		return res
	})
	a, err := z.locate(Query{Host: "big.org", Transports: udp})
	if err != nil || found(a) != "udp:192.0.2.1:5070(a.big.org)" || !strings.Contains(z.questions(), "tcp SRV") {
		t.Errorf("%s, %v; asked %s", found(a), err, z.questions())
	}
}

// However much the owner of a name writes, it stays within bounds.
func TestBounds(t *testing.T) {
	var records []string
	for i := range 100 {
		records = append(records, fmt.Sprintf("_sip._udp.many.org. 60 SRV %d 1 5060 m%d.many.org.", i, i))
		for k := range 20 {
			records = append(records, fmt.Sprintf("m%d.many.org. 60 A 10.%d.%d.1", i, i, k), fmt.Sprintf("m%d.many.org. 60 AAAA 2001:db8::%d:%d", i, i, k))
		}
		records = append(records, fmt.Sprintf(`many.org. 60 NAPTR %d 1 "s" "SIP+D2U" "" n%d.many.org.`, i, i))
	}
	z := serve(t, records...)
	a, err := z.locate(Query{Host: "many.org", Transports: udp})
	if n := len(a.Draw(func(int) int { return 0 })); err != nil || n != maxTargets {
		t.Errorf("%d targets, %v", n, err)
	}
	if n := len(a.Addrs()); n > maxServers*maxAddrs*2 {
		t.Errorf("%d addresses", n)
	}
	if n := len(strings.Split(z.questions(), ", ")); n > 2*(1+maxServices+1+2*maxServers) { // some of them over TCP again
		t.Errorf("%d questions", n)
	}
}

// Aliases that lead in a circle, or on and on, end.
func TestAliases(t *testing.T) {
	z := serve(t, "a.loop.org. 60 CNAME b.loop.org.", "b.loop.org. 60 CNAME a.loop.org.", "self.org. 60 CNAME self.org.")
	for _, host := range []string{"a.loop.org", "self.org"} {
		if a, err := z.locate(Query{Host: host, Port: 5060, Transports: udp}); !errors.Is(err, ErrNone) {
			t.Errorf("%s: %s, %v", host, found(a), err)
		}
	}
	n := 0 // each answer names one more alias, and nothing behind it
	endless := &Finder{exchange: func(_ context.Context, m *dns.Msg, _ string) (*dns.Msg, error) {
		n++
		res := new(dns.Msg).SetReply(m)
		rr, err := dns.NewRR(m.Question[0].Name + " 60 CNAME x" + m.Question[0].Name)
		res.Answer = []dns.RR{rr}
		return res, err
	}}
	if a, err := (&lookup{finder: endless, conf: endless.conf()}).ask(t.Context(), "e.org.", dns.TypeA); !errors.Is(err, ErrNone) || n > maxAliases+1 {
		t.Errorf("%v, %v after %d questions", a, err, n)
	}
}

// What was not asked for is not believed.
func TestUnaskedRecords(t *testing.T) {
	z := serve(t)
	z.answers(func(m *dns.Msg, _ string) *dns.Msg {
		res := new(dns.Msg).SetReply(m)
		for _, r := range []string{"evil.org. 60 A 192.0.2.66", "x.org. 60 TXT 192.0.2.66", "x.org. 60 CH A 192.0.2.66"} {
			if rr, err := dns.NewRR(r); err == nil {
				res.Answer = append(res.Answer, rr)
			}
		}
		res.Extra = append(res.Extra, &dns.A{Hdr: dns.RR_Header{Name: "x.org.", Rrtype: dns.TypeA, Class: dns.ClassINET}, A: []byte{192, 0, 2, 66}})
		return res
	})
	if a, err := z.locate(Query{Host: "x.org", Transports: udp}); !errors.Is(err, ErrNone) {
		t.Errorf("%s, %v", found(a), err)
	}
	z.answers(func(m *dns.Msg, _ string) *dns.Msg { // to another question
		res := new(dns.Msg).SetReply(m)
		res.Question[0].Name = "evil.org."
		res.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: "x.org.", Rrtype: dns.TypeA, Class: dns.ClassINET}, A: []byte{192, 0, 2, 66}}}
		return res
	})
	if a, err := z.locate(Query{Host: "x.org", Port: 5060, Transports: udp}); !errors.Is(err, ErrNoAnswer) {
		t.Errorf("%s, %v", found(a), err)
	}
}

// A router that keeps silent about types that it does not know hides no addresses.
func TestResolverThatKnowsAddressesOnly(t *testing.T) {
	all, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	var left atomic.Int32
	left.Store(2)
	f := &Finder{exchange: func(ctx context.Context, m *dns.Msg, _ string) (*dns.Msg, error) {
		res, err := new(dns.Msg).SetReply(m), ctx.Err()
		switch m.Question[0].Qtype {
		case dns.TypeNAPTR, dns.TypeSRV:
			<-all.Done()
			return nil, all.Err()
		case dns.TypeA:
			res.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: "home.org.", Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 60}, A: []byte{192, 0, 2, 1}}}
		}
		if left.Add(-1) == 0 { // both families are known: so long it may take, and no longer
			cancel()
		}
		return res, err
	}}
	a, err := f.Locate(all, Query{Host: "home.org", Transports: udp})
	if !errors.Is(err, ErrNoAnswer) || found(a) != "udp:192.0.2.1:5060(home.org)" {
		t.Errorf("%s, %v", found(a), err)
	}
}

// S10: while nobody can say where a trunk is, it is not taken for a machine of
// our own domain that is called the same.
func TestSearchListIsNoSubstitute(t *testing.T) {
	z := serve(t, "sip.carrier.org.corp.org. 60 A 192.0.2.66", "pbx.corp.org. 60 A 192.0.2.2")
	z.answers(func(m *dns.Msg, _ string) *dns.Msg {
		if m.Question[0].Name != "sip.carrier.org." {
			return nil
		}
		return new(dns.Msg).SetRcode(m, dns.RcodeServerFailure)
	})
	l := &lookup{finder: &Finder{Servers: []string{z.addr}}, conf: &dns.ClientConfig{Search: []string{"corp.org"}, Ndots: 1}}
	if addrs, err := l.addrs(t.Context(), "sip.carrier.org", true); !errors.Is(err, ErrNoAnswer) || len(addrs) > 0 {
		t.Errorf("%v, %v", addrs, err)
	}
	if addrs, err := l.addrs(t.Context(), "pbx", true); err != nil || len(addrs) != 1 {
		t.Errorf("%v, %v", addrs, err)
	}
}

// Whatever a resolver answers, there is an end, within bounds.
func FuzzLocate(f *testing.F) {
	for _, records := range [][]string{
		{"_sip._udp.f.org. 60 SRV 1 1 5060 f.org.", "f.org. 60 A 192.0.2.1", "f.org. 60 AAAA 2001:db8::1"},
		{`f.org. 60 NAPTR 1 1 "s" "SIP+D2U" "" _sip._udp.f.org.`, "_sip._udp.f.org. 0 SRV 1 0 0 ."}, {"f.org. 60 CNAME f.org."},
	} {
		m := new(dns.Msg)
		for _, r := range records {
			rr, err := dns.NewRR(r)
			if err != nil {
				f.Fatal(err)
			}
			m.Answer = append(m.Answer, rr)
		}
		b, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, uint16(1))
	}
	f.Fuzz(func(t *testing.T, b []byte, lot uint16) {
		finder := &Finder{Servers: []string{"x"}, exchange: func(context.Context, *dns.Msg, string) (*dns.Msg, error) {
			m := new(dns.Msg)
			return m, m.Unpack(b)
		}}
		a, err := finder.Locate(t.Context(), Query{Host: "f.org", Transports: []string{"udp", "tls"}})
		all := a.Draw(func(n int) int { return int(lot) % n })
		if len(all) > maxTargets || err == nil && len(all) == 0 {
			t.Fatalf("%d targets, %v", len(all), err)
		}
		for _, target := range all {
			if !target.Addr.IsValid() || target.Addr.Port() == 0 || target.Addr.Addr().IsUnspecified() {
				t.Fatalf("target %v", target)
			}
		}
	})
}
