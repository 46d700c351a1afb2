package peer

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// Config says where peers are reached and how long a silent one is waited for.
type Config struct {
	// Address is the IP address that ICE binds to and, unless PublicIP is set,
	// the only one that is ever advertised. A wildcard would tell the far end
	// every address of the machine, so it is refused.
	Address string `yaml:"address"`
	// Port is the UDP port that all peers share; 0 takes any free one.
	Port int `yaml:"port"`
	// PublicIP is advertised in place of Address where a NAT maps one to the
	// other (1:1, same port).
	PublicIP string `yaml:"public_ip"`
	// ICETimeout is how long a peer may stay interrupted before it is lost.
	ICETimeout time.Duration `yaml:"ice_timeout"`
	// ConnectTimeout is how long ICE and DTLS may take once both descriptions
	// are known.
	ConnectTimeout time.Duration `yaml:"connect_timeout"`
}

const (
	defaultICETimeout     = 30 * time.Second
	defaultConnectTimeout = 20 * time.Second
)

// Validate reports every mistake at once.
func (c Config) Validate() error {
	return errors.Join(c.checkAddress(), c.checkPublicIP(), c.checkTimes())
}

func (c Config) checkAddress() error {
	ip, err := netip.ParseAddr(c.Address)
	switch {
	case err != nil:
		return fmt.Errorf("address: %q is not an IP address", c.Address)
	case ip.IsUnspecified() || ip.IsMulticast() || ip.Zone() != "":
		return fmt.Errorf("address: %q is not one address of this machine", c.Address)
	case c.Port < 0 || c.Port > 65535:
		return fmt.Errorf("port: %d is not between 0 and 65535", c.Port)
	}
	return nil
}

func (c Config) checkPublicIP() error {
	if c.PublicIP == "" {
		return nil
	}
	public, err := netip.ParseAddr(c.PublicIP)
	if err != nil || public.IsUnspecified() || public.IsMulticast() || public.Zone() != "" {
		return fmt.Errorf("public_ip: %q is not an IP address that a far end can reach", c.PublicIP)
	}
	if own, err := netip.ParseAddr(c.Address); err == nil && own.Unmap().Is4() != public.Unmap().Is4() {
		return fmt.Errorf("public_ip: %q is not of the same family as address %q", c.PublicIP, c.Address)
	}
	return nil
}

func (c Config) checkTimes() error {
	if c.ICETimeout < 0 || c.ConnectTimeout < 0 {
		return errors.New("ice_timeout and connect_timeout must not be negative")
	}
	return nil
}

func (c Config) withDefaults() Config {
	if c.ICETimeout == 0 {
		c.ICETimeout = defaultICETimeout
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = defaultConnectTimeout
	}
	return c
}
