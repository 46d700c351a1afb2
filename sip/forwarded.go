package sip

import (
	"net/url"
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"
)

// forwarder is the number that a forwarded call was for at first, by the word
// of a trusted network; "" where it was for us, or wants to stay unknown.
// called is the number that it came for.
func forwarder(req *sipmsg.Request, t *trunk, called string) string {
	if !t.TrustIdentity {
		return ""
	}
	number := diverted(req, t)
	if number == "" {
		number = t.read(before(req))
	}
	if number == "" || sameLine(number, called) {
		return ""
	}
	return number
}

// diverted reads Diversion: each that forwards adds itself at the top, so the
// last is who was called first (RFC 5806 §5).
func diverted(req *sipmsg.Request, t *trunk) string {
	all := addressesIn(req, "diversion")
	if len(all) == 0 {
		return ""
	}
	a := all[len(all)-1]
	switch privacy, _ := a.params.Get("privacy"); strings.ToLower(strings.Trim(privacy, `"`)) {
	case "full", "uri":
		return ""
	}
	if nobody(a.uri) || withheld(a.uri) {
		return ""
	}
	return t.read(userOf(a.uri))
}

// before reads History-Info: the entry of index 1 is who was called first; there
// was a forwarding only if a later one names the cause (RFC 7044 §10.4, RFC 4458).
func before(req *sipmsg.Request) string {
	first, forwarded := "", false
	for _, h := range req.GetHeaders("privacy") { // RFC 7044 §10.1.2
		for _, word := range strings.FieldsFunc(strings.ToLower(h.Value()), func(r rune) bool { return r == ';' || r == ',' || r == ' ' }) {
			if word == "history" || word == "header" || word == "full" {
				return ""
			}
		}
	}
	for _, a := range addressesIn(req, "history-info") {
		switch index, _ := a.params.Get("index"); {
		case index == "1" && !secretive(a.uri) && !nobody(a.uri) && !withheld(a.uri):
			first = userOf(a.uri)
		case index != "" && index != "1" && a.uri.UriParams.Has("cause"):
			forwarded = true
		}
	}
	if !forwarded {
		return ""
	}
	return first
}

// secretive tells whether one entry is to stay unknown: its URI says so in a
// header of its own (RFC 7044 §10.1.1).
func secretive(uri sipmsg.Uri) bool {
	for _, h := range uri.Headers {
		if v, _ := url.PathUnescape(h.V); strings.EqualFold(h.K, "privacy") && strings.EqualFold(v, "history") {
			return true
		}
	}
	return false
}
