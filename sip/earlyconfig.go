package sip

import (
	"errors"
	"fmt"
)

// What a Matrix caller hears before the answer.
const (
	earlyRing    = "ring"    // the client's own ringing tone
	earlyConnect = "connect" // what the trunk plays: the client is answered for it
)

// Whether provisional responses are acknowledged by PRACK (RFC 3262).
const (
	reliableOff       = "off"
	reliableSupported = "supported" // where the far end does it too
	reliableRequired  = "required"  // no call without it
)

func (t TrunkConfig) validEarly() error {
	var errs []error
	switch t.EarlyMedia {
	case earlyRing, earlyConnect:
	default:
		errs = append(errs, fmt.Errorf("early_media: expected ring or connect, found %q", t.EarlyMedia))
	}
	switch t.Reliable {
	case reliableOff, reliableSupported, reliableRequired:
	default:
		errs = append(errs, fmt.Errorf("reliable: expected off, supported or required, found %q", t.Reliable))
	}
	return errors.Join(errs...)
}
