package locate

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

const (
	payload = 1232                    // of an answer over UDP, which no path breaks up
	perTry  = 1200 * time.Millisecond // for one server's answer
	rounds  = 2                       // through all servers
	resolv  = "/etc/resolv.conf"
)

// Finder asks the DNS.
type Finder struct {
	Servers []string // "address:port" of resolvers; none: those of this machine

	exchange func(ctx context.Context, m *dns.Msg, server string) (*dns.Msg, error) // of tests; nil: the network
}

// conf is read anew for each lookup: networks change.
func (f *Finder) conf() *dns.ClientConfig {
	if len(f.Servers) > 0 {
		return &dns.ClientConfig{Ndots: 1}
	}
	conf, err := dns.ClientConfigFromFile(resolv)
	if err != nil || len(conf.Servers) == 0 {
		return &dns.ClientConfig{Servers: []string{"127.0.0.1"}, Port: "53", Ndots: 1} // resolv.conf(5)
	}
	conf.Servers, conf.Search = conf.Servers[:min(len(conf.Servers), 3)], conf.Search[:min(len(conf.Search), 6)]
	return conf
}

// lookup is one search through the DNS.
type lookup struct {
	finder *Finder
	conf   *dns.ClientConfig

	mu  sync.Mutex
	ttl time.Duration // the shortest of all records that were used
}

// ask finds a name's records of one type, by way of its aliases. The error is
// ErrNone where there are none, ErrNoAnswer where nobody could say.
func (l *lookup) ask(ctx context.Context, name string, kind uint16) ([]dns.RR, error) {
	for aliases := 0; aliases <= maxAliases; {
		res, err := l.query(ctx, name, kind)
		if err != nil {
			return nil, err
		}
		l.spend(res.Answer)
		records, last, n := sift(res.Answer, name, kind, maxAliases-aliases)
		if len(records) > 0 {
			return records, nil
		}
		if n == 0 {
			return nil, ErrNone
		}
		name, aliases = last, aliases+n
	}
	return nil, fmt.Errorf("%w: too many aliases", ErrNone)
}

// sift picks from an answer what was asked for: the records of the name, or of
// the last of its at most most aliases. All else in it is not believed.
func sift(answer []dns.RR, name string, kind uint16, most int) (found []dns.RR, last string, aliases int) {
	for {
		alias := ""
		for _, rr := range answer {
			h := rr.Header()
			if h.Class != dns.ClassINET || !strings.EqualFold(h.Name, name) {
				continue
			}
			if c, ok := rr.(*dns.CNAME); ok {
				alias = c.Target
			} else if h.Rrtype == kind {
				found = append(found, rr)
			}
		}
		next, ok := fqdn(alias)
		if len(found) > 0 || !ok || aliases > most {
			return found, name, aliases
		}
		name, aliases = next, aliases+1
	}
}

// spend takes the shortest life of records and aliases.
func (l *lookup) spend(records []dns.RR) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, rr := range records {
		if ttl := max(time.Duration(rr.Header().Ttl)*time.Second, time.Second); l.ttl == 0 || ttl < l.ttl {
			l.ttl = ttl
		}
	}
}

// query asks one resolver after the other.
func (l *lookup) query(ctx context.Context, name string, kind uint16) (*dns.Msg, error) {
	servers := l.finder.Servers
	if len(servers) == 0 {
		for _, s := range l.conf.Servers {
			servers = append(servers, net.JoinHostPort(s, l.conf.Port))
		}
	}
	var errs []error
	for range rounds {
		for _, s := range servers {
			res, err := l.try(ctx, name, kind, s)
			switch {
			case err != nil:
				errs = append(errs, err)
			case res.Rcode == dns.RcodeSuccess:
				return res, nil
			case res.Rcode == dns.RcodeNameError:
				return nil, ErrNone
			default:
				errs = append(errs, errors.New(dns.RcodeToString[res.Rcode]))
			}
			if ctx.Err() != nil {
				return nil, fmt.Errorf("%w: %w", ErrNoAnswer, errors.Join(errs...))
			}
		}
	}
	return nil, fmt.Errorf("%w: %w", ErrNoAnswer, errors.Join(errs...))
}

// try asks one resolver, over TCP where the answer is too large for UDP.
func (l *lookup) try(ctx context.Context, name string, kind uint16, server string) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, perTry)
	defer cancel()
	if l.finder.exchange != nil {
		return l.finder.exchange(ctx, question(name, kind), server)
	}
	var res *dns.Msg
	for _, network := range [...]string{"udp", "tcp"} {
		m := question(name, kind)
		client := dns.Client{Net: network, Timeout: perTry}
		var err error
		if res, _, err = client.ExchangeContext(ctx, m, server); err != nil {
			return nil, err
		}
		if !res.Response || len(res.Question) != 1 || res.Question[0].Qtype != kind || !strings.EqualFold(res.Question[0].Name, name) {
			return nil, errors.New("an answer to another question")
		}
		if !res.Truncated {
			break
		}
	}
	return res, nil
}

func question(name string, kind uint16) *dns.Msg {
	m := new(dns.Msg)
	m.SetQuestion(name, kind)
	m.SetEdns0(payload, false)
	return m
}
