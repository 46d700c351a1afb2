package sip

import (
	"slices"
	"strings"
)

// transportRow is one way in which SIP travels.
type transportRow struct {
	name      string // in the configuration and, in capitals, in Via
	uri       string // in transport=; empty: left out (RFC 7118 §5.2 has ws for both)
	network   string // below it: udp or tcp
	port      uint16 // where a host names none (RFC 3261 §19.1.2, RFC 7118 §5.1)
	reliable  bool   // a stream, in which nothing is repeated (RFC 3261 §17)
	secure    bool   // by TLS: the other end is who its certificate says
	websocket bool   // each message is one of RFC 6455's
	outward   bool   // a trunk may use it without a listen address: the far end keeps to our connection
}

// transports are those that there are. Toward the library every stream is TCP,
// whatever it is wrapped in.
var transports = []transportRow{
	{name: "udp", network: "udp", port: 5060},
	{name: "tcp", uri: "tcp", network: "tcp", port: 5060, reliable: true},
	{name: "tls", uri: "tls", network: "tcp", port: 5061, reliable: true, secure: true, outward: true},
	{name: "ws", uri: "ws", network: "tcp", port: 80, reliable: true, websocket: true, outward: true},
	{name: "wss", uri: "ws", network: "tcp", port: 443, reliable: true, secure: true, websocket: true, outward: true},
}

// transportChoices are their names in a sentence.
const transportChoices = "udp, tcp, tls, ws or wss"

// transportOf finds a transport by its name, in capitals or not.
func transportOf(name string) (transportRow, bool) {
	i := slices.IndexFunc(transports, func(r transportRow) bool { return strings.EqualFold(r.name, name) })
	if i < 0 {
		return transportRow{}, false
	}
	return transports[i], true
}

// Network is what a transport's ports belong to, udp or tcp; empty for a
// transport that does not exist.
func Network(transport string) string {
	row, _ := transportOf(transport)
	return row.network
}

// DefaultPort is the port of a host that names none; 0 for a transport that
// does not exist.
func DefaultPort(transport string) uint16 {
	row, _ := transportOf(transport)
	return row.port
}
