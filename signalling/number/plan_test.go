package number

import (
	"errors"
	"strings"
	"testing"
)

func plan(t testing.TB, country string) *Plan {
	t.Helper()
	p, err := New(country)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestParse is T62 of the mapping tables: everything a dial pad sends.
func TestParse(t *testing.T) {
	for _, c := range []struct{ country, typed, want string }{
		// international
		{"DE", "+493012345678", "+493012345678"},
		{"DE", "+49 30 1234-5678", "+493012345678"},
		{"DE", "+49 (0)30 12345678", "+493012345678"},
		{"DE", "(+49) 30/12345678", "+493012345678"},
		{"DE", "0049 30 12345678", "+493012345678"},
		{"DE", "00 44 20 7946 0958", "+442079460958"},
		{"DE", "+39 06 6982", "+39066982"}, // Italy keeps its zero
		{"US", "011 49 30 12345678", "+493012345678"},
		{"US", "00 49 30 12345678", "+493012345678"},
		{"AU", "0011 49 30 12345678", "+493012345678"},
		{"DE", "+800 1234 5678", "+80012345678"}, // freephone of the whole world
		// a URL lost its plus
		{"DE", " 4930123", "+4930123"},
		{"US", " 493012345678", "+493012345678"},
		{"DE", " 030 12345678", "+493012345678"},
		{"DE", " 110", "110"},
		// national
		{"DE", "030 12345678", "+493012345678"},
		{"DE", "030.123.456.78", "+493012345678"},
		{"DE", "0151-23456789", "+4915123456789"},
		{"DE", "493012345678", "+493012345678"},
		{"GB", "020 7946 0958", "+442079460958"},
		{"GB", "01818118181", "+441818118181"},
		{"US", "(415) 555-0100", "+14155550100"},
		{"US", "1.415.555.0100", "+14155550100"},
		{"FR", "01 23 45 67 89", "+33123456789"},
		{"DK", "32 12 34 56", "+4532123456"},
		{"FO", "201234", "+298201234"}, // whole numbers of six digits
		{"JP", "０３（１２３４）５６７８", "+81312345678"},
		{"JP", "＋81 3 1234 5678", "+81312345678"},
		{"AE", "+٩٧١٤١٢٣٤٥٦٧", "+97141234567"},
		{"DE", "\u202a+49\u00a030\u201112345678\u202c", "+493012345678"}, // copied from a page
		// letters
		{"US", "1-800-FLOWERS", "+18003569377"},
		{"US", "1-800-go-fedex", "+18004633339"},
		// URIs
		{"DE", "tel:+49-30-12345678", "+493012345678"},
		{"DE", "TEL:030%2012345678", "+493012345678"},
		{"DE", "tel:12345678;phone-context=+4930", "+493012345678"},
		{"DE", "sip:+493012345678@example.org;user=phone", "+493012345678"},
		{"DE", "sip:%2B493012345678@example.org", "+493012345678"},
		{"DE", "sips:1001@pbx.example.org", "1001"},
		// short codes, extensions, emergencies
		{"DE", "110", "110"},
		{"DE", "1 1 2", "112"},
		{"US", "911", "911"},
		{"GB", "999", "999"},
		{"DE", "0", "0"},
		{"DE", "11833", "11833"},
		{"DE", "1001", "1001"},
		{"DE", "30123", "30123"},
		{"US", "2001", "2001"},
		{"US", "100", "100"},
		{"FO", "112", "112"},
		// service codes
		{"DE", "*100#", "*100#"},
		{"DE", "*21*030 123#", "*21*030123#"},
		{"DE", "＊31＃", "*31#"},
	} {
		t.Run(c.country+" "+c.typed, func(t *testing.T) {
			p := plan(t, c.country)
			got, err := p.Parse(c.typed)
			if got != c.want || err != nil {
				t.Errorf("Parse(%q) in %s: got %q, %v; want %q", c.typed, c.country, got, err, c.want)
			}
			if again, err := p.Parse(got); again != got || err != nil {
				t.Errorf("Parse(%q) again: got %q, %v", got, again, err)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct {
		country, typed string
		want           error
		says           string
	}{
		{"DE", "", ErrEmpty, "no number"},
		{"DE", " \u00a0\t", ErrInvalid, "belong"},
		{"DE", "   ", ErrEmpty, "no number"},
		{"DE", "tel:", ErrEmpty, "no number"},
		{"DE", "+", ErrInvalid, "no digits"},
		{"DE", "()-", ErrInvalid, "no digits"},
		{"DE", "hello", ErrInvalid, "letters"},
		{"DE", "@alice:example.org", ErrInvalid, "colon"},
		{"DE", "sip:alice@example.org", ErrInvalid, "letters"},
		{"DE", "030 12345678 ext 12", ErrInvalid, "letters"},
		{"DE", "030 12345678x12", ErrInvalid, "letters"},
		{"DE", "030+12345678", ErrInvalid, "belong"},
		{"DE", "*31#+493012345678", ErrInvalid, "belong"},
		{"DE", "+*31#", ErrInvalid, "service code"},
		{"DE", "tel:%zz", ErrInvalid, "misplaced"},
		{"DE", "030 1234567890123456", ErrInvalid, "long"},
		{"DE", "+999 1234567", ErrInvalid, "no country"},
		{"US", "555-0100", ErrInvalid, "area code"},
		{"US", "415 555 01000", ErrInvalid, "long"},
		{"DE", "030\x00123456", ErrInvalid, "belong"},
		{"DE", "030\xff123456", ErrInvalid, "belong"},
		{"DE", strings.Repeat("1", 65), ErrInvalid, "64 bytes"},
	} {
		got, err := plan(t, c.country).Parse(c.typed)
		if got != "" || !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("Parse(%q) in %s: got %q, %v; want an error with %q", c.typed, c.country, got, err, c.says)
		}
	}
}

func TestFormat(t *testing.T) {
	p := plan(t, "DE")
	for in, want := range map[string]string{
		"+493012345678": "+49 30 12345678",
		"+14155550100":  "+1 415-555-0100",
		"+442079460958": "+44 20 7946 0958",
		"110":           "110",
		"1001":          "1001",
		"*100#":         "*100#",
		"":              "",
		"+":             "+",
		"+nonsense":     "+nonsense",
		"anonymous":     "anonymous",
	} {
		if got := p.Format(in); got != want {
			t.Errorf("Format(%q): got %q, want %q", in, got, want)
		}
	}
}

func TestNew(t *testing.T) {
	for in, says := range map[string]string{
		"": "no country", "UK": `"GB"`, "Germany": "two letters", "D1": "two letters", "XX": `code "XX"`, "ÄÖ": "two letters",
	} {
		if p, err := New(in); err == nil || p != nil || !strings.Contains(err.Error(), says) {
			t.Errorf("New(%q): got %v, want an error with %q", in, err, says)
		}
	}
	if p := plan(t, "de"); p.Country() != "DE" {
		t.Errorf("got %q", p.Country())
	}
}
