package locate

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func (z *zone) locate(q Query) (Answer, error) {
	z.t.Helper()
	f := &Finder{Servers: []string{z.addr}}
	return f.Locate(z.t.Context(), q)
}

// found are the targets as text, in the order of a fixed lot.
func found(a Answer) string {
	var all []string
	for _, t := range a.Draw(rand.New(rand.NewPCG(1, 2)).IntN) {
		all = append(all, fmt.Sprintf("%s:%s(%s)", t.Transport, t.Addr, t.Name))
	}
	return strings.Join(all, " ")
}

var udp = []string{"udp"}

// RFC 3263 §4: which records lead to which targets.
func TestLocate(t *testing.T) {
	machines := []string{"a.example.org. 60 A 192.0.2.1", "b.example.org. 60 A 192.0.2.2", "b.example.org. 60 AAAA 2001:db8::2"}
	srv := []string{"_sip._udp.example.org. 60 SRV 10 0 5070 a.example.org.", "_sip._udp.example.org. 60 SRV 20 0 5080 b.example.org."}
	naptr := []string{`example.org. 60 NAPTR 10 10 "s" "SIPS+D2T" "" _sips._tcp.example.org.`, `example.org. 60 NAPTR 20 10 "S" "sip+d2u" "" other.example.org.`,
		`example.org. 60 NAPTR 20 20 "s" "SIP+D2T" "" _sip._tcp.example.org.`}
	for _, c := range []struct {
		name    string
		query   Query
		records [][]string
		want    string
	}{
		{"an address", Query{Host: "192.0.2.9", Transports: udp}, nil, "udp:192.0.2.9:5060(192.0.2.9)"},
		{"an address of IPv6 and a port", Query{Host: "2001:db8::9", Port: 5070, Transports: []string{"tls"}}, nil, "tls:[2001:db8::9]:5070(2001:db8::9)"},
		{"a name and a port: neither NAPTR nor SRV", Query{Host: "b.example.org", Port: 5099, Transports: udp}, [][]string{machines, srv},
			"udp:192.0.2.2:5099(b.example.org) udp:[2001:db8::2]:5099(b.example.org)"},
		{"a name with an address alone", Query{Host: "A.example.org", Transports: []string{"tls"}}, [][]string{machines}, "tls:192.0.2.1:5061(a.example.org)"},
		{"SRV, by priority", Query{Host: "example.org", Transports: udp}, [][]string{machines, srv},
			"udp:192.0.2.1:5070(a.example.org) udp:192.0.2.2:5080(b.example.org) udp:[2001:db8::2]:5080(b.example.org)"},
		{"SRV of another transport is none of ours", Query{Host: "example.org", Transports: []string{"tcp"}},
			[][]string{machines, srv, {"example.org. 60 A 192.0.2.7"}}, "tcp:192.0.2.7:5060(example.org)"},
		{"NAPTR names the SRV records", Query{Host: "example.org", Transports: udp},
			[][]string{machines, srv, naptr, {"other.example.org. 60 SRV 1 1 5090 b.example.org."}}, "udp:192.0.2.2:5090(b.example.org) udp:[2001:db8::2]:5090(b.example.org)"},
		{"NAPTR orders the transports", Query{Host: "example.org", Transports: []string{"tcp", "tls"}},
			[][]string{machines, naptr, {"_sips._tcp.example.org. 60 SRV 1 1 5061 a.example.org.", "_sip._tcp.example.org. 60 SRV 0 1 5060 a.example.org."}},
			"tls:192.0.2.1:5061(a.example.org) tcp:192.0.2.1:5060(a.example.org)"},
		{"NAPTR whose SRV records are missing", Query{Host: "example.org", Transports: udp}, [][]string{machines, srv[:1], naptr}, "udp:192.0.2.1:5070(a.example.org)"},
		{"NAPTR without use", Query{Host: "example.org", Transports: udp}, [][]string{machines, srv[:1], {`example.org. 60 NAPTR 1 1 "u" "SIP+D2U" "!^.*$!x!" .`}},
			"udp:192.0.2.1:5070(a.example.org)"},
		{"an alias on the way", Query{Host: "www.example.org", Transports: udp}, [][]string{machines, {"www.example.org. 60 CNAME x.example.org.", "x.example.org. 60 CNAME a.example.org."}},
			"udp:192.0.2.1:5060(www.example.org)"},
		{"a machine without an address is passed over", Query{Host: "example.org", Transports: udp},
			[][]string{machines, {"_sip._udp.example.org. 60 SRV 1 0 5060 lost.example.org."}, srv[:1]}, "udp:192.0.2.1:5070(a.example.org)"},
		{"addresses that nobody has", Query{Host: "c.example.org", Transports: udp},
			[][]string{{"c.example.org. 60 A 0.0.0.0", "c.example.org. 60 A 224.0.0.5", "c.example.org. 60 A 192.0.2.3"}}, "udp:192.0.2.3:5060(c.example.org)"},
		{"port 0", Query{Host: "example.org", Transports: udp}, [][]string{machines, {"_sip._udp.example.org. 60 SRV 1 0 0 b.example.org."}, srv[:1]}, "udp:192.0.2.1:5070(a.example.org)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var records []string
			for _, r := range c.records {
				records = append(records, r...)
			}
			z := serve(t, records...)
			a, err := z.locate(c.query)
			if got := found(a); err != nil || got != c.want {
				t.Errorf("found %s, %v; want %s", got, err, c.want)
			}
			if asked := z.questions(); c.query.Port != 0 && (strings.Contains(asked, "SRV") || strings.Contains(asked, "NAPTR")) {
				t.Errorf("asked %s", asked)
			}
		})
	}
}

