package matrix

import (
	"context"

	"roomline/signalling"
)

// reply weighs what a device of the user says before any of them was chosen.
func (l *leg) reply(h heard) (answer heard, o *outcome, decided bool) {
	switch h.Type {
	case typeCandidates:
		l.keep(h)
	case typeAnswer:
		return h, nil, h.SDP != ""
	case typeReject, typeHangup:
		if l.user == "" && !l.allDecline(h.Sender) {
			break
		}
		l.far = h.party()
		l.selectAnswer(h)
		cause := heardReason(h.Reason, l.stage)
		return h, &outcome{reason: signalling.Reason{Cause: cause}, own: true}, true
	}
	return heard{}, nil, false
}

// allDecline notes that a member does not want the call that rings a whole
// room. It tells whether nobody is left who may.
func (l *leg) allDecline(user string) bool {
	if l.declined[user] || len(l.declined) >= maxParties {
		return false // each is asked about once, whatever it writes
	}
	if l.declined == nil {
		l.declined = map[string]bool{}
	}
	l.declined[user] = true
	ctx, cancel := context.WithTimeout(l.c.ctx, l.c.cfg.SendTimeout)
	defer cancel()
	names, err := l.c.hs.members(ctx, l.ghost, l.room)
	if err != nil {
		l.log.Warn("could not see who is left to answer", "error", err)
		delete(l.declined, user)
		return false
	}
	for name := range names {
		if !l.declined[name] && !l.c.ghosts.ours(name) {
			return false
		}
	}
	return true
}
