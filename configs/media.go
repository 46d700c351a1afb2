package configs

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"roomline/media/peer"
	"roomline/media/port"
)

// Media is where audio goes in and out, on both sides.
type Media struct {
	Address        string        `yaml:"address"`         // IP address of this machine, for RTP and WebRTC
	PublicIP       string        `yaml:"public_ip"`       // as seen from outside a NAT; empty: address
	Ports          Ports         `yaml:"ports"`           // UDP ports for RTP, two for each call
	WebRTCPort     int           `yaml:"webrtc_port"`     // one UDP port for all WebRTC
	ICETimeout     time.Duration `yaml:"ice_timeout"`     // how long WebRTC may be interrupted
	ConnectTimeout time.Duration `yaml:"connect_timeout"` // from the answer to audio
}

func mediaDefaults() Media {
	return Media{Address: "127.0.0.1", Ports: Ports{20000, 29999}, WebRTCPort: 19999,
		ICETimeout: 30 * time.Second, ConnectTimeout: 20 * time.Second}
}

// Port configures the RTP end.
func (m Media) Port() port.Config {
	c := port.Default()
	c.Address, c.Advertise, c.Low, c.High = m.Address, m.PublicIP, m.Ports.Low, m.Ports.High
	return c
}

// Peer configures the WebRTC end.
func (m Media) Peer() peer.Config {
	return peer.Config{Address: m.Address, Port: m.WebRTCPort, PublicIP: m.PublicIP,
		ICETimeout: m.ICETimeout, ConnectTimeout: m.ConnectTimeout}
}

// Validate keeps the ports of both ends apart and asks both ends.
func (m Media) Validate() error {
	err := errors.Join(m.Peer().Validate(), m.validPorts(),
		within("ice_timeout", m.ICETimeout, time.Second, 10*time.Minute),
		within("connect_timeout", m.ConnectTimeout, time.Second, 2*time.Minute))
	if err != nil {
		return err
	}
	return m.Port().Validate() // what it knows beyond the above belongs to no one field
}

func (m Media) validPorts() error {
	switch p := m.Ports; {
	case p.Low < 1024 || p.High > 65535 || p.High < p.Low+p.Low&1+1:
		return fmt.Errorf("ports: expected ports from 1024 to 65535 with an even one and the next among them, found %v", p)
	case m.WebRTCPort < 1024 || m.WebRTCPort > 65535:
		return fmt.Errorf("webrtc_port: expected a port from 1024 to 65535, found %d", m.WebRTCPort)
	case p.Has(m.WebRTCPort):
		return fmt.Errorf("webrtc_port: expected a port outside media.ports, %v, found %d", p, m.WebRTCPort)
	}
	return nil
}

// Ports is a range of UDP ports, both ends included.
type Ports struct{ Low, High int }

// Has tells whether a port is in the range.
func (p Ports) Has(port int) bool { return p.Low <= port && port <= p.High }

// String is the range as it is written in the file.
func (p Ports) String() string { return fmt.Sprintf("%d-%d", p.Low, p.High) }

// MarshalText writes the range as in the file.
func (p Ports) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads "20000-29999". Its error says what was expected.
func (p *Ports) UnmarshalText(text []byte) error {
	low, high, _ := strings.Cut(string(text), "-")
	l, err1 := strconv.ParseUint(strings.TrimSpace(low), 10, 16)
	h, err2 := strconv.ParseUint(strings.TrimSpace(high), 10, 16)
	if err1 != nil || err2 != nil || l == 0 || l > h {
		return errors.New("two port numbers like 20000-29999")
	}
	*p = Ports{int(l), int(h)}
	return nil
}
