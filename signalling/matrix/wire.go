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
	typeStreams      = "m.call.sdp_stream_metadata_changed" // MSC3291
	typeIdentity     = "m.call.asserted_identity"           // MSC3086
	typeReplaces     = "m.call.replaces"                    // MSC2747
	typeDigits       = "org.roomline.call.digits"           // our own: sent only
	typeNotice       = "m.room.message"

	unstablePrefix = "org.matrix.call." // what clients wrote before these were in the specification
)

// stable is the name by which we know a type of call event; it is empty for
// one without a meaning here.
func stable(eventType string) string {
	if name, ok := strings.CutPrefix(eventType, unstablePrefix); ok {
		eventType = typePrefix + name
		if eventType != typeStreams && eventType != typeIdentity {
			return ""
		}
	}
	switch eventType {
	case typeCandidate:
		return typeCandidates
	case typeInvite, typeCandidates, typeAnswer, typeSelectAnswer, typeReject, typeNegotiate, typeHangup, typeStreams, typeIdentity, typeReplaces:
		return eventType
	}
	return ""
}

// ofCalls tells whether a type of event belongs to calls, whatever it means.
func ofCalls(eventType string) bool {
	return strings.HasPrefix(eventType, typePrefix) || strings.HasPrefix(eventType, unstablePrefix)
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
	Voice      voice        // as the stream metadata tells
	Can        capabilities // of the party that sent it
	Create     string       // of m.call.replaces: the call to be made
	Await      string       // or the one to wait for
	Target     string       // and the user at its other end
}

// voice is whether a party's microphone is on (MSC3291).
type voice uint8

const (
	voiceUnknown voice = iota
	voiceOn
	voiceOff
)

// heard is a message with what the room tells about it.
type heard struct {
	message
	Room    string
	Sender  string
	EventID string
	Age     time.Duration // at At
	At      time.Time     // when it reached us
	Sealed  bool          // it was encrypted
	Device  string        // the Curve25519 key of the device that encrypted it
}

// from tells whether the event comes from a party: a user and the party id of
// one of the user's devices (MSC2746). Version 0 knows users only, and clients
// that mix the versions within a call are forgiven. A party that encrypts is
// also the device whose key it does that with, which alone cannot be forged.
func (h heard) from(p party) bool { return h.likely(p) && (p.Device == "" || h.Device == p.Device) }

// likely tells the same by what any homeserver could have written.
func (h heard) likely(p party) bool {
	return h.Sender == p.User && (p.V0 || h.V0 || h.Party == p.ID)
}

// party is one device of one user in one call.
type party struct {
	User   string
	ID     string // empty in version 0
	V0     bool
	Device string // the Curve25519 key of the device; empty where nothing is encrypted
}

func (h heard) party() party {
	return party{User: h.Sender, ID: h.Party, V0: h.V0, Device: h.Device}
}

// server is the part of a Matrix identifier after the first colon.
func server(id string) string {
	_, name, _ := strings.Cut(id, ":")
	return name
}
