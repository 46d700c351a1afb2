package nearest

import (
	"strings"
	"testing"
)

// TestWord: letters missing, swapped or too many are forgiven; another word is not.
func TestWord(t *testing.T) {
	known := []string{"host", "transport", "username", "password", "realm", "numbers", "caller_id", "codecs"}
	for word, want := range map[string]string{"hots": "host", "usrname": "username", "user": "username", "pasword": "password",
		"number": "numbers", "codec": "codecs", "callerid": "caller_id", "xyzzy": "", "": "", "h": "", strings.Repeat("host", 99): ""} {
		if got := Word(word, known); got != want {
			t.Errorf("Word(%.20q): got %q, want %q", word, got, want)
		}
	}
}
