package sip

import (
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/signalling"
)

// verstat is what a trusted network found of a number (3GPP TS 24.229
// §7.2A.20): a parameter of the tel URI, of the user part, or of the header.
func verstat(uri sipmsg.Uri, params sipmsg.HeaderParams) signalling.Assurance {
	words := strings.Split(uri.User+";"+uri.Raw(), ";")
	for _, list := range []sipmsg.HeaderParams{uri.UriParams, params} {
		for _, p := range list {
			words = append(words, p.K+"="+p.V)
		}
	}
	for _, w := range words {
		name, value, _ := strings.Cut(w, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "verstat") {
			continue
		}
		value, _, _ = strings.Cut(value, "@")
		if a, ok := assurances[strings.ToLower(strings.Trim(value, `" `))]; ok {
			return a
		}
	}
	return signalling.Trusted
}

// assurances are the words for them. Only the highest attestation says that the
// number is the caller's (ATIS-1000074 §5.2.3).
var assurances = map[string]signalling.Assurance{
	"tn-validation-passed":   signalling.Verified,
	"tn-validation-passed-a": signalling.Verified,
	"tn-validation-passed-b": signalling.Unverified,
	"tn-validation-passed-c": signalling.Unverified,
	"tn-validation-failed":   signalling.Doubtful,
	"tn-validation-failed-a": signalling.Doubtful,
	"tn-validation-failed-b": signalling.Doubtful,
	"tn-validation-failed-c": signalling.Doubtful,
	"no-tn-validation":       signalling.Unverified,
}
