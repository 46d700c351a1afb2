package number

import (
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// IsEmergency tells whether a number, as Parse returned it, is one of the
// country's emergency numbers, dialled as people dial them.
func (p *Plan) IsEmergency(number string) bool {
	return !strings.HasPrefix(number, "+") && phonenumbers.IsEmergencyNumber(number, p.country)
}

// shortClass is the class of digits that are dialled as they are in a country.
func shortClass(digits, country string) Class {
	switch {
	case phonenumbers.IsEmergencyNumber(digits, country):
		return Emergency
	case premiumCode(digits, country):
		return Premium
	case shortCode(digits, country):
		return ShortCode
	}
	return Extension
}

// shortCode tells whether a country has such a short code.
func shortCode(digits, country string) bool {
	meta := shortPlan(country)
	return meta != nil && matches(digits, meta.GetShortCode())
}

// premiumCode tells whether a country's short code costs a premium. Directory
// enquiries (118 and more, by the decision of CEPT) do, and put calls through.
func premiumCode(digits, country string) bool {
	meta := shortPlan(country)
	if meta == nil {
		return false
	}
	enquiries := strings.HasPrefix(digits, "118") && len(digits) > 3 && matches(digits, meta.GetShortCode())
	return enquiries || matches(digits, meta.GetPremiumRate())
}

func matches(digits string, desc *phonenumbers.PhoneNumberDesc) bool {
	return desc != nil && desc.GetNationalNumberPattern() != "" && phonenumbers.MatchNationalNumber(digits, desc, false)
}

// shortPlan is the library's table of a country's short codes.
func shortPlan(country string) *phonenumbers.PhoneMetadata {
	all, err := phonenumbers.ShortNumberMetadataCollection()
	if err != nil {
		return nil
	}
	for _, meta := range all.GetMetadata() {
		if meta.GetId() == country {
			return meta
		}
	}
	return nil
}
