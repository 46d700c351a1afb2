// Package port turns a UDP port pair into the plain RTP end of a call: it opens
// pairs from a range, latches onto the far end and drains what is closed.
package port

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// Config says where RTP is received.
type Config struct {
	Address   string        `yaml:"address"`   // IP to listen on
	Advertise string        `yaml:"advertise"` // IP that the far end is told; empty: Address
	Low       int           `yaml:"low"`       // first UDP port
	High      int           `yaml:"high"`      // last UDP port; each call takes an even one and the next
	Drain     time.Duration `yaml:"drain"`     // silence before a closed pair is used again; 0 means 30 s
	// Latch sends to where the far end's packets come from, as devices behind
	// NAT need it. Without it only its SDP address is heard.
	Latch bool `yaml:"latch"`
}

// Default is the configuration for a trunk on this machine.
func Default() Config {
	return Config{Address: "127.0.0.1", Low: 20000, High: 29999, Drain: defaultDrain, Latch: true}
}

const defaultDrain = 30 * time.Second

// Validate says in one sentence what is wrong with the first wrong field.
func (c Config) Validate() error {
	bind, err := netip.ParseAddr(c.Address)
	if err != nil {
		return fmt.Errorf("address %q is not an IP address", c.Address)
	}
	advertised, err := c.advertised()
	switch {
	case err != nil:
		return err
	case advertised.IsUnspecified() || advertised.IsMulticast():
		return fmt.Errorf("advertise must name one IP address where address is %s", bind)
	case advertised.Is4() != bind.Unmap().Is4():
		return errors.New("advertise and address must both be IPv4 or both IPv6")
	case c.Low < 1024 || c.High > 65535:
		return fmt.Errorf("ports %d to %d are not within 1024 to 65535", c.Low, c.High)
	case c.pairs() < 1:
		return fmt.Errorf("ports %d to %d hold no even port with the next", c.Low, c.High)
	case c.Drain < 0:
		return errors.New("drain is below 0")
	}
	return nil
}

func (c Config) advertised() (netip.Addr, error) {
	text := c.Advertise
	if text == "" {
		text = c.Address
	}
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("advertise %q is not an IP address", text)
	}
	return addr.Unmap(), nil
}

// first is the lowest even port, pairs how many pairs follow (RFC 3550 §11).
func (c Config) first() int { return c.Low + c.Low&1 }
func (c Config) pairs() int { return (c.High + 1 - c.first()) / 2 }
