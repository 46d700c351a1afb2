package sip

import (
	"net/url"
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"
)

// Limits of what names a dialog.
const (
	maxReplaces = 1024 // bytes of a Replaces value
	maxWord     = 256  // bytes of a Call-ID or tag
)

// replaces names the dialog that another takes the place of, as its target
// knows it: toTag is the target's own (RFC 3891 §6.1).
type replaces struct {
	callID, toTag, fromTag string
	earlyOnly              bool
}

// parseReplaces reads a header value. What it returns can be written again
// without harm.
func parseReplaces(value string) (replaces, bool) {
	if len(value) > maxReplaces {
		return replaces{}, false
	}
	parts := strings.Split(value, ";")
	r := replaces{callID: strings.TrimSpace(parts[0])}
	for _, p := range parts[1:] {
		k, v, _ := strings.Cut(strings.TrimSpace(p), "=")
		v = strings.TrimSpace(v)
		switch k = strings.ToLower(strings.TrimSpace(k)); {
		case k == "to-tag" && r.toTag == "":
			r.toTag = v
		case k == "from-tag" && r.fromTag == "":
			r.fromTag = v
		case k == "to-tag" || k == "from-tag": // twice
			return replaces{}, false
		case k == "early-only":
			r.earlyOnly = true
		}
	}
	return r, word(r.callID) && word(r.toTag) && word(r.fromTag)
}

// word tells whether s may stand in a header between semicolons.
func word(s string) bool {
	return s != "" && len(s) <= maxWord && !strings.ContainsFunc(s, func(c rune) bool {
		return c <= ' ' || c >= 0x7f || strings.ContainsRune(`,;"<>?&\`, c)
	})
}

// String is the header value.
func (r replaces) String() string {
	s := r.callID + ";to-tag=" + r.toTag + ";from-tag=" + r.fromTag
	if r.earlyOnly {
		s += ";early-only"
	}
	return s
}

// referTarget is where a Refer-To points: a number, perhaps that of somebody
// whose dialog is to be replaced.
type referTarget struct {
	number   string
	replaces string // empty: none
}

// parseReferTo reads a Refer-To value (RFC 3515 §2.1). Of the headers that the
// URI may bring (RFC 3261 §19.1.1) only Replaces is looked at, and no method but
// INVITE is known.
func parseReferTo(value string) (referTarget, bool) {
	a, ok := parseAddress(value)
	if !ok || len(value) > 2*maxReplaces || len(splitAddresses(value)) != 1 {
		return referTarget{}, false
	}
	switch strings.ToLower(a.uri.Scheme) {
	case "sip", "sips", "tel":
	default:
		return referTarget{}, false
	}
	for _, p := range a.uri.UriParams {
		if strings.EqualFold(p.K, "method") && !strings.EqualFold(p.V, string(sipmsg.INVITE)) {
			return referTarget{}, false
		}
	}
	to := referTarget{number: userOf(a.uri)}
	for _, h := range a.uri.Headers {
		if !strings.EqualFold(h.K, "Replaces") {
			continue
		}
		plain, err := url.PathUnescape(h.V)
		r, ok := parseReplaces(plain)
		if err != nil || !ok || to.replaces != "" {
			return referTarget{}, false
		}
		to.replaces = r.String()
	}
	return to, to.number != "" || to.replaces != ""
}

// headersOf are the values of a header by its long and its compact name.
func headersOf(msg sipmsg.Message, long, compact string) []string {
	var all []string
	for _, name := range [...]string{long, compact} {
		for _, h := range msg.GetHeaders(name) {
			all = append(all, h.Value())
		}
	}
	return all
}
