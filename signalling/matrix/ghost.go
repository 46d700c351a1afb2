package matrix

import (
	"context"
	"fmt"
	"hash/fnv"
	"regexp"
	"strings"
	"unicode"

	"maunium.net/go/mautrix/id"
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

	turns [32]turn // one ghost is made by one goroutine at a time
}

func newGhosts(cfg Config, hs *homeserver, st *store, n Numbers) *ghosts {
	g := &ghosts{hs: hs, store: st, numbers: n, begins: "@" + cfg.Prefix, ends: ":" + cfg.Domain}
	for i := range g.turns {
		g.turns[i] = newTurn()
	}
	return g
}

var e164 = regexp.MustCompile(`^\+[1-9][0-9]{1,14}$`)

// of names the user of a number: @tel_4930… for E.164, without its "+", and
// @tel_s… for everything shorter.
func (g *ghosts) of(number string) string {
	if e164.MatchString(number) {
		return g.begins + number[1:] + g.ends
	}
	return g.begins + "s" + id.EncodeUserLocalpart(number) + g.ends
}

// line names the user that rings a person when the caller has no room yet.
func (g *ghosts) line(user string) string {
	who := strings.TrimSuffix(strings.TrimPrefix(user, "@"), g.ends)
	return g.begins + "line_" + id.EncodeUserLocalpart(who) + g.ends
}

// ours tells whether a user is a telephone.
func (g *ghosts) ours(user string) bool {
	return strings.HasPrefix(user, g.begins) && strings.HasSuffix(user, g.ends)
}

// number is the telephone number that a user stands for. Line users and names
// that no number could have made stand for none.
func (g *ghosts) number(user string) (string, bool) {
	if !g.ours(user) || len(user) <= len(g.begins)+len(g.ends) {
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

// ensure registers a user and gives it a name, unless that was done before.
func (g *ghosts) ensure(ctx context.Context, user, name string) error {
	turn := g.turn(user)
	if err := turn.take(ctx); err != nil {
		return fmt.Errorf("make %s: %w", user, err)
	}
	defer turn.give()
	if err := g.hs.register(ctx, user); err != nil {
		return err
	}
	known, err := g.store.name(ctx, user)
	if err != nil || known == name {
		return err
	}
	if known == "" {
		if err := g.recall(ctx, user); err != nil {
			return err
		}
	}
	if err := g.hs.user(user).SetDisplayName(ctx, name); err != nil {
		return fmt.Errorf("name %s: %w", user, err)
	}
	return g.store.setName(ctx, user, name)
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

// ensureNumber makes the user of a number.
func (g *ghosts) ensureNumber(ctx context.Context, number string) (user string, err error) {
	user = g.of(number)
	return user, g.ensure(ctx, user, g.numbers.Format(number))
}

func (g *ghosts) turn(user string) turn {
	h := fnv.New32a()
	h.Write([]byte(user))
	return g.turns[h.Sum32()%uint32(len(g.turns))]
}

// maxName is how many characters of a foreign name are shown.
const maxName = 64

// clean makes a name from outside harmless: no control characters, no marks
// that reverse the direction of writing, and not too long.
func clean(name string) string {
	name = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(name, ""))
	runes := []rune(strings.TrimSpace(name))
	return strings.TrimSpace(string(runes[:min(len(runes), maxName)]))
}
