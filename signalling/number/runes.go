package number

import "unicode"

// ornament stands for a character that people write between digits.
const ornament = -1

// plain turns a character into the ASCII one it stands for, letters into upper
// case, and separators and invisible marks into ornament.
func plain(r rune) rune {
	switch {
	case r >= 0xFF01 && r <= 0xFF5E: // full-width forms
		r -= 0xFF01 - '!'
	case r >= '٠' && r <= '٩': // Arabic-Indic
		r -= '٠' - '0'
	case r >= '۰' && r <= '۹': // extended Arabic-Indic
		r -= '۰' - '0'
	}
	switch {
	case r >= 'a' && r <= 'z':
		return r - 'a' + 'A'
	case separates(r):
		return ornament
	}
	return r
}

// separates tells whether a character may stand between digits: space, dash,
// dot, slash, bracket, or an invisible mark that came along with a copy.
func separates(r rune) bool {
	switch r {
	case '.', '/', '(', ')', '[', ']', '·', '−', 'ー', 0x00AD:
		return true
	}
	return unicode.In(r, unicode.Zs, unicode.Pd, unicode.Cf)
}
