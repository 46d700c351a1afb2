package matrix

import "roomline/signalling"

// The reasons of m.call.hangup that every client understands: Element on
// Android ignores a hangup whose reason it does not know, so nothing else is
// ever sent (Matrix 1.18, "m.call.hangup"; answered_elsewhere is MSC4006).
const (
	userHangup        = "user_hangup"
	userBusy          = "user_busy"
	inviteTimeout     = "invite_timeout"
	iceFailed         = "ice_failed"
	iceTimeout        = "ice_timeout"
	userMediaFailed   = "user_media_failed"
	unknownError      = "unknown_error"
	answeredElsewhere = "answered_elsewhere"
	replaced          = "replaced" // by a call that the other side placed at the same moment
)

// outward is one row of the table from a cause to the reason in a room. Before
// an answer a call of version 1 that the room placed is ended by m.call.reject
// (js-sdk ignores a hangup there); everything else is m.call.hangup.
type outward struct {
	reject string // the room placed the call, version 1, not answered
	old    string // the room placed the call, version 0, not answered
	cancel string // we placed the call, not answered
	hangup string // answered, whoever placed it
}

func failed(s string) outward { return outward{s, s, s, s} }

func outwardTable() map[signalling.Cause]outward {
	broken := failed(unknownError)
	declined := outward{"", "", userHangup, userHangup}
	return map[signalling.Cause]outward{
		signalling.NormalClearing:   {"", userHangup, userHangup, userHangup},
		signalling.NoRoute:          broken,
		signalling.Unallocated:      broken,
		signalling.InvalidNumber:    broken,
		signalling.Busy:             {userBusy, userBusy, userHangup, userHangup},
		signalling.NoAnswer:         {inviteTimeout, inviteTimeout, inviteTimeout, userHangup},
		signalling.Unavailable:      {inviteTimeout, inviteTimeout, userHangup, userHangup},
		signalling.Cancelled:        {"", userHangup, userHangup, userHangup},
		signalling.Rejected:         declined,
		signalling.Forbidden:        declined,
		signalling.Elsewhere:        {"", userHangup, answeredElsewhere, userHangup},
		signalling.TrunkAuth:        broken,
		signalling.TrunkUnreachable: broken,
		signalling.TrunkFailure:     broken,
		signalling.NoCodec:          broken,
		signalling.MediaFailed:      {unknownError, unknownError, iceFailed, iceFailed},
		signalling.MediaLost:        {unknownError, unknownError, iceTimeout, iceTimeout},
		signalling.PeerTimeout:      broken,
		signalling.Congestion:       broken,
		signalling.ShuttingDown:     broken,
		signalling.Internal:         broken,
		signalling.Transferred:      {"", userHangup, userHangup, userHangup},
	}
}

// stage is how far a call had come, as far as its ending is concerned.
type stage struct {
	placed   bool // the room placed the call, and we answer it
	v0       bool // the other side speaks version 0
	answered bool // m.call.answer was sent or accepted
}

// ending is the event and the reason that tell a room why a call ends.
func ending(c signalling.Cause, s stage) (eventType, reason string) {
	row, ok := outwardTable()[c]
	if !ok {
		row = failed(unknownError)
	}
	switch {
	case s.answered:
		return typeHangup, row.hangup
	case !s.placed:
		return typeHangup, row.cancel
	case s.v0:
		return typeHangup, row.old
	default:
		return typeReject, row.reject
	}
}

// inward is one row of the table from a reason in a room to a cause.
type inward struct {
	placed   signalling.Cause // the room placed the call and takes it back
	called   signalling.Cause // the room was called and does not answer
	answered signalling.Cause
}

func inwardTable() map[string]inward {
	return map[string]inward{
		"":                {signalling.Cancelled, signalling.Rejected, signalling.NormalClearing},
		userHangup:        {signalling.Cancelled, signalling.Rejected, signalling.NormalClearing},
		userBusy:          {signalling.Cancelled, signalling.Busy, signalling.NormalClearing},
		inviteTimeout:     {signalling.NoAnswer, signalling.NoAnswer, signalling.NormalClearing},
		iceFailed:         {signalling.MediaFailed, signalling.MediaFailed, signalling.MediaLost},
		iceTimeout:        {signalling.MediaFailed, signalling.MediaFailed, signalling.MediaLost},
		userMediaFailed:   {signalling.MediaFailed, signalling.MediaFailed, signalling.MediaLost},
		answeredElsewhere: {signalling.Elsewhere, signalling.Elsewhere, signalling.Elsewhere},
	}
}

// heardReason turns the reason of a hangup or reject into a cause. A word that
// nobody has heard of still means that the call is over.
func heardReason(reason string, s stage) signalling.Cause {
	row, ok := inwardTable()[reason]
	if !ok {
		row = inwardTable()[""]
	}
	switch {
	case s.answered:
		return row.answered
	case s.placed:
		return row.placed
	default:
		return row.called
	}
}
