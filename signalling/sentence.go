package signalling

import (
	"fmt"
	"time"
)

// Sentence says in plain words how a call ended, for the room. placed tells
// whether the person in the room placed the call or was called; other is how
// the other party is written; talked is how long audio was joined.
func Sentence(r Reason, placed bool, other string, talked time.Duration) string {
	form := r.Cause.row().rung
	if placed {
		form = r.Cause.row().placed
	}
	s := fmt.Sprintf(form, other)
	switch {
	case talked > 0 && r.Cause == NormalClearing:
		s += " after " + Clock(talked)
	case talked > 0:
		s += " (after " + Clock(talked) + ")"
	case r.Detail != "":
		s += " (" + r.Detail + ")"
	}
	return s + "."
}

// Clock writes a duration as a telephone display does: 0:42, 12:05, 1:00:09.
func Clock(d time.Duration) string {
	s := int(d.Round(time.Second) / time.Second)
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}
