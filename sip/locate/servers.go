package locate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/miekg/dns"
)

// errDenied is a target of ".": the owner says that there is no such server.
var errDenied = fmt.Errorf("%w: the service is decidedly not there", ErrNone)

// service is the name under which a transport's servers stand.
type service struct {
	transport string
	name      string // of SRV records
}

// protocols are the services of NAPTR (RFC 3263 §4.1, RFC 7118 §5.5), and where
// a transport's SRV records are without one.
var protocols = []struct{ transport, naptr, prefix string }{
	{"udp", "SIP+D2U", "_sip._udp."}, {"tcp", "SIP+D2T", "_sip._tcp."}, {"tls", "SIPS+D2T", "_sips._tcp."},
	{"ws", "SIP+D2W", "_sip._ws."}, {"wss", "SIPS+D2W", "_sips._ws."},
}

// servers are those that NAPTR and SRV name. Nothing and no error: there are no
// such records.
func (l *lookup) servers(ctx context.Context, q Query) ([]server, error) {
	host, ok := fqdn(q.Host)
	if !ok || dns.CountLabel(host) < 2 { // a machine next door
		return nil, nil
	}
	found, err := l.ranked(ctx, l.named(ctx, host, q.Transports))
	if len(found) == 0 && (err == nil || errors.Is(err, ErrNone)) && !errors.Is(err, errDenied) {
		var usual []service // RFC 3263 §4.1: no NAPTR of use
		for _, t := range q.Transports {
			for _, p := range protocols {
				if p.transport == t {
					usual = append(usual, service{t, p.prefix + host})
				}
			}
		}
		found, err = l.ranked(ctx, usual)
	}
	return found, err
}

// named asks NAPTR for services. A DNS that cannot say has none: many a router
// at home does not know the type.
func (l *lookup) named(ctx context.Context, host string, transports []string) []service {
	records, _ := l.ask(ctx, host, dns.TypeNAPTR)
	var all []*dns.NAPTR
	for _, rr := range records[:min(len(records), maxServices)] {
		all = append(all, rr.(*dns.NAPTR))
	}
	slices.SortStableFunc(all, func(a, b *dns.NAPTR) int {
		return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.Preference, b.Preference))
	})
	var found []service
	for _, n := range all {
		for _, p := range protocols {
			name, ok := fqdn(n.Replacement)
			if ok && strings.EqualFold(n.Service, p.naptr) && strings.EqualFold(n.Flags, "s") && n.Regexp == "" && slices.Contains(transports, p.transport) {
				found = append(found, service{p.transport, name})
			}
		}
	}
	return found
}

// ranked are the servers of all services, those of the first at the front.
func (l *lookup) ranked(ctx context.Context, services []service) ([]server, error) {
	var all []server
	var errs []error
	for i, s := range services {
		found, err := l.srv(ctx, s)
		for k := range found {
			found[k].rank = i
		}
		all, errs = append(all, found...), append(errs, err)
	}
	return all[:min(len(all), maxServers)], errors.Join(errs...)
}

// srv asks for a service's machines, and where they are.
func (l *lookup) srv(ctx context.Context, of service) ([]server, error) {
	records, err := l.ask(ctx, of.name, dns.TypeSRV)
	var all []server
	for _, rr := range records {
		r := rr.(*dns.SRV)
		if r.Target == "." { // RFC 2782
			err = errDenied
		} else if name, ok := fqdn(r.Target); ok && r.Port != 0 {
			all = append(all, server{name: strings.TrimSuffix(name, "."), transport: of.transport, port: r.Port, priority: r.Priority, weight: r.Weight})
		}
	}
	slices.SortStableFunc(all, func(a, b server) int { return cmp.Compare(a.priority, b.priority) })
	all = all[:min(len(all), maxServers)]
	if len(all) == 0 {
		return nil, err
	}
	return l.placed(ctx, all)
}

// placed finds the addresses of all machines at once, and drops those without.
func (l *lookup) placed(ctx context.Context, all []server) ([]server, error) {
	var wg sync.WaitGroup
	errs := make([]error, len(all))
	for i := range all {
		wg.Go(func() { // ends with ctx at the latest; awaited below
			all[i].addrs, errs[i] = l.addrs(ctx, all[i].name, false)
		})
	}
	wg.Wait()
	all = slices.DeleteFunc(all, func(s server) bool { return len(s.addrs) == 0 })
	if len(all) == 0 {
		return nil, errors.Join(errs...)
	}
	return all, nil
}
