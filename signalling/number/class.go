package number

import (
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// Class is what kind of number it is: what it may cost, and whom it reaches.
type Class uint8

// The classes.
const (
	Ordinary    Class = iota // landlines, mobiles, freephone, and what is not known
	Extension                // a few digits that are no code of the country: inside a PBX
	ShortCode                // a code of the country, such as an information line
	ServiceCode              // with * or #: it orders something, such as a diversion, from the trunk
	Emergency                // an emergency service
	Premium                  // the caller pays the called party
	SharedCost               // the caller pays more than for a landline
	Personal                 // follows a person to any other number, at any price
	Pager                    // takes messages, often at a premium
	Satellite                // satellite phones and other networks of no country
	classes
)

var classNames = [classes]string{"ordinary", "extension", "short-code", "service-code", "emergency", "premium", "shared-cost", "personal", "pager", "satellite"}

// String is the class as the configuration file has it.
func (c Class) String() string {
	if c < classes {
		return classNames[c]
	}
	return "unknown"
}

// Class says what kind of number it is, as Parse returned it. A number that no
// range of its country holds is Ordinary, because new ranges come every month;
// unless it begins like one of another class.
func (p *Plan) Class(number string) Class {
	digits, whole := strings.CutPrefix(number, "+")
	switch {
	case strings.ContainsAny(digits, "*#"):
		return ServiceCode
	case !whole:
		return shortClass(digits, p.country)
	}
	n, err := phonenumbers.Parse(number, p.country)
	if err != nil {
		return Ordinary
	}
	return p.wholeClass(n)
}

func (p *Plan) wholeClass(n *phonenumbers.PhoneNumber) Class {
	if global(n) {
		return globalClass(n)
	}
	region, nsn := p.region(n), phonenumbers.GetNationalSignificantNumber(n)
	if c := classOf(phonenumbers.GetNumberType(n)); c != Ordinary {
		return c
	}
	if len(nsn) <= maxShort { // "+49 110": a short code behind a country code
		if c := shortClass(nsn, region); c == Emergency || c == Premium {
			return c
		}
	}
	if !phonenumbers.IsValidNumber(n) {
		return kin(n, nsn, region)
	}
	return Ordinary
}

// costly are the types of the library that are classes here.
var costly = [...]phonenumbers.PhoneNumberType{phonenumbers.PREMIUM_RATE, phonenumbers.SHARED_COST,
	phonenumbers.PERSONAL_NUMBER, phonenumbers.PAGER}

func classOf(t phonenumbers.PhoneNumberType) Class {
	switch t {
	case phonenumbers.PREMIUM_RATE:
		return Premium
	case phonenumbers.SHARED_COST:
		return SharedCost
	case phonenumbers.PERSONAL_NUMBER:
		return Personal
	case phonenumbers.PAGER:
		return Pager
	}
	return Ordinary
}

// kin is the class of an unknown number that begins like a costly one: with
// digits too many, which networks overlook, or with the same three first.
func kin(n *phonenumbers.PhoneNumber, nsn, region string) Class {
	cut := &phonenumbers.PhoneNumber{CountryCode: n.CountryCode, NationalNumber: n.NationalNumber, ItalianLeadingZero: n.ItalianLeadingZero, NumberOfLeadingZeros: n.NumberOfLeadingZeros}
	for range len(nsn) {
		shorter := cut.GetNationalNumber() / 10
		cut.NationalNumber = &shorter
		if c := classOf(phonenumbers.GetNumberType(cut)); c != Ordinary {
			return c
		}
	}
	for _, t := range costly {
		example := phonenumbers.GetExampleNumberForType(region, t)
		if example != nil && len(nsn) > 3 && strings.HasPrefix(phonenumbers.GetNationalSignificantNumber(example), nsn[:3]) {
			return classOf(t)
		}
	}
	return Ordinary
}

// globalClass is the class of a number of no country (ITU-T E.164 annex A).
// What is not known among them is no country's, and may cost anything.
func globalClass(n *phonenumbers.PhoneNumber) Class {
	switch n.GetCountryCode() {
	case 800: // universal international freephone, ITU-T E.169.1
		return Ordinary
	case 808: // international shared cost, ITU-T E.169.3
		return SharedCost
	case 878: // universal personal telecommunication, ITU-T E.168
		return Personal
	case 979: // international premium rate, ITU-T E.169.2
		return Premium
	}
	return Satellite
}
