package signalling

import "testing"

func TestVisible(t *testing.T) {
	for words, want := range map[string]string{
		"  Widgets Inc\r\n": "Widgets Inc", "a\u202eb\u2066c\u200bd\u00ade\ufeff": "abcde", "x\x00\x1b[31my": "x[31my",
		"\xff\xfeok": "ok", "Müller 🙂": "Müller 🙂", "abcdefghij klm": "abcdefghij", "": "", "\u202e": "",
	} {
		if got := Visible(words, 11); got != want {
			t.Errorf("%q became %q, expected %q", words, got, want)
		}
	}
}
