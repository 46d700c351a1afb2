// Package locate turns the name of a SIP trunk into the addresses to try, in their order (RFC 3263).
package locate

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// The bounds of what one name may cost, whatever its owner writes in the DNS.
const (
	maxTargets  = 16 // to be tried
	maxServices = 8  // NAPTR records that are looked at
	maxServers  = 16 // SRV records that are looked at
	maxAddrs    = 8  // of one machine, of each family
	maxAliases  = 8  // CNAMEs in a row
)

var (
	// ErrNone is what nobody has: the DNS knows of no such server.
	ErrNone = errors.New("no such server")
	// ErrNoAnswer tells that the DNS could not be asked, so nothing is known.
	ErrNoAnswer = errors.New("no answer of the DNS")
)

// Query is what is configured of a trunk.
type Query struct {
	Host       string   // name or address
	Port       uint16   // 0: none is configured
	Transports []string // "udp", "tcp", "tls", "ws", "wss": those that may be used, the best first; not empty
}

// Target is where a request may go.
type Target struct {
	Transport string
	Addr      netip.AddrPort
	Name      string // of the machine, in lower case; an address where there is no name
	Tier      int    // those of one transport and priority share it; set by Draw
}

// Answer is what the DNS said. It is never changed.
type Answer struct {
	TTL     time.Duration // how long it may be believed; 0: for ever
	servers []server
}

// server is a machine that takes requests.
type server struct {
	name             string
	transport        string
	port             uint16
	rank             int // of the transport: that of the lowest rank goes first
	priority, weight uint16
	addrs            []netip.Addr
}

// At is the answer for a trunk whose addresses are known.
func At(name, transport string, port uint16, addrs ...netip.Addr) Answer {
	return Answer{servers: []server{{name: name, transport: transport, port: port, addrs: addrs}}}
}

// Addrs are all addresses in the answer.
func (a Answer) Addrs() []netip.Addr {
	var all []netip.Addr
	for _, s := range a.servers {
		all = append(all, s.addrs...)
	}
	return all
}

// Of are the targets on one machine, by its name.
func (a Answer) Of(name string) []Target {
	var all []Target
	for _, s := range a.servers {
		if strings.EqualFold(s.name, name) {
			all = append(all, s.targets()...)
		}
	}
	return all
}

func (s server) targets() []Target {
	var all []Target
	for _, addr := range s.addrs {
		all = append(all, Target{Transport: s.transport, Addr: netip.AddrPortFrom(addr, s.port), Name: s.name})
	}
	return all
}

// Locate finds a trunk's servers. The name's own addresses are asked for at the
// same time as its servers: where nothing answers questions for those, as many a
// router at home, all the time would be gone before its turn came. An error beside an answer says that a part of
// the DNS could not be asked: the answer is a guess, worse than an older one.
func (f *Finder) Locate(ctx context.Context, q Query) (Answer, error) {
	if addr, err := netip.ParseAddr(q.Host); err == nil { // RFC 3263 §4.2: a numeric address is the target
		addr = addr.Unmap()
		return At(addr.String(), q.Transports[0], q.port(), addr), nil
	}
	conf := f.conf()
	plain := &lookup{finder: f, conf: conf}
	if q.Port != 0 { // RFC 3263 §4.1, §4.2: with a port, neither NAPTR nor SRV
		a, err := plain.plain(ctx, q)
		return plain.done(a), err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var a Answer
	var err error
	var wg sync.WaitGroup
	wg.Go(func() { a, err = plain.plain(ctx, q) }) // ends with ctx at the latest; awaited below
	named := &lookup{finder: f, conf: conf}
	servers, srvErr := named.servers(ctx, q)
	if len(servers) > 0 || errors.Is(srvErr, errDenied) {
		stop()
	}
	wg.Wait()
	switch {
	case len(servers) > 0:
		return named.done(Answer{servers: servers}), nil
	case errors.Is(srvErr, errDenied):
		return Answer{}, fmt.Errorf("%s over %s: %w", q.Host, strings.Join(q.Transports, ", "), srvErr)
	case err == nil && errors.Is(srvErr, ErrNoAnswer):
		err = fmt.Errorf("servers of %s: %w", q.Host, srvErr)
	}
	return plain.done(a), err
}

// plain are the addresses of the name itself (RFC 3263 §4.2).
func (l *lookup) plain(ctx context.Context, q Query) (Answer, error) {
	addrs, err := l.addrs(ctx, q.Host, true)
	if err != nil {
		return Answer{}, fmt.Errorf("addresses of %s: %w", q.Host, err)
	}
	return At(strings.ToLower(q.Host), q.Transports[0], q.port(), addrs...), nil
}

// done adds for how long the answer holds.
func (l *lookup) done(a Answer) Answer {
	l.mu.Lock()
	defer l.mu.Unlock()
	a.TTL = max(l.ttl, time.Second)
	return a
}

// port is the one to use where SRV says nothing.
func (q Query) port() uint16 {
	if q.Port != 0 {
		return q.Port
	}
	return defaultPort(q.Transports[0])
}

// defaultPort is a transport's (RFC 3261 §19.1.2, RFC 7118 §5.2).
func defaultPort(transport string) uint16 {
	switch transport {
	case "tls":
		return 5061
	case "ws":
		return 80
	case "wss":
		return 443
	}
	return 5060
}

// fqdn makes a name absolute, and tells whether it is one that can be asked for.
func fqdn(name string) (string, bool) {
	name = strings.ToLower(dns.Fqdn(name))
	_, ok := dns.IsDomainName(name)
	return name, ok && name != "." && !slices.Contains(dns.SplitDomainName(name), "")
}
