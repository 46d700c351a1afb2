package permit

import (
	"fmt"

	"roomline/signalling"
)

// Rule is what a call broke. It is a label of metrics.
type Rule uint8

// The rules.
const (
	ByLevel     Rule = iota // the user's level in permissions
	ByNumber                // it is no number as anybody could have dialled it
	ByEmergency             // dialing.emergency
	ByClass                 // dialing.deny
	ByCountry               // dialing.allow
	ByCalls                 // permissions.limits.calls_per_user
	ByRate                  // permissions.limits.calls_per_minute
	ByMinutes               // permissions.limits.minutes_per_user_day
	ByBlock                 // dialing.block
	ByRings                 // permissions.limits.rings_per_minute
	ruleCount
)

var ruleNames = [ruleCount]string{"level", "number", "emergency", "class", "country", "calls", "rate", "minutes", "block", "rings"}

// String is the rule's label.
func (r Rule) String() string {
	if r < ruleCount {
		return ruleNames[r]
	}
	return "unknown"
}

// Rules lists every rule, for tables that must be complete.
func Rules() []Rule {
	all := make([]Rule, ruleCount)
	for i := range all {
		all[i] = Rule(i)
	}
	return all
}

// refusal is a call that is not allowed.
type refusal struct {
	rule   Rule
	reason signalling.Reason
}

// forbid makes a refusal with what the user is told.
func forbid(r Rule, form string, args ...any) *refusal {
	return &refusal{r, signalling.Reason{Cause: signalling.Forbidden, Detail: fmt.Sprintf(form, args...)}}
}

// count writes a number and a noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
