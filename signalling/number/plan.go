// Package number reads telephone numbers as people type them.
package number

import (
	"errors"
	"fmt"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// The reasons why something typed is no telephone number.
var (
	ErrEmpty   = errors.New("no number was typed")
	ErrInvalid = errors.New("not a telephone number")
)

// Plan is the numbering plan of the country from which people dial. It holds
// nothing that changes, so any goroutine may use it.
type Plan struct {
	country string // ISO 3166-1 alpha-2, upper case
	prefix  string // trunk prefix of national numbers, such as "0"; may be empty
}

// New makes the plan of a country, named as in ISO 3166-1 alpha-2 ("DE").
func New(country string) (*Plan, error) {
	code := strings.ToUpper(country)
	switch {
	case code == "":
		return nil, errors.New(`no country given; expected two letters like "DE"`)
	case code == "UK":
		return nil, errors.New(`"UK" is no ISO 3166 country code; the United Kingdom is "GB"`)
	case len(code) != 2 || strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "":
		return nil, fmt.Errorf(`%.20q is no country; expected two letters like "DE"`, country)
	case !phonenumbers.GetSupportedRegions()[code]:
		return nil, fmt.Errorf("no country with telephone numbers has the ISO 3166 code %q", code)
	}
	return &Plan{country: code, prefix: phonenumbers.GetNddPrefixForRegion(code, true)}, nil
}

// Country is the country's code, in upper case.
func (p *Plan) Country() string { return p.country }

// Parse turns what was typed into an E.164 number ("+493012345"). Emergency
// numbers, short codes and internal extensions (up to six digits) stay digits
// without "+", and service codes keep their * and #. The result holds only
// these characters, and parses to itself. Errors wrap ErrEmpty or ErrInvalid.
func (p *Plan) Parse(typed string) (string, error) {
	if len(typed) > maxTyped {
		return "", fmt.Errorf("%w: longer than %d bytes", ErrInvalid, maxTyped)
	}
	t, err := scan(typed)
	if err != nil {
		return "", err
	}
	switch {
	case t.service:
		return t.digits, nil
	case t.plus:
		return p.international(t.digits)
	case p.short(t.digits):
		return t.digits, nil
	}
	return p.local(t)
}

// Format writes a number as people read it: "+49 30 1234567". What is no
// E.164 number is returned unchanged.
func (p *Plan) Format(number string) string {
	if !strings.HasPrefix(number, "+") {
		return number
	}
	n, err := phonenumbers.Parse(number, p.country)
	if err != nil || phonenumbers.Format(n, phonenumbers.E164) != number {
		return number
	}
	return phonenumbers.Format(n, phonenumbers.INTERNATIONAL)
}
