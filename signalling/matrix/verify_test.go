package matrix

import (
	"fmt"
	"strings"
	"testing"

	"roomline/signalling/matrix/e2ee"
)

var shownShort = e2ee.Short{Emoji: [7]e2ee.Emoji{{Picture: "🐶", Name: "Dog"}, {Picture: "🐱", Name: "Cat"}, {Picture: "🦁", Name: "Lion"},
	{Picture: "🐎", Name: "Horse"}, {Picture: "🦄", Name: "Unicorn"}, {Picture: "🐷", Name: "Pig"}, {Picture: "📌", Name: "Pin"}}, Decimals: [3]int{1000, 2345, 9191}}

// What is to be compared is said with pictures, names and numbers.
func TestComparing(t *testing.T) {
	got := comparing(e2ee.Verification{Short: shownShort})
	for _, want := range []string{"🐶 Dog", "📌 Pin", "1000 2345 9191", "!verify yes", "!verify no", "I have no eyes"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q lacks %q", got, want)
		}
	}
}

func TestPeopleInWords(t *testing.T) {
	key := "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopq"
	for want, p := range map[string]e2ee.Person{
		"@a:x has no identity of its own":         {User: "@a:x"},
		"ABCD EFGH IJKL":                          {User: "@a:x", Master: key, First: true},
		"It is the first that I saw":              {User: "@a:x", Master: key, First: true},
		"It is confirmed":                         {User: "@a:x", Master: key, Confirmed: true},
		"It is not the one that I saw first, and": {User: "@a:x", Master: key},
	} {
		if got := identityOf(p); !strings.Contains(got, want) {
			t.Errorf("%+v is %q, expected %q", p, got, want)
		}
	}
	if got := fingerprint(key); strings.ReplaceAll(got, " ", "") != key || len(strings.Fields(got)) != 11 {
		t.Error(got)
	}
	for want, d := range map[string]e2ee.Listed{
		"PHONE (Element), signed by its owner: may call.": {ID: "PHONE", Name: "Element", Signed: true},
		"PHONE, not signed by its owner: refused, because it is not. Sign it.": {ID: "PHONE",
			Refused: &e2ee.Untrusted{Why: "it is not", Fix: "Sign it."}},
		"PHONE (twolines), signed by its owner: may call.": {ID: "PHONE", Name: "two\nlines", Signed: true},
	} {
		if got := deviceLine(d); got != want {
			t.Errorf("%+v is %q, expected %q", d, got, want)
		}
	}
}

// A room is told how a verification in it goes, and no other is.
func TestAttested(t *testing.T) {
	r := newRig(t)
	r.c.attested(e2ee.Verification{Ours: ghost, Stage: e2ee.Comparing})
	for _, c := range []struct {
		v    e2ee.Verification
		want string
	}{
		{e2ee.Verification{Stage: e2ee.Comparing, Short: shownShort}, "1000 2345 9191"},
		{e2ee.Verification{Stage: e2ee.Compared, Master: "key"}, "Verified."},
		{e2ee.Verification{Stage: e2ee.Compared}, "has shown no identity"},
		{e2ee.Verification{Stage: e2ee.Ended, Why: "nobody went on"}, "has ended: nobody went on."},
	} {
		c.v.Ours, c.v.Room = ghost, room
		r.c.attested(c.v)
		if got := fmt.Sprint(r.expect(typeNotice).Body["body"]); !strings.Contains(got, c.want) {
			t.Errorf("the room is told %q, expected %q", got, c.want)
		}
	}
	r.quiet()
}
