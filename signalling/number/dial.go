package number

import (
	"fmt"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// maxShort is the length of the longest extension or short code.
const maxShort = 6

// short tells whether digits, typed without "+", are dialled as they are. Up
// to six digits are, unless the country writes its whole numbers like that.
func (p *Plan) short(digits string) bool {
	if phonenumbers.IsEmergencyNumber(digits, p.country) {
		return true
	}
	return len(digits) <= maxShort && !p.wholeNumber(digits)
}

// wholeNumber tells whether a few digits are a complete national number: they
// carry the trunk prefix, or the country has none.
func (p *Plan) wholeNumber(digits string) bool {
	if !strings.HasPrefix(digits, p.prefix) {
		return false
	}
	n, err := phonenumbers.Parse(digits, p.country)
	return err == nil && phonenumbers.IsValidNumberForRegion(n, p.country)
}

// local reads digits without "+". A lost "+" is tried first where a space
// stands in its place; then the country's own rules; then "00", which people
// type for "+" even where the country's prefix is another.
func (p *Plan) local(t typing) (string, error) {
	n, err := p.parse(t.digits)
	if t.space {
		if m, err2 := p.parse("+" + t.digits); err2 == nil && (m.valid || !n.valid) {
			return m.e164, nil
		}
	}
	if rest, ok := strings.CutPrefix(t.digits, "00"); ok && !n.valid {
		if m, err2 := p.parse("+" + rest); err2 == nil {
			return m.e164, nil
		}
	}
	return n.e164, err
}

func (p *Plan) international(digits string) (string, error) {
	n, err := p.parse("+" + digits)
	return n.e164, err
}

// parsed is a possible number; valid tells whether it lies in a range that is
// known to be in use, which new ranges may not yet be.
type parsed struct {
	e164  string
	valid bool
}

// parse reads a number until its E.164 form stays the same: "+49 (0)30" loses
// its 0, and a number that loses digits time and again is none.
func (p *Plan) parse(number string) (parsed, error) {
	for range 3 {
		n, err := phonenumbers.Parse(number, p.country)
		if err != nil {
			return parsed{}, fmt.Errorf("%w: %s", ErrInvalid, why(err))
		}
		if r := phonenumbers.IsPossibleNumberWithReason(n); r != phonenumbers.IS_POSSIBLE {
			return parsed{}, fmt.Errorf("%w: %s", ErrInvalid, lack(r))
		}
		e164 := phonenumbers.Format(n, phonenumbers.E164)
		if e164 == number {
			return parsed{e164, phonenumbers.IsValidNumber(n)}, nil
		}
		number = e164
	}
	return parsed{}, fmt.Errorf("%w: too many leading zeros", ErrInvalid)
}
