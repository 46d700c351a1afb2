package sip

import (
	"fmt"
	"time"
)

// shortestSession is the least that a session timer may ever be (RFC 4028 §4).
const shortestSession = 90 * time.Second

// longestSession keeps a far end's number within what a clock can hold.
const longestSession = 24 * time.Hour

// The ways of a digit.
const (
	dtmfAuto    = "auto"    // the first of the others that the call can do
	dtmfEvent   = "rfc4733" // telephone-event
	dtmfInfo    = "info"    // SIP INFO
	dtmfInband  = "inband"  // tones in the audio
	dtmfChoices = "auto, rfc4733, info or inband"
)

func (t TrunkConfig) validSession() error {
	if t.SessionMin < shortestSession || t.SessionMin > longestSession {
		return fmt.Errorf("session_min: expected %s to %s, found %s", shortestSession, longestSession, t.SessionMin)
	}
	if t.SessionExpires != 0 && (t.SessionExpires < t.SessionMin || t.SessionExpires > longestSession) {
		return fmt.Errorf("session_expires: expected 0, or session_min (%s) to %s, found %s", t.SessionMin, longestSession, t.SessionExpires)
	}
	return nil
}

func (t TrunkConfig) validDTMF() error {
	switch t.DTMF {
	case dtmfAuto, dtmfEvent, dtmfInfo, dtmfInband:
		return nil
	}
	return fmt.Errorf("dtmf: expected %s, found %q", dtmfChoices, t.DTMF)
}
