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

// read is a number that a trunk names within a call, as the rest of the program
// knows it: permissions and the dial plan compare numbers of one spelling.
func (t *trunk) read(written string) string {
	number := inward(written, t.NumberFormat)
	if number == "" || t.agent == nil || t.agent.cfg.Read == nil {
		return number
	}
	return t.agent.cfg.Read(number)
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
	if t.enrols.is(req.Recipient) {
		number = t.reached(req)
	} else if to := userOf(req.To().Address); !t.owns(number) && t.owns(to) {
		number = to
	}
	return signalling.Party{Number: inward(number, t.NumberFormat)}
}
