package permit

import (
	"fmt"
	"regexp"
	"strings"

	"roomline/signalling"
)

// Levels say what each user may do, by user id ("@alice:example.org"), server
// name ("example.org") or "*", everybody.
type Levels map[string]signalling.Level

// everybody is the name that stands for all who are not named.
const everybody = "*"

// Of is a user's level: the most specific name decides, and who is not named
// at all may do nothing.
func (l Levels) Of(user string) signalling.Level {
	for _, name := range [...]string{user, server(user)} {
		if level, named := l[name]; named && strings.HasPrefix(user, "@") {
			return level
		}
	}
	return l[everybody]
}

// server is the part of a user id after its first colon (Matrix 1.18,
// appendices, "User identifiers").
func server(user string) string {
	_, name, _ := strings.Cut(user, ":")
	return name
}

// Named says what is wrong with a name in Levels, if anything is.
func Named(name string) error {
	if name == everybody || userForm.MatchString(name) || serverForm.MatchString(name) {
		return nil
	}
	return fmt.Errorf(`expected a user like @alice:example.org, a server like example.org, or "*", found %.60q`, name)
}

// The grammar of Matrix identifiers (Matrix 1.18, appendices, "Identifier grammar").
var (
	userForm   = regexp.MustCompile(`^@[^:\s]+:\S+$`)
	serverForm = regexp.MustCompile(`^(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z.-]+)(:[0-9]{1,5})?$`)
)
