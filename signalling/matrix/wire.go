package matrix

import (
	"strings"
	"time"
)

// The events of a call (Matrix 1.18, Client-Server API, "Voice over IP").
const (
	typePrefix       = "m.call."
	typeInvite       = "m.call.invite"
	typeCandidates   = "m.call.candidates"
	typeCandidate    = "m.call.candidate" // as early documents spell it; received only
	typeAnswer       = "m.call.answer"
	typeSelectAnswer = "m.call.select_answer"
	typeReject       = "m.call.reject"
	typeNegotiate    = "m.call.negotiate"
	typeHangup       = "m.call.hangup"
	typeNotice       = "m.room.message"
)

// known tells whether a type of call event has a meaning for us.
func known(eventType string) bool {
	switch eventType {
	case typeInvite, typeCandidates, typeCandidate, typeAnswer, typeSelectAnswer, typeReject, typeNegotiate, typeHangup:
		return true
	}
	return false
}

// What is accepted from outside, and no more.
const (
	maxCallID          = 255       // bytes
	maxSDP             = 60 * 1000 // bytes; a whole event may have 65,536
	maxCandidates      = 64        // in one event
	maxCallCandidates  = 256       // in one call, per party
	maxCandidate       = 1000      // bytes; real ones have two hundred
	minLifetime        = 10 * time.Second
	maxLifetime        = 5 * time.Minute
	defaultLifetime    = time.Minute // what every client sent before the field was required
	staleGrace         = 3 * time.Second
	endOfCandidatesMid = "0" // the only m-line that we ever negotiate
)

// candidate is one ICE candidate; an empty text ends the list.
type candidate struct {
	Text string // "candidate:…", without "a="
	Mid  string // empty when absent
	Line int    // -1 when absent
	Frag string // ICE user name fragment; empty when absent
}

// message is the content of any m.call.* event after decoding. Fields that
// its type does not have are zero.
type message struct {
	Type       string
	CallID     string
	Party      string // empty in version 0
	V0         bool
	Lifetime   time.Duration
	Invitee    string
	SDP        string // of the offer, answer or description
	SDPType    string // of the description: "offer" or "answer"
	Candidates []candidate
	Selected   string // selected_party_id
	Reason     string
}

// heard is a message with what the room tells about it.
type heard struct {
	message
	Room    string
	Sender  string
	EventID string
	Age     time.Duration // at At
	At      time.Time     // when it reached us
}

// from tells whether the event comes from a party: a user and the party id of
// one of the user's devices (MSC2746). Version 0 knows users only, and clients
// that mix the versions within a call are forgiven.
func (h heard) from(p party) bool {
	return h.Sender == p.User && (p.V0 || h.V0 || h.Party == p.ID)
}

// party is one device of one user in one call.
type party struct {
	User string
	ID   string // empty in version 0
	V0   bool
}

func (h heard) party() party { return party{User: h.Sender, ID: h.Party, V0: h.V0} }

// server is the part of a Matrix identifier after the first colon.
func server(id string) string {
	_, name, _ := strings.Cut(id, ":")
	return name
}
