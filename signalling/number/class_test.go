package number

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/nyaruka/phonenumbers"
)

func TestClass(t *testing.T) {
	for _, c := range []struct {
		country, number string
		want            Class
	}{
		{"DE", "+493023125606", Ordinary},
		{"DE", "+49302312580450", Ordinary},
		{"DE", "+4988000450", Ordinary}, // in no range that the library knows
		{"DE", "+498800045012", Ordinary},
		{"DE", "+498001234567", Ordinary}, // freephone
		{"DE", "+80012345678", Ordinary},
		{"DE", "1001", Extension},
		{"DE", "30123", Extension},
		{"DE", "0", Extension},
		{"DE", "115", ShortCode},
		{"DE", "116117", ShortCode},
		{"DE", "11833", Premium}, // directory enquiries
		{"DE", "+4911833", Premium},
		{"DE", "118", Extension},
		{"DE", "110", Emergency},
		{"DE", "112", Emergency},
		{"DE", "+49110", Emergency},
		{"DE", "1100", Extension},
		{"US", "911", Emergency},
		{"GB", "999", Emergency},
		{"US", "2001", ShortCode},
		{"FR", "3201", Premium},
		{"DE", "*21*030123#", ServiceCode},
		{"DE", "+499001234567", Premium},
		{"DE", "+4990012345678", Premium}, // a digit too many
		{"DE", "+4990012345678901", Premium},
		{"DE", "+499002000000", Premium},
		{"US", "+19005550123", Premium},
		{"DE", "+491371234567", SharedCost},
		{"DE", "+491803123456", SharedCost},
		{"DE", "+4970012345678", Personal},
		{"GB", "+447012345678", Personal},
		{"GB", "+447640123456", Pager},
		{"GB", "+449012345678", Premium},
		{"DE", "+870301234567", Satellite},
		{"DE", "+881612345678", Satellite},
		{"DE", "+88213123456", Satellite},
		{"DE", "+883510012345", Satellite},
		{"DE", "+88812345678901", Satellite},
		{"DE", "+80812345678", SharedCost},
		{"DE", "+878101234567890", Personal},
		{"DE", "+979123456789", Premium},
		{"DE", "+nonsense", Ordinary},
		{"DE", "", Extension},
	} {
		if got := plan(t, c.country).Class(c.number); got != c.want {
			t.Errorf("%s in %s is %v, want %v", c.number, c.country, got, c.want)
		}
	}
}

func TestEmergency(t *testing.T) {
	for _, c := range []struct {
		country, number string
		want            bool
	}{
		{"DE", "110", true}, {"DE", "112", true}, {"DE", "911", false}, {"US", "911", true}, {"US", "112", true}, {"GB", "999", true},
		{"FR", "15", true}, {"AU", "000", true}, {"DE", "1121", false}, {"DE", "+49110", false}, {"DE", "", false},
	} {
		if got := plan(t, c.country).IsEmergency(c.number); got != c.want {
			t.Errorf("%s in %s: %v", c.number, c.country, got)
		}
	}
}

func TestPlace(t *testing.T) {
	for _, c := range []struct{ country, number, of, name, code string }{
		{"DE", "+33123456789", "FR", "France", "+33"},
		{"DE", "+18765551234", "JM", "Jamaica", "JM"},
		{"DE", "+14155550100", "US", "the United States", "US"},
		{"CA", "+19995550100", "CA", "Canada", "CA"}, // nobody's yet
		{"DE", "+19995550100", "US", "the United States", "US"},
		{"GB", "+447797123456", "JE", "Jersey", "JE"},
		{"DE", "+881612345678", Global, "the global network +881", "+881"},
		{"DE", "1001", "DE", "Germany", "DE"},
		{"DE", "+4988000450", "DE", "Germany", "+49"},
		{"DE", "+", "DE", "Germany", "DE"},
	} {
		p := plan(t, c.country)
		if name, code := p.Place(c.number); p.CountryOf(c.number) != c.of || name != c.name || code != c.code {
			t.Errorf("%s from %s leads to %s, %q, %q", c.number, c.country, p.CountryOf(c.number), name, code)
		}
	}
}

// TestEveryCountryHasAName: the table of names and the library know the same countries.
func TestEveryCountryHasAName(t *testing.T) {
	for _, c := range slices.Sorted(maps.Keys(phonenumbers.GetSupportedRegions())) {
		if !Known(c) || Name(c) == c || Name(c) == "" {
			t.Errorf("%s is called %q", c, Name(c))
		}
	}
	if n, m := strings.Count(countries, "\n"), len(phonenumbers.GetSupportedRegions()); n != m {
		t.Errorf("%d names for %d countries", n, m)
	}
	if Known("XX") || Name("XX") != "XX" {
		t.Error("XX is a country")
	}
}

// TestClassesOfEveryCountry: the library's own examples, with and without
// digits too many, are of their classes. S14 of the threats in part.
func TestClassesOfEveryCountry(t *testing.T) {
	seen := 0
	for _, region := range slices.Sorted(maps.Keys(phonenumbers.GetSupportedRegions())) {
		for _, typ := range costly {
			example := phonenumbers.GetExampleNumberForType(region, typ)
			if example == nil || classOf(phonenumbers.GetNumberType(example)) != classOf(typ) {
				continue // or of two types at once
			}
			for _, more := range []string{"", "1", "00"} {
				typed := phonenumbers.Format(example, phonenumbers.E164) + more
				number, err := plan(t, region).Parse(typed)
				if err != nil || number != typed {
					continue // too long, or its first digit was taken for a trunk prefix
				}
				seen++
				if got := plan(t, region).Class(number); got == Ordinary || more == "" && got != classOf(typ) {
					t.Errorf("%s in %s is %v", number, region, got)
				}
			}
		}
	}
	if seen < 400 {
		t.Errorf("only %d numbers were looked at", seen)
	}
}

func TestClassNames(t *testing.T) {
	for c := Ordinary; c <= classes; c++ {
		if s := fmt.Sprint(c); s == "" || (s == "unknown") != (c == classes) {
			t.Errorf("class %d is %q", c, s)
		}
	}
}
