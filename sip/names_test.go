package sip

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"roomline/signalling"
	"roomline/sip/locate"
)

// nameserver is a real DNS server on loopback that a test may change.
type nameserver struct {
	addr string

	mu      sync.Mutex
	records []dns.RR
	down    bool // no answer at all
	asked   int
}

func newNameserver(t *testing.T, records ...string) *nameserver {
	t.Helper()
	n := &nameserver{}
	n.say(t, records...)
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n.addr = c.LocalAddr().String()
	up, over := make(chan struct{}), make(chan struct{})
	s := &dns.Server{PacketConn: c, Handler: n, NotifyStartedFunc: func() { close(up) }}
	go func() { // ends with Shutdown; awaited in the clean-up
		defer close(over)
		s.ActivateAndServe()
	}()
	<-up
	t.Cleanup(func() {
		s.Shutdown()
		<-over
	})
	return n
}

func (n *nameserver) say(t *testing.T, records ...string) {
	t.Helper()
	var all []dns.RR
	for _, r := range records {
		rr, err := dns.NewRR(r)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, rr)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.records = all
}

func (n *nameserver) fail(down bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.down, n.asked = down, 0
}

func (n *nameserver) questions() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.asked
}

// ServeDNS implements dns.Handler.
func (n *nameserver) ServeDNS(w dns.ResponseWriter, m *dns.Msg) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked++
	if n.down {
		return
	}
	res := new(dns.Msg).SetReply(m)
	for _, rr := range n.records {
		if rr.Header().Rrtype == m.Question[0].Qtype && strings.EqualFold(rr.Header().Name, m.Question[0].Name) {
			res.Answer = append(res.Answer, rr)
		}
	}
	w.WriteMsg(res)
}

// newServedBed is a bed whose trunk has several machines, all on loopback, in
// this order; the bed is the first.
func newServedBed(t *testing.T, change func(*TrunkConfig, *timing), peers ...*peer) (*bed, *nameserver) {
	t.Helper()
	cfg, times := TrunkDefaults(), realTiming()
	cfg.Keepalive = 0
	cfg.Host, cfg.Numbers, cfg.Username, cfg.Password = "carrier.example", []string{"+4930555"}, "gw", "s3cret"
	change(&cfg, &times)
	var records []string
	for i, p := range peers {
		records = append(records, fmt.Sprintf("_sip._%s.carrier.example. 60 SRV %d 1 %d m%d.carrier.example.", cfg.Transport, i, p.addr().Port(), i),
			fmt.Sprintf("m%d.carrier.example. 60 A %s", i, p.addr().Addr()))
	}
	for i, r := range records {
		records[i] = strings.ReplaceAll(r, "_sip._tls", "_sips._tcp")
	}
	n := newNameserver(t, records...)
	b := &bed{peer: peers[0], board: &board{calls: make(chan signalling.Incoming, 10)}, ports: newPorts(t)}
	a, err := New(Config{Listen: []string{"udp://127.0.0.1:0", "tcp://127.0.0.1:0"}}, map[string]TrunkConfig{"carrier": cfg}, b.ports, b.board, nil, discard())
	if err != nil {
		t.Fatal(err)
	}
	a.timing, a.search = times, (&locate.Finder{Servers: []string{n.addr}}).Locate
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	b.agent, b.box = a, signalling.NewInbox("call", discard())
	for _, p := range peers {
		if l := a.listenerFor(cfg.Transport, p.addr().Addr()); l != nil {
			p.to = l.addr
		}
	}
	return b, n
}

func impatient(c *TrunkConfig, _ *timing) { c.ConnectTimeout = time.Second }

// remote is where the next request goes: the first target.
func (t *trunk) remote() (netip.AddrPort, *listener, bool) {
	all := t.targets()
	if len(all) == 0 {
		return netip.AddrPort{}, nil, false
	}
	return all[0].addr, all[0].listener, true
}
