package matrix

import (
	"context"
	"fmt"
	"hash/fnv"
	"regexp"
	"strings"

	"maunium.net/go/mautrix/id"

	"roomline/signalling"
)

// Numbers reads and writes telephone numbers; signalling/number does it.
type Numbers interface {
	// Parse turns what a person typed into E.164 with "+", or into a short
	// code without.
	Parse(typed string) (e164 string, err error)
	// Format writes a number for people: "+49 30 1234567".
	Format(e164 string) string
}

// ghosts are the Matrix users that stand for telephones.
type ghosts struct {
	hs      *homeserver
	store   *store
	numbers Numbers
	begins  string // "@tel_"
	ends    string // ":example.org"
	account string // the only user of ours, if we are an ordinary account

	contacts Contacts
	vault    vault // nil: they have no devices

	turns [32]turn // one ghost is made by one goroutine at a time
}

func newGhosts(cfg Config, hs *homeserver, st *store, n Numbers) *ghosts {
	g := &ghosts{hs: hs, store: st, numbers: n, begins: "@" + cfg.Prefix, ends: ":" + cfg.Domain, contacts: cfg.Contacts, account: cfg.Account.User}
	for i := range g.turns {
		g.turns[i] = newTurn()
	}
	return g
}

var e164 = regexp.MustCompile(`^\+[1-9][0-9]{1,14}$`)

// of names the user of a number: @tel_4930… for E.164, without its "+", and
// @tel_s… for everything shorter. An account speaks for all numbers.
func (g *ghosts) of(number string) string {
	if g.account != "" {
		return g.account
	}
	if e164.MatchString(number) {
		return g.begins + number[1:] + g.ends
	}
	return g.begins + "s" + id.EncodeUserLocalpart(number) + g.ends
}

// line names the user that rings a person when the caller has no room yet.
func (g *ghosts) line(user string) string {
	if g.account != "" {
		return g.account
	}
	who := strings.TrimSuffix(strings.TrimPrefix(user, "@"), g.ends)
	return g.begins + "line_" + id.EncodeUserLocalpart(who) + g.ends
}

// ours tells whether a user is a telephone, or the account that we are.
func (g *ghosts) ours(user string) bool {
	if g.account != "" {
		return user == g.account
	}
	return strings.HasPrefix(user, g.begins) && strings.HasSuffix(user, g.ends)
}

// number is the telephone number that a user stands for. Line users and names
// that no number could have made stand for none.
func (g *ghosts) number(user string) (string, bool) {
	if !g.ours(user) || g.account != "" || len(user) <= len(g.begins)+len(g.ends) {
		return "", false
	}
	part := user[len(g.begins) : len(user)-len(g.ends)]
	number := "+" + part
	if code, short := strings.CutPrefix(part, "s"); short {
		decoded, err := id.DecodeUserLocalpart(code)
		if err != nil {
			return "", false
		}
		number = decoded
	}
	return number, number != "" && g.of(number) == user
}

// dialable is number, but only for numbers that somebody could have dialled.
func (g *ghosts) dialable(user string) (string, bool) {
	number, ok := g.number(user)
	if !ok {
		return "", false
	}
	parsed, err := g.numbers.Parse(number)
	return number, err == nil && parsed == number
}

// ensure registers a user and gives it a name and a picture, unless that was
// done before.
func (g *ghosts) ensure(ctx context.Context, user string, want profile) error {
	return g.make(ctx, user, func(profile) profile { return want })
}

// make registers a user and lets choose decide from how it is shown how it
// shall be. An account is its owner's, who gives it both.
func (g *ghosts) make(ctx context.Context, user string, choose func(known profile) profile) error {
	if g.account != "" {
		return nil
	}
	turn := g.turn(user)
	if err := turn.take(ctx); err != nil {
		return fmt.Errorf("make %s: %w", user, err)
	}
	defer turn.give()
	if err := g.hs.register(ctx, user); err != nil {
		return err
	}
	known, err := g.store.profile(ctx, user)
	if err != nil {
		return err
	}
	if known.name == "" {
		if err := g.recall(ctx, user); err != nil {
			return err
		}
	}
	if g.vault != nil { // before anybody invites it: clients encrypt a direct chat with whom they can encrypt for
		if err := g.vault.Ensure(ctx, user); err != nil {
			return fmt.Errorf("make a device of %s: %w", user, err)
		}
	}
	return g.wear(ctx, user, known, choose(known))
}

// recall asks where a user is that this database has never seen: the database
// may be younger than the user, and a call from a room that we do not know
// cannot even be refused.
func (g *ghosts) recall(ctx context.Context, user string) error {
	res, err := g.hs.user(user).JoinedRooms(ctx)
	if err != nil {
		return fmt.Errorf("rooms of %s: %w", user, err)
	}
	for _, room := range res.JoinedRooms[:min(len(res.JoinedRooms), maxRecall)] {
		if err := g.store.recallRoom(ctx, room.String(), user); err != nil {
			return err
		}
	}
	return nil
}

// maxRecall is how many rooms of one user are remembered anew.
const maxRecall = 1000

// ensureNumber makes the user of a number. A name that a call has given it
// stays, unless the number is one of our contacts.
func (g *ghosts) ensureNumber(ctx context.Context, number string) (user string, err error) {
	user = g.of(number)
	return user, g.make(ctx, user, func(known profile) profile {
		if _, ours := g.contacts[number]; known.name != "" && !ours {
			return known
		}
		return g.shown(signalling.Party{Number: number})
	})
}

func (g *ghosts) turn(user string) turn {
	h := fnv.New32a()
	h.Write([]byte(user))
	return g.turns[h.Sum32()%uint32(len(g.turns))]
}
