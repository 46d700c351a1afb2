package media

import (
	"net/netip"
	"time"
)

// Negotiated is what an offer and its answer agreed on for one audio stream
// (RFC 3264), seen from our side. Payload types may differ by direction: we
// send with the numbers the far end named and receive with those we named.
type Negotiated struct {
	Format         Format
	SendPT, RecvPT uint8
	// Event says that telephone-event (RFC 4733) was agreed, at EventClock Hz.
	Event                    bool
	EventClock               int
	SendEventPT, RecvEventPT uint8
	Ptime                    time.Duration  // wished by the far end; 20 ms where it does not say
	Remote                   netip.AddrPort // where the far end wants its packets
	Send, Receive            bool           // a=sendrecv is both (RFC 3264 §5.1), from our side
	Protection               Protection     // of the packets; its keys print as a mask
	Handshake                Handshake      // that makes their keys instead
}
