package turn

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"roomline/internal/secret"
)

// Config says where clients reach the relay, where it relays from, and to whom.
type Config struct {
	// Listen is the address and port for clients, UDP and TCP alike.
	Listen string `yaml:"listen"`
	// Realm is told to clients (RFC 8489 §9.2); it names the service.
	Realm string `yaml:"realm"`
	// RelayAddress is the IPv4 address of this machine that relays use.
	RelayAddress string `yaml:"relay_address"`
	// PublicIP is told to clients in place of RelayAddress where a NAT maps one
	// to the other (1:1, same ports).
	PublicIP string `yaml:"public_ip"`
	// Secret is shared with the homeserver, which makes credentials of it.
	Secret secret.Value `yaml:"secret"`
	// LowPort and HighPort bound the UDP ports of relays, both included.
	LowPort  int `yaml:"low_port"`
	HighPort int `yaml:"high_port"`
	// AllowPeers may be relayed to although they are loopback, private or
	// link-local: the gateway's own media address, as a rule.
	AllowPeers []netip.Prefix `yaml:"allow_peers"`
}

// shortest is the fewest characters of a shared secret worth the name.
const shortest = 16

// Validate reports every mistake at once.
func (c Config) Validate() error {
	return errors.Join(c.checkListen(), c.checkCredentials(), c.checkRelay(), c.checkPorts())
}

func (c Config) checkListen() error {
	if _, err := netip.ParseAddrPort(c.Listen); err != nil {
		return fmt.Errorf("listen: %q is not an IP address and port", c.Listen)
	}
	return nil
}

func (c Config) checkCredentials() error {
	var errs []error
	if c.Realm == "" || len(c.Realm) > 127 { // RFC 8489 §14.9
		errs = append(errs, errors.New("realm: wants 1 to 127 characters"))
	}
	if len(c.Secret.Reveal()) < shortest {
		errs = append(errs, fmt.Errorf("secret: wants at least %d characters", shortest))
	}
	return errors.Join(errs...)
}

func (c Config) checkRelay() error {
	var errs []error
	if !isHost(c.RelayAddress) {
		errs = append(errs, fmt.Errorf("relay_address: %q is not an IPv4 address", c.RelayAddress))
	}
	if c.PublicIP != "" && !isHost(c.PublicIP) {
		errs = append(errs, fmt.Errorf("public_ip: %q is not an IPv4 address", c.PublicIP))
	}
	return errors.Join(errs...)
}

// isHost tells whether s is the IPv4 address of one host: the library relays
// no IPv6 (RFC 8656 §7.2 would).
func isHost(s string) bool {
	ip, err := netip.ParseAddr(s)
	return err == nil && ip.Is4() && !ip.IsUnspecified() && !ip.IsMulticast()
}

func (c Config) checkPorts() error {
	if c.LowPort < 1024 || c.HighPort > 65535 || c.LowPort > c.HighPort {
		return fmt.Errorf("low_port and high_port: %d to %d is no range between 1024 and 65535", c.LowPort, c.HighPort)
	}
	return nil
}

// told is the address that clients are given for a relay.
func (c Config) told() net.IP {
	if c.PublicIP != "" {
		return net.ParseIP(c.PublicIP)
	}
	return net.ParseIP(c.RelayAddress)
}
