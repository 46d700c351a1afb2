package signalling

import (
	"strings"
	"unicode"
)

// Visible makes a stranger's words harmless to show: without control characters
// and marks that nobody sees, such as those that reverse the direction of
// writing, and no longer than most characters.
func Visible(words string, most int) string {
	words = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(words, ""))
	r := []rune(strings.TrimSpace(words))
	return strings.TrimSpace(string(r[:min(len(r), most)]))
}
