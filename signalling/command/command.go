// Package command turns a line that a person types in a room into what it makes the gateway do.
package command

import "strings"

// Verb is what a command does.
type Verb uint8

// The verbs, in the order in which !help lists them.
const (
	Dial Verb = iota
	Hangup
	Hold
	Resume
	Transfer
	DTMF
	Calls
	Why
	Assign
	Verify
	Trust
	Devices
	Help
	verbs
)

// Command is one line, understood.
type Command struct {
	Verb   Verb
	Target string // Dial, Transfer: whom, as typed; Dial may leave it empty. Assign: a number, None, or empty to ask.
	// Verify: yes, no, cancel or empty. Trust, Devices: a user; Devices may leave it empty
	Call   string // Hangup, Why: the id of a call, in lower case; empty: the one that is meant anyway
	Digits string // DTMF: 0-9 * # A-D
	Ask    bool   // Transfer: the target was asked first, and the two calls are joined
	Topic  string // Help: the verb to explain; empty: all
}

// spelling is how a verb is written and explained.
type spelling struct {
	name, usage, does, example string

	account bool // it means something only where the gateway is an ordinary account
}

// None is the target of Assign that takes a room's number.
const None = "none"

var spellings = [verbs]spelling{
	Dial: {name: "dial", usage: "!dial <number>", example: "!dial +49 30 1234567",
		does: "rings your client, and then the number. In a telephone's own room the number may be left out"},
	Hangup: {name: "hangup", usage: "!hangup [id]", example: "!hangup", does: "ends your call. With several, !calls shows their ids"},
	Hold:   {name: "hold", usage: "!hold", example: "!hold", does: "puts the other side on hold"},
	Resume: {name: "resume", usage: "!resume", example: "!resume", does: "takes the other side back from hold"},
	Transfer: {name: "transfer", usage: "!transfer <number|@user> [--ask]", example: "!transfer +49 40 7654321",
		does: "connects the other side to somebody else, and you are out. With --ask, joins your two calls: ask first, then transfer"},
	DTMF:  {name: "dtmf", usage: "!dtmf <digits>", example: "!dtmf 1234#", does: "presses keys during the call: 0-9, *, #, A-D"},
	Calls: {name: "calls", usage: "!calls", example: "!calls", does: "lists your calls with their ids; administrators see everybody's"},
	Why: {name: "why", usage: "!why [id]", example: "!why",
		does: "explains how your last call that failed came to fail, and what can be done"},
	Assign: {name: "number", usage: "!number [number|none]", example: "!number +49 30 1234567", account: true,
		does: "says which number a call in this room calls, sets it, or forgets it"},
	Verify: {name: "verify", usage: "!verify [yes|no|cancel]", example: "!verify",
		does: "compares emoji with your client, so that both of us know whom they talk to; says what you have found"},
	Trust: {name: "trust", usage: "!trust <@user>", example: "!trust @alice:example.org",
		does: "takes the keys that a user has now for the right ones; for administrators"},
	Devices: {name: "devices", usage: "!devices [@user]", example: "!devices",
		does: "lists your devices, and which of them may call from encrypted rooms; administrators see everybody's"},
	Help: {name: "help", usage: "!help [command]", example: "!help transfer", does: "lists the commands, or explains one"},
}

// aliases are other words for a verb.
var aliases = map[string]Verb{"call": Dial, "hang": Hangup, "end": Hangup, "unhold": Resume, "forward": Transfer, "press": DTMF}

func (v Verb) spelling() spelling {
	if v < verbs {
		return spellings[v]
	}
	return spelling{name: "unknown"}
}

// String is the word after the "!".
func (v Verb) String() string { return v.spelling().name }

// verbOf finds the verb of a word, in lower case.
func verbOf(word string) (Verb, bool) {
	for v, s := range spellings {
		if s.name == word {
			return Verb(v), true
		}
	}
	v, ok := aliases[word]
	return v, ok
}

// names are the words a typo is compared with.
func names() []string {
	all := make([]string, 0, len(spellings)+1)
	for _, s := range spellings {
		all = append(all, s.name)
	}
	return append(all, "call")
}

// Explain is what !help says: about one verb, or with an empty topic about all
// that mean something to an application service, or to an ordinary account.
func Explain(topic string, account bool) string {
	if v, ok := verbOf(topic); ok {
		s := v.spelling()
		return s.usage + ": " + s.does + ".\nExample: " + s.example
	}
	var b strings.Builder
	b.WriteString("What you can say here:")
	for _, s := range spellings {
		if account || !s.account {
			b.WriteString("\n" + s.usage + ": " + s.does + ".")
		}
	}
	return b.String()
}
