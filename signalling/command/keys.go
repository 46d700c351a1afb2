package command

import (
	"strings"

	"roomline/signalling"
)

// Keys is where people's keys are compared, trusted and explained. What it
// returns is said to the person; so is the error.
type Keys interface {
	// Verify begins a verification by emoji with who asks, or says how far it
	// has come. Admins are told of our own account's devices too.
	Verify(admin bool) (string, error)
	// Answer says what the person has found who compared.
	Answer(admin, same bool) (string, error)
	// Cancel ends what goes on.
	Cancel(admin bool) (string, error)
	// Trust takes the keys that a user has now for the user's own.
	Trust(user string) (string, error)
	// Devices says how a user's devices are trusted.
	Devices(user string) (string, error)
}

// The words after !verify.
const (
	answerYes    = "yes"
	answerNo     = "no"
	answerCancel = "cancel"
)

// answer reads the word after !verify.
func (c *Command) answer(args []string) error {
	if len(args) > 1 {
		return c.misused("one word at most")
	}
	c.Target = strings.ToLower(strings.Join(args, ""))
	switch c.Target {
	case "", answerYes, answerNo, answerCancel:
		return nil
	}
	return c.misused("yes, no, cancel, or nothing")
}

// user reads the user after !trust and !devices.
func (c *Command) user(args []string) error {
	c.Target = strings.Join(args, " ")
	switch {
	case len(c.Target) > maxTarget:
		return c.misused("that is too long")
	case c.Target == "" && c.Verb == Trust:
		return c.misused("whom?")
	}
	return nil
}

// keys follows the commands that are about keys.
func (o *Operator) keys(who Who, c Command) (string, error) {
	if o.Keys == nil {
		return "", Mistake("Encryption is switched off here, so there are no keys. matrix.encryption.enabled would switch it on.")
	}
	admin := o.May.May(who.User, signalling.Admin)
	switch c.Verb {
	case Verify:
		return o.verify(admin, c.Target)
	case Trust:
		if !admin {
			return "", Mistake("Only an administrator of the gateway may say whose keys are right.")
		}
		user, err := o.person(who, c.Target)
		if err != nil {
			return "", err
		}
		return o.Keys.Trust(user)
	}
	user, err := o.person(who, c.Target)
	if err != nil {
		return "", err
	}
	if user != who.User && !admin {
		return "", Mistake("Only an administrator of the gateway sees other people's devices. !devices alone lists yours.")
	}
	return o.Keys.Devices(user)
}

func (o *Operator) verify(admin bool, word string) (string, error) {
	switch word {
	case answerYes, answerNo:
		return o.Keys.Answer(admin, word == answerYes)
	case answerCancel:
		return o.Keys.Cancel(admin)
	}
	return o.Keys.Verify(admin)
}

// person is a user who is named by id or mentioned, or who asks.
func (o *Operator) person(who Who, typed string) (string, error) {
	switch {
	case typed == "":
		return who.User, nil
	case !strings.HasPrefix(typed, "@") && who.Mentioned != "": // clients write a mention as a name
		return who.Mentioned, nil
	case !strings.HasPrefix(typed, "@") || strings.ContainsAny(typed, " /"):
		return "", Mistake(short(typed) + " is no user. One is written @name:server.")
	case !strings.Contains(typed, ":"):
		return typed + ":" + o.Domain, nil
	}
	return typed, nil
}
