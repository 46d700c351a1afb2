package signalling

import "fmt"

// Cause is why a call ended, in neither protocol's words.
type Cause uint8

// The causes. docs/causes.md holds the same table with both borders.
const (
	NormalClearing   Cause = iota // either side hung up after the call was answered
	NoRoute                       // no rule of ours says where the number leads
	Unallocated                   // the far side says that nobody has this number
	InvalidNumber                 // the number is incomplete or malformed
	Busy                          // the called party is busy
	NoAnswer                      // it rang, and nobody answered in time
	Unavailable                   // the called party cannot be reached now (not registered, not joined)
	Cancelled                     // the caller gave up before an answer
	Rejected                      // the called party declined
	Forbidden                     // a rule, ours or the trunk's, does not allow this call
	Elsewhere                     // another device of the called party answered or declined
	TrunkAuth                     // the trunk refused our credentials
	TrunkUnreachable              // the trunk does not answer, or cannot be connected to
	TrunkFailure                  // the trunk answered with a server failure
	NoCodec                       // the two sides share no audio encoding
	MediaFailed                   // no audio path could be made
	MediaLost                     // audio flowed and then stopped without a goodbye
	PeerTimeout                   // the far end stopped answering signalling
	Congestion                    // we or the trunk have no capacity left
	ShuttingDown                  // the gateway is being stopped
	Internal                      // our fault
	Transferred                   // the parties were connected in another way, as one of them wished
	causes
)

// Reason is a cause with the far end's own words, which are for people only.
type Reason struct {
	Cause  Cause
	Detail string // e.g. "486 Busy Here"; may be empty; never acted upon
}

func (r Reason) String() string {
	if r.Detail == "" {
		return r.Cause.String()
	}
	return fmt.Sprintf("%s (%s)", r.Cause, r.Detail)
}

// causeRow is one line of the table: the label for metrics and records, the
// number of ITU-T Q.850, and what to say in a room: to the person who placed
// the call, and to the person who was called. %s is the other party.
type causeRow struct {
	label        string
	q850         int
	placed, rung string
}

var causeTable = [causes]causeRow{
	NormalClearing:   {"normal_clearing", 16, "Call to %s ended", "Call from %s ended"},
	NoRoute:          {"no_route", 3, "There is no route to %s: no trunk is configured for this number", "%s called, but no route leads here"},
	Unallocated:      {"unallocated", 1, "%s is not a number in service", "%s called a number that is not in service"},
	InvalidNumber:    {"invalid_number", 28, "%s is not a complete telephone number", "%s called an incomplete number"},
	Busy:             {"busy", 17, "%s is busy", "%s called while you were busy"},
	NoAnswer:         {"no_answer", 19, "%s did not answer", "Missed call from %s"},
	Unavailable:      {"unavailable", 20, "%s cannot be reached at the moment", "Missed call from %s: you could not be reached"},
	Cancelled:        {"cancelled", 16, "Call to %s was cancelled", "Missed call from %s"},
	Rejected:         {"rejected", 21, "%s declined the call", "You declined a call from %s"},
	Forbidden:        {"forbidden", 21, "The call to %s is not allowed", "A call from %s was not allowed"},
	Elsewhere:        {"answered_elsewhere", 26, "Call to %s was taken over by another of your devices", "Call from %s was answered elsewhere"},
	TrunkAuth:        {"trunk_auth", 21, "%s could not be called: the telephone trunk refused our user name or password", "A call from %s failed: the trunk refused our credentials"},
	TrunkUnreachable: {"trunk_unreachable", 38, "%s could not be called: the telephone trunk does not answer", "A call from %s failed: the trunk does not answer"},
	TrunkFailure:     {"trunk_failure", 41, "%s could not be called: the telephone trunk reported a failure", "A call from %s failed: the trunk reported a failure"},
	NoCodec:          {"no_codec", 88, "%s could not be called: the two sides share no audio format", "A call from %s failed: the two sides share no audio format"},
	MediaFailed:      {"media_failed", 47, "The call to %s failed: no audio connection could be made between your client and the gateway", "The call from %s failed: no audio connection could be made between your client and the gateway"},
	MediaLost:        {"media_lost", 27, "The call to %s ended: the audio connection was lost", "The call from %s ended: the audio connection was lost"},
	PeerTimeout:      {"peer_timeout", 102, "The call to %s ended: the other side stopped responding", "The call from %s ended: the other side stopped responding"},
	Congestion:       {"congestion", 34, "%s could not be called: all lines are in use", "A call from %s could not be taken: all lines are in use"},
	ShuttingDown:     {"shutting_down", 41, "The call to %s ended: the telephone gateway is being restarted", "The call from %s ended: the telephone gateway is being restarted"},
	Internal:         {"internal", 41, "The call to %s failed because of a fault in the telephone gateway", "The call from %s failed because of a fault in the telephone gateway"},
	Transferred:      {"transferred", 16, "Call to %s was transferred", "Call from %s was transferred"},
}

func (c Cause) row() causeRow {
	if c < causes {
		return causeTable[c]
	}
	return causeTable[Internal]
}

// String is the label used in metrics, logs and records: "no_answer".
func (c Cause) String() string { return c.row().label }

// Q850 is the cause value of ITU-T Q.850 that a SIP Reason header carries (RFC 3326).
func (c Cause) Q850() int { return c.row().q850 }

// Causes lists every cause, for tables that must be complete.
func Causes() []Cause {
	all := make([]Cause, causes)
	for i := range all {
		all[i] = Cause(i)
	}
	return all
}
