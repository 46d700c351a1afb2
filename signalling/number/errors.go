package number

import (
	"errors"

	"github.com/nyaruka/phonenumbers"
)

// why says in plain words what the number library found.
func why(err error) string {
	switch {
	case errors.Is(err, phonenumbers.ErrInvalidCountryCode):
		return "no country has this code"
	case errors.Is(err, phonenumbers.ErrNumTooLong):
		return "too long"
	case errors.Is(err, phonenumbers.ErrTooShortNSN), errors.Is(err, phonenumbers.ErrTooShortAfterIDD):
		return "too short"
	}
	return "expected digits"
}

// lack says why no number of that country can be like this.
func lack(r phonenumbers.ValidationResult) string {
	switch r {
	case phonenumbers.IS_POSSIBLE_LOCAL_ONLY:
		return "the area code is missing"
	case phonenumbers.TOO_SHORT:
		return "too short"
	case phonenumbers.TOO_LONG:
		return "too long"
	case phonenumbers.INVALID_COUNTRY_CODE:
		return "no country has this code"
	}
	return "no number has this length"
}
