package sip

import (
	"net/url"
	"strings"
	"unicode"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/signalling"
)

const (
	maxNumber = 64 // characters of a number or user
	maxName   = 64 // characters of a display name
)

// dialled cleans the user part of a sip: or tel: URI: parameters and visual
// separators go (RFC 3966 §5.1.1), a leading "+" stays. It returns "" for what
// nobody could dial.
func dialled(user string) string {
	user, _, _ = strings.Cut(user, ";")
	if plain, err := url.PathUnescape(user); err == nil {
		user = plain
	}
	var b strings.Builder
	for _, r := range user {
		switch {
		case r >= '0' && r <= '9', r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', strings.ContainsRune("*#_", r):
			b.WriteRune(r)
		case r == '+' && b.Len() == 0:
			b.WriteRune(r)
		case strings.ContainsRune("-.() ", r): // visual separators
		default:
			return ""
		}
	}
	if s := b.String(); len(s) <= maxNumber && s != "+" {
		return s
	}
	return ""
}

// userOf is the number inside a URI, "" where there is none.
func userOf(u sipmsg.Uri) string {
	if strings.EqualFold(u.Scheme, "tel") {
		return dialled(u.Raw())
	}
	return dialled(u.User)
}

// displayName drops what could forge a header or confuse a reader: controls,
// quotes, backslashes and the invisible characters that turn text round.
func displayName(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n == maxName {
			break
		}
		if r == '"' || r == '\\' || r == '<' || r == '>' || r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			continue
		}
		b.WriteRune(r)
		n++
	}
	return strings.TrimSpace(b.String())
}

// outward writes a number the way a trunk wants it.
func outward(number, format string) string {
	n := dialled(number)
	if format == formatPlusLess {
		return strings.TrimPrefix(n, "+")
	}
	return n
}

// inward writes a number as the rest of the program knows it. A trunk that
// leaves out the plus means international numbers all the same.
func inward(number, format string) string {
	if format == formatPlusLess && international(number) {
		return "+" + number
	}
	return number
}

// international tells a number with a country code from an extension.
func international(digits string) bool {
	if len(digits) < 8 || len(digits) > 15 || digits[0] == '0' {
		return false
	}
	return !strings.ContainsFunc(digits, func(r rune) bool { return r < '0' || r > '9' })
}

// called is whom an INVITE is for: the Request-URI's user, unless only To
// holds a number of the trunk's.
func called(req *sipmsg.Request, t *trunk) signalling.Party {
	number := userOf(req.Recipient)
	if to := userOf(req.To().Address); !t.owns(number) && t.owns(to) {
		number = to
	}
	return signalling.Party{Number: inward(number, t.NumberFormat)}
}

// caller is who the trunk says is calling. Trunks are trusted, so the network's
// own word in P-Asserted-Identity comes before From (RFC 3325 §9.1).
func caller(req *sipmsg.Request, t *trunk) signalling.Party {
	from := req.From()
	uri, name := from.Address, from.DisplayName
	if h := req.GetHeader("p-asserted-identity"); h != nil {
		var asserted sipmsg.Uri
		var params sipmsg.HeaderParams
		first, _, _ := strings.Cut(h.Value(), ">,")
		if !strings.HasSuffix(first, ">") && strings.Contains(first, "<") {
			first += ">"
		}
		if n, err := sipmsg.ParseAddressValue(first, &asserted, &params); err == nil && userOf(asserted) != "" {
			uri = asserted
			if n != "" {
				name = n
			}
		}
	}
	if withheld(req, uri) {
		return signalling.Party{}
	}
	return signalling.Party{Number: inward(userOf(uri), t.NumberFormat), Name: displayName(name)}
}

// withheld tells whether the caller wants to stay unknown (RFC 3323 §4.2,
// RFC 3325 §9.3, and the names that carriers use instead).
func withheld(req *sipmsg.Request, uri sipmsg.Uri) bool {
	for _, h := range req.GetHeaders("privacy") {
		for _, word := range strings.FieldsFunc(strings.ToLower(h.Value()), func(r rune) bool { return r == ';' || r == ',' || r == ' ' }) {
			if word == "id" || word == "user" || word == "full" || word == "header" {
				return true
			}
		}
	}
	switch strings.ToLower(uri.User) {
	case "", "anonymous", "restricted", "unavailable", "unknown":
		return !strings.EqualFold(uri.Scheme, "tel")
	}
	return strings.HasSuffix(strings.ToLower(uri.Host), "anonymous.invalid")
}
