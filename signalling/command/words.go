package command

import (
	"strings"
	"unicode"
)

// plain writes a line with the characters that keyboards and clients make of
// the simple ones: full-width forms, digits of other scripts, typographic
// quotes and dashes, and marks that nobody sees.
func plain(line string) string {
	line = strings.Map(func(r rune) rune {
		switch {
		case r >= 0xFF01 && r <= 0xFF5E: // full-width forms
			return r - 0xFF01 + '!'
		case r >= '٠' && r <= '٩': // Arabic-Indic
			return r - '٠' + '0'
		case r >= '۰' && r <= '۹': // extended Arabic-Indic
			return r - '۰' + '0'
		case unicode.Is(unicode.Zs, r) || r == '\t':
			return ' '
		case strings.ContainsRune("“”„«»", r):
			return '"'
		case !unicode.IsPrint(r) || unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(line, ""))
	return strings.NewReplacer(" —", " --", " –", " --").Replace(line) // what editors make of "--"
}

// words splits a line at spaces, but not within quotes.
func words(line string) ([]string, error) {
	var all []string
	var word strings.Builder
	quoted, begun := false, false
	for _, r := range line {
		switch {
		case r == '"':
			quoted, begun = !quoted, true
		case r == ' ' && !quoted:
			if begun {
				all = append(all, word.String())
			}
			begun = false
			word.Reset()
		default:
			word.WriteRune(r)
			begun = true
		}
	}
	if quoted {
		return nil, Mistake("A quotation mark is missing.")
	}
	if begun {
		all = append(all, word.String())
	}
	return all, nil
}

// short keeps what a person typed within a line.
func short(s string) string {
	if r := []rune(s); len(r) > 32 {
		return string(r[:32]) + "…"
	}
	return s
}

// Number tells whether a message is nothing but a telephone number, as people
// write it. Whether anybody has it is not asked.
func Number(body string) (string, bool) {
	number, digits := digitsOf(body)
	return number, digits >= 5 // fewer are a year, or a price
}

// Answer is Number for who was asked for one: it may be a short code.
func Answer(body string) (string, bool) {
	number, digits := digitsOf(body)
	return number, digits >= 1
}

// digitsOf counts the digits of a number; none if it is anything else.
func digitsOf(body string) (number string, digits int) {
	line := strings.TrimSpace(plain(head(body)))
	if len(body) > 64 || strings.Contains(strings.TrimSpace(body), "\n") {
		return "", 0
	}
	bare := strings.TrimPrefix(strings.ToLower(line), "tel:")
	for i, r := range bare {
		switch {
		case r >= '0' && r <= '9':
			digits++
		case r == '+' && i == 0:
		case !strings.ContainsRune(" -./()", r):
			return "", 0
		}
	}
	return bare, digits
}
