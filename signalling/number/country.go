package number

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// Global stands for numbers that belong to no country, such as +800 and +881
// (UN M.49 has this code for the world, and the library too).
const Global = "001"

//go:embed countries.txt
var countries string

// Known tells whether two letters are a country that has telephone numbers.
func Known(country string) bool { return phonenumbers.GetSupportedRegions()[country] }

// CountryOf is the country of a number as Parse returned it, as in ISO 3166-1
// alpha-2, or Global. What is dialled without "+" belongs to the plan's own.
// Where countries share a code and nothing tells whose an unknown number is,
// it counts as the plan's own.
func (p *Plan) CountryOf(number string) string {
	if !strings.HasPrefix(number, "+") {
		return p.country
	}
	n, err := phonenumbers.Parse(number, p.country)
	switch {
	case err != nil:
		return p.country
	case global(n):
		return Global
	}
	return p.region(n)
}

func (p *Plan) region(n *phonenumbers.PhoneNumber) string {
	sharing := phonenumbers.GetRegionCodesForCountryCode(int(n.GetCountryCode()))
	region := phonenumbers.GetRegionCodeForNumber(n)
	switch {
	case region != "" || len(sharing) == 0:
		return region
	case slices.Contains(sharing, p.country):
		return p.country
	}
	return sharing[0]
}

func global(n *phonenumbers.PhoneNumber) bool {
	return phonenumbers.GetRegionCodeForCountryCode(int(n.GetCountryCode())) == Global
}

// Place says in words where a number leads, and in how few digits or letters
// that can be written: "France" and "+33", "Jamaica" and "JM".
func (p *Plan) Place(number string) (name, code string) {
	country := p.CountryOf(number)
	n, err := phonenumbers.Parse(number, p.country)
	switch {
	case err != nil || !strings.HasPrefix(number, "+"):
		return Name(country), country
	case country == Global:
		code = fmt.Sprintf("+%d", n.GetCountryCode())
		return "the global network " + code, code
	case len(phonenumbers.GetRegionCodesForCountryCode(int(n.GetCountryCode()))) > 1:
		return Name(country), country
	}
	return Name(country), fmt.Sprintf("+%d", n.GetCountryCode())
}

// Name is a country's English name, or its code where it has none.
func Name(country string) string {
	for line := range strings.Lines(countries) {
		if name, ok := strings.CutPrefix(line, country+" "); ok {
			return strings.TrimSpace(name)
		}
	}
	return country
}
