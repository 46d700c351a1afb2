package port

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"syscall"
	"time"
)

// pair is an even RTP socket and the RTCP socket above it (RFC 3550 §11).
type pair struct {
	index     int // in the range
	rtp, rtcp *net.UDPConn
}

func listen(addr netip.Addr, index, port int) (*pair, error) {
	rtp, err := listenUDP(addr, port)
	if err != nil {
		return nil, err
	}
	rtcp, err := listenUDP(addr, port+1)
	if err != nil {
		return nil, errors.Join(err, rtp.Close())
	}
	return &pair{index, rtp, rtcp}, nil
}

func listenUDP(addr netip.Addr, port int) (*net.UDPConn, error) {
	network := "udp4"
	if addr.Is6() {
		network = "udp6"
	}
	conn, err := new(net.ListenConfig).ListenPacket(context.Background(), network, net.JoinHostPort(addr.String(), strconv.Itoa(port)))
	if err != nil {
		return nil, err
	}
	return conn.(*net.UDPConn), nil
}

func (p *pair) close() error { return errors.Join(p.rtp.Close(), p.rtcp.Close()) }

// wake ends the reads for good: those that are under way, and all after.
func (p *pair) wake() {
	now := time.Now()
	_ = p.rtp.SetReadDeadline(now) // fails only on a closed socket, which reads nothing
	_ = p.rtcp.SetReadDeadline(now)
}

// each takes what conn holds without waiting for more, at most 256 packets.
func each(conn *net.UDPConn, buf []byte, take func([]byte, netip.AddrPort)) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Read(func(fd uintptr) bool { // fails only on a closed socket
		for range 256 {
			n, from, err := syscall.Recvfrom(int(fd), buf, syscall.MSG_DONTWAIT)
			if err != nil {
				break
			}
			take(buf[:n], addrPort(from))
		}
		return true
	})
}

func addrPort(sa syscall.Sockaddr) netip.AddrPort {
	switch a := sa.(type) {
	case *syscall.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *syscall.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap(), uint16(a.Port))
	}
	return netip.AddrPort{}
}
