package locate

import (
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// zone is a real DNS server on loopback, over UDP and TCP.
type zone struct {
	t       *testing.T
	addr    string
	records []dns.RR

	mu     sync.Mutex
	answer func(m *dns.Msg, network string) *dns.Msg // nil, or no message: as the records say
	asked  []string                                  // "udp SRV _sip._udp.example.org."
}

func serve(t *testing.T, records ...string) *zone {
	t.Helper()
	z := &zone{t: t}
	for _, r := range records {
		rr, err := dns.NewRR(r)
		if err != nil {
			t.Fatal(err)
		}
		z.records = append(z.records, rr)
	}
	packets, streams := sockets(t)
	z.addr = packets.LocalAddr().String()
	for _, s := range []*dns.Server{{PacketConn: packets, Handler: z}, {Listener: streams, Handler: z}} {
		up, down := make(chan struct{}), make(chan struct{})
		s.NotifyStartedFunc = func() { close(up) }
		go func() { defer close(down); s.ActivateAndServe() }() // ends with Shutdown; awaited below
		<-up
		t.Cleanup(func() { s.Shutdown(); <-down })
	}
	return z
}

// sockets are of both kinds, on one port.
func sockets(t *testing.T) (net.PacketConn, net.Listener) {
	for range 50 {
		p, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if l, err := net.Listen("tcp4", p.LocalAddr().String()); err == nil {
			return p, l
		}
		p.Close()
	}
	t.Fatal("no port is free for both")
	return nil, nil
}

// ServeDNS implements dns.Handler.
func (z *zone) ServeDNS(w dns.ResponseWriter, m *dns.Msg) {
	q, network := m.Question[0], w.LocalAddr().Network()
	z.mu.Lock()
	z.asked = append(z.asked, network+" "+dns.TypeToString[q.Qtype]+" "+q.Name)
	answer := z.answer
	z.mu.Unlock()
	var res *dns.Msg
	if answer != nil {
		res = answer(m, network)
	}
	if res == nil {
		res = z.look(m)
	}
	if network == "udp" {
		res.Truncate(payload)
	}
	w.WriteMsg(res)
}

// look answers from the records, by way of aliases, as a resolver does.
func (z *zone) look(m *dns.Msg) *dns.Msg {
	res, q := new(dns.Msg), m.Question[0]
	res.SetRcode(m, dns.RcodeNameError)
	for name, again := q.Name, true; again; {
		again = false
		for _, rr := range z.records {
			h := rr.Header()
			if !strings.EqualFold(h.Name, name) {
				continue
			}
			res.Rcode = dns.RcodeSuccess
			if c, ok := rr.(*dns.CNAME); ok && len(res.Answer) < 20 {
				name, again = c.Target, true
				res.Answer = append(res.Answer, rr)
			} else if h.Rrtype == q.Qtype {
				res.Answer = append(res.Answer, rr)
			}
		}
	}
	return res
}

func (z *zone) answers(f func(m *dns.Msg, network string) *dns.Msg) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.answer = f
}

// refuses makes the zone answer questions of one kind with a code.
func (z *zone) refuses(kind uint16, code int) {
	z.answers(func(m *dns.Msg, _ string) *dns.Msg {
		if m.Question[0].Qtype != kind {
			return nil
		}
		return new(dns.Msg).SetRcode(m, code)
	})
}

func (z *zone) questions() string {
	z.mu.Lock()
	defer z.mu.Unlock()
	return strings.Join(z.asked, ", ")
}
