package number

import (
	"strings"
	"testing"
)

func FuzzParse(f *testing.F) {
	for _, s := range []string{"+49 (0)30 1234", " 4930123", "1-800-FLOWERS", "*100#", "tel:1;phone-context=+1", "sip:%2B49@x", "0049", "０３", "+4900000301234"} {
		for i := range uint8(8) {
			f.Add(s, i)
		}
	}
	countries := []string{"DE", "US", "GB", "IT", "AR", "BR", "JP", "MX"}
	f.Fuzz(func(t *testing.T, typed string, country uint8) {
		p := plan(t, countries[int(country)%len(countries)])
		got, err := p.Parse(typed)
		if err != nil {
			if got != "" {
				t.Fatalf("%q came with the error %v", got, err)
			}
			return
		}
		if got == "" || len(got) > maxTyped || strings.Trim(got, "+0123456789*#") != "" || strings.LastIndexByte(got, '+') > 0 {
			t.Fatalf("Parse(%q) in %s gave %q", typed, p.country, got)
		}
		if again, err := p.Parse(got); again != got || err != nil {
			t.Fatalf("Parse(%q) in %s gave %q, and that gave %q, %v", typed, p.country, got, again, err)
		}
		p.Format(got)
	})
}
