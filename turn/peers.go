package turn

import (
	"net/netip"
	"slices"
)

// inward lists what a client must not reach through us: addresses that mean
// this machine, its link or its private networks, and those that mean no host
// (RFC 6890). IPv6 forms that carry an IPv4 address are unwrapped first.
var inward = [...]netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("10.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("127.0.0.0/8"),
	netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("224.0.0.0/3"), // multicast, reserved, broadcast
	netip.MustParsePrefix("::/127"),
	netip.MustParsePrefix("fc00::/7"),
	netip.MustParsePrefix("fe80::/10"),
	netip.MustParsePrefix("fec0::/10"),
	netip.MustParsePrefix("ff00::/8"),
}

// wrapping says where an IPv6 form keeps its IPv4 address.
var wrapping = [...]struct {
	prefix netip.Prefix
	at     int
	invert bool
}{
	{netip.MustParsePrefix("::/96"), 12, false},           // IPv4-compatible, RFC 4291 §2.5.5.1
	{netip.MustParsePrefix("::ffff:0:0:0/96"), 12, false}, // IPv4-translated, RFC 2765 §2.1
	{netip.MustParsePrefix("64:ff9b::/96"), 12, false},    // NAT64, RFC 6052 §2.1
	{netip.MustParsePrefix("64:ff9b:1::/48"), 12, false},  // NAT64 of a site, RFC 8215
	{netip.MustParsePrefix("2002::/16"), 2, false},        // 6to4, RFC 3056 §2
	{netip.MustParsePrefix("2001::/32"), 4, false},        // Teredo's server, RFC 4380 §4
	{netip.MustParsePrefix("2001::/32"), 12, true},        // Teredo's client
}

// permits tells whether a client may exchange packets with a peer.
func (c Config) permits(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	if !ip.IsValid() {
		return false
	}
	if slices.ContainsFunc(c.AllowPeers, func(p netip.Prefix) bool { return p.Contains(ip) }) {
		return true
	}
	for _, p := range inward {
		if p.Contains(ip) {
			return false
		}
	}
	return !slices.ContainsFunc(wrapped(ip), func(v4 netip.Addr) bool { return !c.permits(v4) })
}

// wrapped lists the IPv4 addresses inside an IPv6 address.
func wrapped(ip netip.Addr) []netip.Addr {
	if ip.Is4() {
		return nil
	}
	b := ip.As16()
	var list []netip.Addr
	for _, w := range wrapping {
		if w.prefix.Contains(ip) {
			list = append(list, inner(b[w.at:], w.invert))
		}
	}
	if b[8]&^2 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe { // ISATAP, RFC 5214 §6.1
		list = append(list, inner(b[12:], false))
	}
	return list
}

func inner(b []byte, invert bool) netip.Addr {
	var v4 [4]byte
	for i := range v4 {
		if v4[i] = b[i]; invert {
			v4[i] = ^b[i]
		}
	}
	return netip.AddrFrom4(v4)
}
