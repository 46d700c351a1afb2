// Package turn relays media for clients behind NAT, for callers who hold a
// fresh credential, and never into private networks.
//
// What a client may ask for is bounded by its credential's life and the port
// range alone. Quotas and bit rates per user, the binding of an allocation to
// the user who made it, a budget for unauthenticated answers, the refusal of
// attributes that the library ignores, and recovery from a panic in its parser
// are the business of a guard before these listeners, which is not there yet:
// until it is, the relay belongs on a network of known clients.
package turn

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	pion "github.com/pion/turn/v3"
)

// Relay is a TURN server (RFC 8656) on one UDP and one TCP port.
type Relay struct {
	addr   netip.AddrPort
	server *pion.Server
	tcp    *listener
	once   sync.Once
	err    error
}

// New opens both ports and serves until Close.
func New(cfg Config, log *slog.Logger) (*Relay, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	udp, tcp, err := open(cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("open the TURN port: %w", err)
	}
	r := &Relay{addr: udp.LocalAddr().(*net.UDPAddr).AddrPort(), tcp: newListener(tcp)}
	r.server, err = pion.NewServer(pion.ServerConfig{
		Realm: cfg.Realm, LoggerFactory: pionLog{log}, AuthHandler: authenticator(Secret{cfg.Secret}, log),
		PacketConnConfigs: []pion.PacketConnConfig{{
			PacketConn: udp, RelayAddressGenerator: cfg.ports(), PermissionHandler: cfg.gate(log),
		}},
		ListenerConfigs: []pion.ListenerConfig{{
			Listener: r.tcp, RelayAddressGenerator: cfg.ports(), PermissionHandler: cfg.gate(log),
		}},
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the TURN server: %w", err), udp.Close(), r.tcp.Close())
	}
	return r, nil
}

// Addr is where clients reach the relay, by UDP and TCP.
func (r *Relay) Addr() netip.AddrPort { return r.addr }

// Close closes the ports, every client's connection and every allocation. The
// library's goroutines end with their sockets. It may be called twice.
func (r *Relay) Close() error {
	r.once.Do(func() { r.err = r.server.Close() })
	return r.err
}

// open binds UDP and TCP to the same port, also where any one will do.
func open(at string) (net.PacketConn, net.Listener, error) {
	want := netip.MustParseAddrPort(at)
	var errs []error
	for range 10 {
		udp, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(want))
		if err != nil {
			return nil, nil, err
		}
		tcp, err := net.Listen("tcp", udp.LocalAddr().String())
		if err == nil {
			return udp, tcp, nil
		}
		errs = append(errs, err, udp.Close())
		if want.Port() != 0 {
			break
		}
	}
	return nil, nil, errors.Join(errs...)
}

// ports gives relays their sockets.
func (c Config) ports() pion.RelayAddressGenerator {
	return &pion.RelayAddressGeneratorPortRange{
		RelayAddress: c.told(), Address: c.RelayAddress, MinPort: uint16(c.LowPort), MaxPort: uint16(c.HighPort),
	}
}

// authenticator admits a fresh username; the library then checks the message
// against the key. It is asked at every request, so that an allocation cannot
// be refreshed beyond its credential either.
func authenticator(s Secret, log *slog.Logger) pion.AuthHandler {
	return func(username, realm string, from net.Addr) ([]byte, bool) {
		password, ok := s.fresh(username, time.Now())
		if !ok {
			log.Debug("TURN credential refused", "from", from.String())
			return nil, false
		}
		return pion.GenerateAuthKey(username, realm, password), true
	}
}

// gate refuses peers that a client must not reach, for CreatePermission and
// ChannelBind alike (RFC 8656 §9 and §11: 403).
func (c Config) gate(log *slog.Logger) pion.PermissionHandler {
	return func(client net.Addr, peer net.IP) bool {
		ip, _ := netip.AddrFromSlice(peer)
		ok := c.permits(ip)
		if !ok {
			log.Debug("TURN peer refused", "from", client.String(), "peer", ip.String())
		}
		return ok
	}
}
