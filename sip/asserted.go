package sip

import (
	"errors"

	sipmsg "github.com/emiago/sipgo/sip"
)

// Asserted is the header in which a trunk is told who is here; empty: it is not
// told.
type Asserted string

// The headers.
const (
	assertNone Asserted = ""
	assertPAI  Asserted = "pai"  // P-Asserted-Identity (RFC 3325 §9.1)
	assertPPI  Asserted = "ppi"  // P-Preferred-Identity (RFC 3325 §9.2)
	assertRPID Asserted = "rpid" // Remote-Party-ID (draft-ietf-sip-privacy-04), for older PBXs
)

// UnmarshalText reads a configured value; true is P-Asserted-Identity.
func (a *Asserted) UnmarshalText(b []byte) error {
	switch text := string(b); text {
	case "", "false":
		*a = assertNone
	case "true":
		*a = assertPAI
	case "pai", "ppi", "rpid":
		*a = Asserted(text)
	default:
		return errors.New("false, true, pai, ppi or rpid")
	}
	return nil
}

// MarshalText is what UnmarshalText reads.
func (a Asserted) MarshalText() ([]byte, error) {
	if a == assertNone {
		return []byte("false"), nil
	}
	return []byte(a), nil
}

// header is who is at our end, in the header that the trunk wants; of these only
// Remote-Party-ID can say whether anybody has screened the number.
func (a Asserted) header(id sipmsg.FromHeader, calling, hidden, screened bool) sipmsg.Header {
	switch a {
	case assertPPI:
		return sipmsg.NewHeader("P-Preferred-Identity", id.Value())
	case assertRPID:
		value := id.Value() + ";party=called"
		if calling {
			value = id.Value() + ";party=calling"
		}
		value += map[bool]string{true: ";screen=yes", false: ";screen=no"}[screened]
		if hidden {
			return sipmsg.NewHeader("Remote-Party-ID", value+";privacy=full")
		}
		return sipmsg.NewHeader("Remote-Party-ID", value+";privacy=off")
	}
	return sipmsg.NewHeader("P-Asserted-Identity", id.Value())
}
