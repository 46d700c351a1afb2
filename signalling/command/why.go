package command

import (
	"fmt"
	"strings"

	"roomline/signalling"
)

// fixes say what a person can do about each cause, by its label. What needs no
// help has an empty one.
var fixes = map[string]string{
	"normal_clearing":    "",
	"no_route":           "Add a rule for this number to routes.outbound, or dial a number that a rule fits.",
	"unallocated":        "Check the number. If it is right, the trunk may want another form of it: see number_format of the trunk.",
	"invalid_number":     "Dial the whole number with its area code, or with + and the country's code.",
	"busy":               "Try again later.",
	"no_answer":          "Try again later. calls.ring_timeout says for how long it may ring.",
	"unavailable":        "The telephone is switched off or not connected, or the person has not joined the telephone room. Try again later.",
	"cancelled":          "",
	"rejected":           "The other side does not want to talk now.",
	"forbidden":          "Ask the gateway's administrator: the section permissions says who may call what. If the trunk refused, check its caller_id and the countries that it allows.",
	"answered_elsewhere": "",
	"transferred":        "",
	"trunk_auth":         "Check username and password of the trunk, and realm if it is set.",
	"trunk_unreachable":  "Check host and transport of the trunk, and that no firewall is in between.",
	"trunk_failure":      "The carrier has a fault, or limits how many calls it takes. Try again; if it stays, ask the carrier with the words above.",
	"no_codec":           "Allow more codecs for the trunk; pcmu and pcma are understood by nearly all.",
	"media_failed":       "Check that the client reaches the gateway's media.webrtc_port, or a TURN server: roomline check says what browsers get.",
	"media_lost":         "A network on the way was interrupted. If it happens often, look at the client's Wi-Fi, and at the trunk's silence_timeout.",
	"peer_timeout":       "The other side went away without a goodbye: look at its network.",
	"congestion":         "Try again later. calls.max, and the limits of the section permissions, say how many calls there may be.",
	"shutting_down":      "Call again: the gateway was restarted.",
	"internal":           "This is a fault of ours: the log of the gateway says more under the call's id.",
}

// hearing says what the packets tell of a call that ended like any other.
var hearing = map[signalling.Verdict]string{
	signalling.OnlyCallerHeard: "Only the caller was heard: nothing came from the called side. Check media.public_ip, and that the trunk can reach media.ports.",
	signalling.OnlyCalledHeard: "Only the called side was heard: nothing came from the caller. Check media.public_ip, and that both sides can reach the gateway's ports.",
	signalling.NoAudio:         "Nobody was heard: no audio packet came from either side. Check media.public_ip, and that both sides can reach the gateway's ports.",
}

// troubled tells whether a call went otherwise than people wish.
func troubled(r signalling.Record) bool { return fixes[r.Cause] != "" || hearing[r.Audio] != "" }

// why explains a call: the one that is named, or the last that failed.
func (o *Operator) why(who Who, id string) (string, error) {
	admin := id != "" && o.May.May(who.User, signalling.Admin)
	for _, r := range o.Desk.Recent() {
		fits := troubled(r)
		if id != "" {
			fits = strings.HasPrefix(strings.ToLower(r.ID), id)
		}
		if fits && (admin || r.User == who.User) {
			return o.explain(r), nil
		}
	}
	if id != "" {
		return "", Mistake("No call of yours that ended lately is called " + short(id) + ".")
	}
	return "", Mistake("None of your calls failed lately.")
}

// How many characters of others' words are shown.
const (
	maxShown    = 80
	maxSentence = 400
)

// explain tells what is known of a call that ended.
func (o *Operator) explain(r signalling.Record) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Call %s, %s: %s\n", r.ID, r.Start.Format("15:04 MST"), signalling.Visible(r.Sentence, maxSentence))
	fmt.Fprintf(&b, "Cause: %s (Q.850 %d), on the side of the %s.", strings.ReplaceAll(r.Cause, "_", " "), r.Q850, r.EndedBy)
	if r.Detail != "" {
		said := "The other side"
		if r.Trunk != "" {
			said = "The trunk " + r.Trunk
		}
		fmt.Fprintf(&b, "\n%s said: %s.", said, strings.TrimSuffix(signalling.Visible(r.Detail, maxShown), "."))
	}
	if text := hearing[r.Audio]; text != "" {
		b.WriteString("\n" + text)
	}
	if fix := fixes[r.Cause]; fix != "" {
		b.WriteString("\nWhat to do: " + fix)
	}
	return b.String()
}
