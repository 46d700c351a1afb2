package matrix

import (
	"roomline/media"
	"roomline/media/peer"
	"roomline/signalling"
)

// kind is what may happen to a leg.
type kind uint8

const (
	fromRoom   kind = iota // an event of the call, in heard
	answerIt               // the call wants it answered with format
	previewIt              // the same, only to let its user hear what the telephone's network says before an answer
	playDigit              // the call has a digit for it
	hangItUp               // the call is over for reason
	mediaIs                // the peer's state changed
	wasSent                // the invite or answer of call was accepted, or refused with err
	roomFound              // the room to ring in, or err
	memberLeft             // user is not in the room any more
	crossed                // the user placed a call, in heard, while ours rang
	otherRings             // the other side rings
	shown                  // what is known of the other side, in view
	askedAway              // the call wants the client to go elsewhere
	offerLate              // the client did not answer our offer of round
	pressed                // the telephone said digit within the audio
	digitsSent             // the digits in the room were accepted, or refused
	paired                 // the consultation of an attended transfer, in end
	joined                 // the first call of an attended transfer has been found
	adopted                // a call took the leg that rang by itself
	wanted                 // leg stands for the telephone that the room calls
	handed                 // the room's call, in invitation
	swapped                // the party speaks with another device's key
	timerFired
	flooded // more events than a call can be worth
	stopped // the gateway can wait no longer
)

// item is one thing that happened to a leg.
type item struct {
	kind       kind
	heard      heard
	format     media.Format
	digit      byte
	reason     signalling.Reason
	state      peer.State
	room       string
	ghost      string
	user       string
	call       string // its id
	view       signalling.View
	round      int
	end        end
	leg        *leg
	invitation *invitation
	err        error
}

// is tells whether the item is an event of this type.
func (i item) is(eventType string) bool { return i.kind == fromRoom && i.heard.Type == eventType }
