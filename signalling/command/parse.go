package command

import (
	"errors"
	"fmt"
	"strings"

	"roomline/internal/nearest"
)

// ErrNone says that a message is talk, and no command.
var ErrNone = errors.New("not a command")

// Mistake is a command that cannot be followed; the text is for the person.
type Mistake string

func (m Mistake) Error() string { return string(m) }

// Bounds of what is read.
const (
	maxBody   = 1000 // bytes of a message; no command is as long
	maxTarget = 255  // bytes, as a Matrix user id
	maxDigits = 64
	maxID     = 64
)

// Parse reads the plain body of a message. The error is ErrNone, or a Mistake.
func Parse(body string) (Command, error) {
	line := strings.TrimSpace(plain(head(body)))
	word, rest, ok := verbAt(line)
	if !ok {
		return Command{}, ErrNone
	}
	if len(body) > maxBody {
		return Command{}, Mistake(fmt.Sprintf("That is too long for a command: at most %d bytes are read.", maxBody))
	}
	v, known := verbOf(word)
	if !known {
		return Command{}, unknown(word)
	}
	c := Command{Verb: v}
	return c, c.arguments(words(rest))
}

// Known tells whether a message begins with a word that is a command here. In
// rooms of many people, others may listen to "!" too.
func Known(body string) bool {
	word, _, ok := verbAt(strings.TrimSpace(plain(head(body))))
	_, known := verbOf(word)
	return ok && known
}

// head is the first line of a message, or as much as could be a command.
func head(body string) string {
	body = strings.TrimLeft(body[:min(len(body), maxBody)], " \t\r\n")
	line, _, _ := strings.Cut(body, "\n")
	return line
}

// verbAt takes the verb off a line that begins with "!" and a letter.
func verbAt(line string) (word, rest string, ok bool) {
	line, ok = strings.CutPrefix(line, "!")
	if !ok || line == "" || !letter(line[0]) {
		return "", "", false
	}
	end := strings.IndexAny(line, " \t")
	if end < 0 {
		end = len(line)
	}
	return strings.ToLower(line[:end]), line[end:], true
}

func letter(b byte) bool { return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' }

func unknown(word string) Mistake {
	if near := nearest.Word(word, names()); near != "" {
		return Mistake(fmt.Sprintf("There is no !%s. Did you mean !%s?", short(word), near))
	}
	return Mistake(fmt.Sprintf("There is no !%s. !help lists what there is.", short(word)))
}

// arguments reads what follows the verb.
func (c *Command) arguments(args []string, err error) error {
	if err != nil {
		return err
	}
	switch c.Verb {
	case Dial, Transfer, Assign:
		return c.target(args)
	case DTMF:
		return c.digits(args)
	case Hangup, Why:
		return c.call(args)
	case Verify:
		return c.answer(args)
	case Trust, Devices:
		return c.user(args)
	case Help:
		return c.topic(args)
	}
	if len(args) > 0 {
		return c.misused("it takes nothing more")
	}
	return nil
}

// target takes all words for one number: people write it with spaces.
func (c *Command) target(args []string) error {
	var parts []string
	for _, a := range args {
		switch {
		case !strings.HasPrefix(a, "--"):
			parts = append(parts, a)
		case c.Verb == Transfer && strings.EqualFold(a, "--ask"):
			c.Ask = true
		default:
			return c.misused("it has no option " + short(a))
		}
	}
	c.Target = strings.Join(parts, " ")
	switch {
	case len(c.Target) > maxTarget:
		return c.misused("that is too long")
	case c.Target == "" && c.Verb == Transfer && !c.Ask:
		return c.misused("to whom?")
	}
	return nil
}

func (c *Command) digits(args []string) error {
	c.Digits = strings.ToUpper(strings.Join(args, ""))
	switch {
	case c.Digits == "":
		return c.misused("which keys?")
	case len(c.Digits) > maxDigits:
		return c.misused(fmt.Sprintf("at most %d keys at once", maxDigits))
	case strings.Trim(c.Digits, "0123456789*#ABCD") != "":
		return c.misused("only 0-9, *, # and A-D are keys")
	}
	return nil
}

func (c *Command) call(args []string) error {
	if len(args) > 1 {
		return c.misused("one call at a time")
	}
	c.Call = strings.ToLower(strings.Join(args, ""))
	if len(c.Call) > maxID {
		return c.misused("that is no call's id")
	}
	return nil
}

func (c *Command) topic(args []string) error {
	if len(args) == 0 {
		return nil
	}
	word := strings.ToLower(strings.TrimPrefix(args[0], "!"))
	v, known := verbOf(word)
	if !known {
		return unknown(word)
	}
	c.Topic = v.String()
	return nil
}

func (c *Command) misused(why string) error {
	if !strings.HasSuffix(why, "?") {
		why += "."
	}
	return Mistake(fmt.Sprintf("!%s: %s It is written %s", c.Verb, why, c.Verb.spelling().usage))
}