// RFC 2782: within one priority the chance is the weight; weight 0 has a little.
func TestWeights(t *testing.T) {
	z := serve(t, "_sip._udp.w.org. 60 SRV 1 60 5060 a.w.org.", "_sip._udp.w.org. 60 SRV 1 30 5060 b.w.org.", "_sip._udp.w.org. 60 SRV 1 10 5060 c.w.org.",
		"_sip._udp.w.org. 60 SRV 1 0 5060 d.w.org.", "_sip._udp.w.org. 60 SRV 2 900 5060 e.w.org.",
		"a.w.org. 60 A 192.0.2.1", "b.w.org. 60 A 192.0.2.2", "c.w.org. 60 A 192.0.2.3", "d.w.org. 60 A 192.0.2.4", "e.w.org. 60 A 192.0.2.5")
	a, err := z.locate(Query{Host: "w.org", Transports: udp})
	if err != nil {
		t.Fatal(err)
	}
	lots, first, last := rand.New(rand.NewPCG(7, 7)), map[string]int{}, map[string]int{}
	const draws = 10000
	for range draws {
		all := a.Draw(lots.IntN)
		if len(all) != 5 {
			t.Fatalf("%d targets", len(all))
		}
		first[all[0].Name]++
		last[all[4].Name]++
	}
	for name, share := range map[string][2]int{"a.w.org": {56, 62}, "b.w.org": {27, 33}, "c.w.org": {8, 12}, "d.w.org": {0, 2}} {
		if n := first[name] * 100 / draws; n < share[0] || n > share[1] || first[name] == 0 {
			t.Errorf("%s was first %d times of %d", name, first[name], draws)
		}
	}
	if last["e.w.org"] != draws {
		t.Errorf("the lesser priority was last %d times", last["e.w.org"])
	}
}

// A time to live is the shortest of all records on the way.
func TestTimeToLive(t *testing.T) {
	z := serve(t, "_sip._udp.t.org. 900 SRV 1 1 5060 a.t.org.", "a.t.org. 700 CNAME b.t.org.", "b.t.org. 800 A 192.0.2.1")
	if a, err := z.locate(Query{Host: "t.org", Transports: udp}); err != nil || a.TTL != 700*time.Second {
		t.Errorf("TTL %s, %v", a.TTL, err)
	}
	if a, _ := z.locate(Query{Host: "192.0.2.1", Transports: udp}); a.TTL != 0 {
		t.Errorf("an address has a TTL of %s", a.TTL)
	}
}

// What has no answer is told from what is not there.
func TestNothingIsFound(t *testing.T) {
	z := serve(t, "empty.org. 60 TXT x", "_sip._udp.shut.org. 60 SRV 0 0 0 .", "shut.org. 60 A 192.0.2.1")
	for _, host := range []string{"nowhere.org", "empty.org", "shut.org", "a..b", strings.Repeat("x", 70) + ".org"} {
		if a, err := z.locate(Query{Host: host, Transports: udp}); !errors.Is(err, ErrNone) || len(a.Addrs()) > 0 {
			t.Errorf("%s: %v, %v", host, found(a), err)
		}
	}
	z.answers(func(m *dns.Msg, _ string) *dns.Msg { return new(dns.Msg).SetRcode(m, dns.RcodeServerFailure) })
	if _, err := z.locate(Query{Host: "nowhere.org", Transports: udp}); !errors.Is(err, ErrNoAnswer) || errors.Is(err, ErrNone) {
		t.Errorf("SERVFAIL: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	quiet := &Finder{exchange: func(ctx context.Context, _ *dns.Msg, _ string) (*dns.Msg, error) { <-ctx.Done(); return nil, ctx.Err() }}
	if _, err := quiet.Locate(ctx, Query{Host: "nowhere.org", Transports: udp}); !errors.Is(err, ErrNoAnswer) {
		t.Errorf("no answer: %v", err)
	}
}

// F16: with SRV out of reach the plain address is a guess, and said to be one;
// a resolver that knows no NAPTR does no harm.
func TestHalfAnOutage(t *testing.T) {
	z := serve(t, "_sip._udp.h.org. 60 SRV 1 1 5070 a.h.org.", "a.h.org. 60 A 192.0.2.1", "h.org. 60 A 192.0.2.2")
	q := Query{Host: "h.org", Transports: udp}
	z.refuses(dns.TypeSRV, dns.RcodeServerFailure)
	if a, err := z.locate(q); !errors.Is(err, ErrNoAnswer) || found(a) != "udp:192.0.2.2:5060(h.org)" {
		t.Errorf("without SRV: %s, %v", found(a), err)
	}
	z.refuses(dns.TypeNAPTR, dns.RcodeNotImplemented)
	if a, err := z.locate(q); err != nil || found(a) != "udp:192.0.2.1:5070(a.h.org)" {
		t.Errorf("without NAPTR: %s, %v", found(a), err)
	}
	z.refuses(dns.TypeAAAA, dns.RcodeServerFailure)
	if a, err := z.locate(q); err != nil || found(a) != "udp:192.0.2.1:5070(a.h.org)" {
		t.Errorf("without AAAA: %s, %v", found(a), err)
	}
}

// A resolver that does not work is passed over.
func TestSecondResolver(t *testing.T) {
	bad, z := serve(t), serve(t, "x.org. 60 A 192.0.2.1")
	bad.answers(func(m *dns.Msg, _ string) *dns.Msg { return new(dns.Msg).SetRcode(m, dns.RcodeRefused) })
	f := &Finder{Servers: []string{bad.addr, z.addr}}
	if a, err := f.Locate(t.Context(), Query{Host: "x.org", Transports: udp}); err != nil || found(a) != "udp:192.0.2.1:5060(x.org)" {
		t.Errorf("%s, %v", found(a), err)
	}
}
