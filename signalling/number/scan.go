package number

import (
	"fmt"
	"net/url"
	"strings"
	"unicode"
)

// maxTyped bounds what is read, in bytes.
const maxTyped = 64

// typing is what was typed, without the ornaments.
type typing struct {
	digits  string // 0-9, and * and # in a service code
	plus    bool   // a "+" came first
	space   bool   // a space came first, where a URL may have had a "+"
	service bool   // * or # is among the digits
	letters int
}

// scan takes the digits out of what was typed.
func scan(typed string) (typing, error) {
	t := typing{}
	bare, err := unwrap(typed)
	if err != nil {
		return t, err
	}
	t.space = strings.HasPrefix(bare, " ")
	var b strings.Builder
	for _, r := range bare {
		if err := t.rune(&b, plain(r)); err != nil {
			return t, err
		}
	}
	t.digits = b.String()
	return t, t.check(strings.ToLower(bare))
}

// rune adds one character of the number to b.
func (t *typing) rune(b *strings.Builder, r rune) error {
	switch {
	case r >= '0' && r <= '9':
		b.WriteRune(r)
	case r == '*' || r == '#':
		t.service = true
		b.WriteRune(r)
	case r == '+' && b.Len() == 0 && !t.plus:
		t.plus = true
	case r >= 'A' && r <= 'Z':
		t.letters++
		b.WriteByte(keypad[r-'A'])
	case r != ornament:
		return fmt.Errorf("%w: %q does not belong in one", ErrInvalid, r)
	}
	return nil
}

// check refuses what scans but cannot be meant.
func (t *typing) check(bare string) error {
	switch {
	case t.digits == "" && strings.TrimSpace(bare) == "":
		return ErrEmpty
	case t.digits == "":
		return fmt.Errorf("%w: it has no digits", ErrInvalid)
	case t.letters > 0 && !t.vanity(bare):
		return fmt.Errorf("%w: it has letters", ErrInvalid)
	case t.service && t.plus:
		return fmt.Errorf("%w: a service code has no +", ErrInvalid)
	}
	return nil
}

// vanity tells a number spelt on the keypad, like 1-800-FLOWERS, from text
// and from an extension such as "ext 12".
func (t *typing) vanity(bare string) bool {
	words := strings.FieldsFunc(bare, func(r rune) bool { return !unicode.IsLetter(r) })
	for _, w := range words {
		if w == "ext" || w == "extension" || w == "x" {
			return false
		}
	}
	return t.letters >= 3 && t.letters < len(t.digits) && len(t.digits) >= 7 && !t.service
}

// keypad is ITU-T E.161 option A: the digit under each letter from A to Z.
const keypad = "22233344455566677778889999"

// unwrap takes the number out of a tel: URI (RFC 3966 §3) or the user part of
// a sip: or sips: one (RFC 3261 §19.1.1).
func unwrap(typed string) (string, error) {
	scheme, rest, ok := strings.Cut(typed, ":")
	scheme = strings.ToLower(strings.TrimSpace(scheme))
	switch {
	case !ok:
		return typed, nil
	case scheme == "sip" || scheme == "sips":
		rest, _, _ = strings.Cut(rest, "@")
	case scheme != "tel":
		return "", fmt.Errorf("%w: expected tel: or sip: before the colon", ErrInvalid)
	}
	number, params, _ := strings.Cut(rest, ";")
	number, err := url.PathUnescape(number)
	if err != nil {
		return "", fmt.Errorf("%w: a %% in it is misplaced", ErrInvalid)
	}
	return within(params) + number, nil
}

// within is the "+49" of a tel: URI's phone-context (RFC 3966 §5.1.5).
func within(params string) string {
	for param := range strings.SplitSeq(params, ";") {
		if c, ok := strings.CutPrefix(param, "phone-context="); ok && strings.HasPrefix(c, "+") {
			return c
		}
	}
	return ""
}
