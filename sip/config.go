package sip

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// Config is where this machine speaks SIP.
type Config struct {
	Listen    []string `yaml:"listen"`    // "udp://127.0.0.1:5060", "tls://[::1]:5061"; one for each of udp and tcp that a trunk uses
	Advertise string   `yaml:"advertise"` // IP address or name in Contact and Via when behind NAT; empty: the listening address
	TLS       TLS      `yaml:"tls"`       // for listen addresses of tls:// and wss://
	Product   string   `yaml:"-"`         // for User-Agent and Server, as "roomline/1.2"; empty: "roomline"

	// Read writes a number that a trunk names, within a call, as the rest of the
	// program knows it; nil: as the trunk does. Of a new call's numbers that is
	// the switchboard's to do.
	Read func(number string) string `yaml:"-"`
}

// Defaults listens on loopback alone, for both transports.
func Defaults() Config {
	return Config{Listen: []string{"udp://127.0.0.1:5060", "tcp://127.0.0.1:5060"}}
}

// Validate says which field cannot work and why.
func (c Config) Validate() error {
	var errs []error
	if len(c.Listen) == 0 {
		errs = append(errs, errors.New("listen: expected at least one address like udp://127.0.0.1:5060"))
	}
	for i, l := range c.Listen {
		if _, err := parseListen(l); err != nil {
			errs = append(errs, fmt.Errorf("listen[%d]: %w", i, err))
		}
	}
	if strings.ContainsFunc(c.Advertise, notHost) {
		errs = append(errs, fmt.Errorf("advertise: expected an IP address or a host name without port, found %q", c.Advertise))
	}
	return errors.Join(append(errs, c.TLS.validate(c.Listen))...)
}

func notHost(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(".-:", r))
}

// listenAddr is one entry of Config.Listen.
type listenAddr struct {
	network string // the transport: "udp", "tcp", "tls" …
	addr    netip.AddrPort
}

// row is the address's transport.
func (l listenAddr) row() transportRow {
	row, _ := transportOf(l.network)
	return row
}

func (l listenAddr) String() string { return l.network + "://" + l.addr.String() }

func parseListen(s string) (listenAddr, error) {
	u, err := url.Parse(s)
	if err != nil || Network(u.Scheme) == "" || strings.Trim(u.Path, "/") != "" {
		return listenAddr{}, fmt.Errorf("expected udp://ADDRESS:PORT, or tcp, tls, ws or wss, found %q", s)
	}
	addr, err := netip.ParseAddrPort(u.Host)
	if err != nil {
		return listenAddr{}, fmt.Errorf("expected an IP address and a port, found %q", u.Host)
	}
	return listenAddr{u.Scheme, addr}, nil
}

// splitHost parts "host[:port]"; the port is 0 where none is given.
func splitHost(s string) (host string, port uint16, err error) {
	wrong := fmt.Errorf("expected a name or an address, with an optional port, found %q", s)
	host = s
	if addr, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return addr.String(), 0, nil
	}
	if h, p, err := net.SplitHostPort(s); err == nil {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			return "", 0, wrong
		}
		host, port = h, uint16(n)
	}
	if host == "" || strings.ContainsFunc(host, notHost) {
		return "", 0, wrong
	}
	return host, port, nil
}
