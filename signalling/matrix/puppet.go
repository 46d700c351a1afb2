package matrix

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"
)

// puppets acts for the people of our own homeserver, where its administrator
// has granted that by a second registration. All it ever does is to join them
// to rooms of telephones, and to mark those as direct chats. Nil grants nothing.
type puppets struct {
	hs     *homeserver
	token  string
	domain string
	log    *slog.Logger
}

// newPuppets reads the grant; an empty name is none.
func newPuppets(cfg Config, hs *homeserver, log *slog.Logger) (*puppets, error) {
	if cfg.DoublePuppet == "" {
		return nil, nil
	}
	reg, err := LoadRegistration(cfg.DoublePuppet)
	if err != nil {
		return nil, err
	}
	return &puppets{hs, reg.AppToken, cfg.Domain, log}, nil
}

// may tells whether we can act for a person.
func (p *puppets) may(user string) bool { return p != nil && server(user) == p.domain }

// join lets a person accept the invitation of a telephone.
func (p *puppets) join(ctx context.Context, user, room, ghost string) error {
	client := p.hs.user(user)
	client.AccessToken = p.token
	if _, err := client.JoinRoomByID(ctx, id.RoomID(room)); err != nil {
		return fmt.Errorf("join %s to its telephone room: %w", user, err)
	}
	if err := direct(ctx, client, room, ghost); err != nil { // it rings there all the same
		p.log.Warn("could not mark a telephone room as a direct chat", "user", user, "error", err)
	}
	return nil
}

// direct marks a room as a direct chat with a telephone (Matrix 1.18, "Direct
// messaging"), so that clients list it among the people.
func direct(ctx context.Context, client *mautrix.Client, room, ghost string) error {
	chats := map[string][]string{}
	err := client.GetAccountData(ctx, "m.direct", &chats)
	if err != nil && !errors.Is(err, mautrix.MNotFound) {
		return fmt.Errorf("direct chats of %s: %w", client.UserID, err)
	}
	if slices.Contains(chats[ghost], room) {
		return nil
	}
	chats[ghost] = append(chats[ghost], room)
	if err := client.SetAccountData(ctx, "m.direct", chats); err != nil {
		return fmt.Errorf("direct chats of %s: %w", client.UserID, err)
	}
	return nil
}
