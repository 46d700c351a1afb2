package matrix

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"maunium.net/go/mautrix/id"

	"roomline/signalling"
)

// Contact is how a number is known here, whatever its carrier says.
type Contact struct {
	Name   string `yaml:"name"`
	Avatar string `yaml:"avatar"` // a picture on the homeserver, mxc://server/id; empty: none
}

// Contacts are known numbers, as calls carry them.
type Contacts map[string]Contact

var mediaURI = regexp.MustCompile(`^mxc://[^/\s]+/[A-Za-z0-9_-]+$`) // Matrix 1.18, "Matrix Content (mxc://) URIs"

// Validate says what is wrong with each field.
func (c Contact) Validate() error {
	var errs []error
	if c.Name == "" || clean(c.Name) != c.Name {
		errs = append(errs, fmt.Errorf("name: expected a name of up to %d characters, found %q", maxName, c.Name))
	}
	if c.Avatar != "" && !mediaURI.MatchString(c.Avatar) {
		errs = append(errs, fmt.Errorf("avatar: expected a picture on the homeserver like mxc://example.org/AbCd, found %q", c.Avatar))
	}
	return errors.Join(errs...)
}

// profile is what people see of one of our users.
type profile struct {
	name   string
	avatar string // mxc:// address, or empty
}

const (
	anonymous = "Anonymous caller" // who withholds its number (RFC 3323)
	unknown   = "Unknown caller"   // of whom nothing is known
)

// shown is how a telephone appears where only one name is shown:
// "Widgets Inc (+49 30 1234567)". What we know of a number ourselves counts
// more than what its carrier says.
func (g *ghosts) shown(p signalling.Party) profile { return appearance(g.numbers, g.contacts, p) }

func appearance(numbers Numbers, contacts Contacts, p signalling.Party) profile {
	if p.Hidden {
		return profile{name: anonymous}
	}
	contact := contacts[p.Number]
	name, number := clean(contact.Name), clean(numbers.Format(p.Number))
	if name == "" && !sameDigits(p.Name, p.Number) {
		name = clean(p.Name)
	}
	switch {
	case name != "" && number != "":
		room := max(0, maxName-len([]rune(number))-len(" ()"))
		name = strings.TrimSpace(string([]rune(name)[:min(len([]rune(name)), room)])) + " (" + number + ")"
	case name+number != "":
		name += number
	case p.User != "":
		name = clean(p.User)
	default:
		name = unknown
	}
	return profile{name, contact.Avatar}
}

// sameDigits tells whether a name is just the number again, as some carriers send it.
func sameDigits(name, number string) bool {
	digits := func(s string) string {
		return strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' || unicode.IsLetter(r) {
				return r
			}
			return -1
		}, s)
	}
	return number != "" && strings.HasSuffix(digits(number), strings.TrimLeft(digits(name), "0"))
}

// wear gives a user of ours a name and a picture, unless it has them. The
// caller has the user's turn.
func (g *ghosts) wear(ctx context.Context, user string, known, want profile) error {
	if known == want {
		return nil
	}
	if known.name != want.name {
		if err := g.hs.user(user).SetDisplayName(ctx, want.name); err != nil {
			return fmt.Errorf("name %s: %w", user, err)
		}
	}
	if known.avatar != want.avatar {
		picture, _ := id.ParseContentURI(want.avatar) // of no use: none
		if err := g.hs.user(user).SetAvatarURL(ctx, picture); err != nil {
			return fmt.Errorf("give %s a picture: %w", user, err)
		}
	}
	return g.store.setProfile(ctx, user, want)
}

// rename shows on a ghost who the other side of a leg's call is by now: after a
// transfer, or a change of the connected line (RFC 5876). A line carries any
// name while its call lives; the user of a number only a name of that number.
// It asks the homeserver, so it is not for the leg's own goroutine; a call that
// has ended meanwhile renames nobody.
func (n *lines) rename(ctx context.Context, l *leg, party signalling.Party) error {
	ghost := l.ghost
	if n.ghosts.account != "" {
		return n.dress(ctx, l, party)
	}
	if !n.wears(ghost, party) {
		return nil
	}
	turn := n.ghosts.turn(ghost)
	if err := turn.take(ctx); err != nil {
		return fmt.Errorf("rename %s: %w", ghost, err)
	}
	defer turn.give()
	if now := l.faces.Load(); now != nil {
		party = *now // who waited may have been overtaken
	}
	if !n.alive(l) || !n.wears(ghost, party) {
		return nil
	}
	known, err := n.store.profile(ctx, ghost)
	if err != nil {
		return err
	}
	return n.ghosts.wear(ctx, ghost, known, n.ghosts.shown(party))
}

// wears tells whether a ghost may show a party.
func (n *lines) wears(ghost string, party signalling.Party) bool {
	number, ok := n.ghosts.number(ghost)
	return !ok || !party.Hidden && number == party.Number && clean(party.Name) != ""
}

// renamed shows the other side of a call anew, beside everything else.
func (c *Client) renamed(l *leg, party signalling.Party) {
	l.faces.Store(&party)
	c.aside(func() {
		ctx, cancel := context.WithTimeout(c.ctx, admitTimeout)
		defer cancel()
		if err := c.lines.rename(ctx, l, party); err != nil && c.ctx.Err() == nil {
			c.log.Warn("could not show who the other side is by now", "error", err)
		}
	})
}

const (
	maxName   = 64  // characters that are shown of a foreign name
	maxDetail = 200 // of what is said about how a call ended
)

// clean makes a name from outside harmless.
func clean(name string) string { return signalling.Visible(name, maxName) }
