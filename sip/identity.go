package sip

import (
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/signalling"
)

// maxAddresses is how many addresses are read of headers of one name.
const maxAddresses = 8

// address is one name-addr of a header (RFC 3261 §20.10), its name cleaned.
type address struct {
	name   string
	uri    sipmsg.Uri
	params sipmsg.HeaderParams
}

// addressesIn reads the addresses of all headers of a name; broken ones are as
// good as none.
func addressesIn(msg sipmsg.Message, header string) []address {
	var all []address
	for _, h := range msg.GetHeaders(header) {
		for _, text := range splitAddresses(h.Value()) {
			if a, ok := parseAddress(text); ok {
				all = append(all, a)
			}
			if len(all) == maxAddresses {
				return all
			}
		}
	}
	return all
}

func parseAddress(text string) (address, bool) {
	var a address
	text = strings.TrimSpace(text)
	if text == "" || len(text) > maxLine {
		return address{}, false
	}
	name, err := sipmsg.ParseAddressValue(text, &a.uri, &a.params)
	a.name = displayName(name)
	return a, err == nil
}

// splitAddresses parts a list at its commas, but not at those in quotes or
// within <>.
func splitAddresses(s string) []string {
	var parts []string
	quoted, inside, from := false, false, 0
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"' && !inside:
			quoted = !quoted
		case quoted:
		case s[i] == '<':
			inside = true
		case s[i] == '>':
			inside = false
		case s[i] == ',' && !inside:
			parts, from = append(parts, s[from:i]), i+1
		}
	}
	return append(parts, s[from:])
}

// caller is who the trunk says is calling. The network's own word comes before
// the caller's, where the trunk is trusted (RFC 3325 §9.1); the wish to stay
// unknown comes before either, whoever brings it.
func caller(req *sipmsg.Request, t *trunk) signalling.Party {
	from := req.From()
	if private(req) || withheld(from.Address) {
		return signalling.Party{Hidden: true}
	}
	name := displayName(from.DisplayName)
	p, ok := identity(req, t)
	switch {
	case !ok && nobody(from.Address):
		p = signalling.Party{}
	case !ok:
		p = signalling.Party{Number: t.read(userOf(from.Address)), Name: name, Assured: t.assured(from.Address, from.Params)}
	case p.Name == "" && !p.Hidden:
		p.Name = name
	}
	if ok && p.Assured == signalling.Trusted && sameLine(p.Number, userOf(from.Address)) { // carriers mark either
		p.Assured = verstat(from.Address, from.Params)
	}
	p.Forwarder = forwarder(req, t, called(req, t).Number)
	return p
}

// assured is how far a number can be believed: by the word of a network that is
// trusted, else not at all.
func (t *trunk) assured(uri sipmsg.Uri, params sipmsg.HeaderParams) signalling.Assurance {
	if !t.TrustIdentity {
		return signalling.Unverified
	}
	return verstat(uri, params)
}

// identity is who speaks at the far end by the word of the network: in
// P-Asserted-Identity (RFC 3325 §9.1; RFC 5876 §4 allows it in responses and
// within dialogs), or in Remote-Party-ID, which older PBXs send instead.
func identity(msg sipmsg.Message, t *trunk) (signalling.Party, bool) {
	if !t.TrustIdentity {
		return signalling.Party{}, false
	}
	p, ok := asserted(msg, t)
	if !ok {
		p, ok = remoteParty(msg, t)
	}
	if ok && private(msg) {
		return signalling.Party{Hidden: true}, true
	}
	return p, ok
}

// asserted reads up to one sip: and one tel: URI (RFC 3325 §9.1).
func asserted(msg sipmsg.Message, t *trunk) (signalling.Party, bool) {
	var p signalling.Party
	for _, a := range addressesIn(msg, "p-asserted-identity") {
		if nobody(a.uri) || withheld(a.uri) {
			continue
		}
		if p.Number == "" {
			p.Number, p.Assured = t.read(userOf(a.uri)), verstat(a.uri, a.params)
		}
		if p.Name == "" {
			p.Name = a.name
		}
	}
	return p, p.Number != ""
}

// remoteParty reads what draft-ietf-sip-privacy-04 left behind in the field.
func remoteParty(msg sipmsg.Message, t *trunk) (signalling.Party, bool) {
	for _, a := range addressesIn(msg, "remote-party-id") {
		switch privacy, _ := a.params.Get("privacy"); strings.ToLower(strings.Trim(privacy, `"`)) {
		case "full", "name", "uri":
			return signalling.Party{Hidden: true}, true
		}
		if !nobody(a.uri) && !withheld(a.uri) {
			return signalling.Party{Number: t.read(userOf(a.uri)), Name: a.name, Assured: verstat(a.uri, a.params)}, true
		}
	}
	return signalling.Party{}, false
}

// private tells whether the far end wants to stay unknown (RFC 3323 §4.2,
// RFC 3325 §9.3).
func private(msg sipmsg.Message) bool {
	for _, h := range msg.GetHeaders("privacy") {
		for _, word := range strings.FieldsFunc(strings.ToLower(h.Value()), func(r rune) bool { return r == ';' || r == ',' || r == ' ' }) {
			switch word {
			case "id", "user", "full", "header":
				return true
			}
		}
	}
	return false
}

// withheld knows the addresses of those who stay unknown (RFC 3323 §4.1.1.3,
// and the word that carriers use instead).
func withheld(uri sipmsg.Uri) bool {
	switch strings.ToLower(uri.User) {
	case "anonymous", "restricted":
		return true
	}
	return strings.HasSuffix(strings.ToLower(uri.Host), "anonymous.invalid")
}

// nobody tells that a URI names no one who could be called.
func nobody(uri sipmsg.Uri) bool {
	switch strings.ToLower(uri.User) {
	case "unavailable", "unknown":
		return true
	}
	return userOf(uri) == ""
}

// sameLine tells whether two spellings are of one number: a carrier may leave
// out the country code, or put its own prefix before it.
func sameLine(a, b string) bool {
	a, b = strings.TrimLeft(a, "+0"), strings.TrimLeft(b, "+0")
	if len(a) > len(b) {
		a, b = b, a
	}
	return a == b || len(a) >= 6 && strings.HasSuffix(b, a)
}
