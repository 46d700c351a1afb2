package matrix

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
)

// secrecy knows which rooms are encrypted. A room that once was stays so for
// us, whatever the homeserver says later (Matrix 1.18, "m.room.encryption":
// it cannot be switched off), and over restarts. That a room is plain is
// believed only as long as we hear of its changes, and only in memory.
type secrecy struct {
	hs    *homeserver
	store *store
	able  func() ability
	log   *slog.Logger

	mu    sync.Mutex
	rooms map[string]bool // encrypted, or plain; absent: not known
}

// maxPlain is how many rooms are known to be plain; the others are asked about again.
const maxPlain = 100_000

func newSecrecy(ctx context.Context, st *store, able func() ability, log *slog.Logger) (*secrecy, error) {
	list, err := st.encryptedRooms(ctx)
	s := &secrecy{store: st, able: able, log: log, rooms: map[string]bool{}}
	for _, room := range list {
		s.rooms[room] = true
	}
	return s, err
}

// known tells whether a room is known to be encrypted. It does not wait.
func (s *secrecy) known(room string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rooms[room]
}

// of tells whether a room is encrypted, and asks the homeserver as one of our
// users if that is not known. An error says nothing about the room.
func (s *secrecy) of(ctx context.Context, room, ghost string) (bool, error) {
	s.mu.Lock()
	veiled, known := s.rooms[room]
	s.mu.Unlock()
	if known {
		return veiled, nil
	}
	veiled, err := s.ask(ctx, room, ghost)
	switch {
	case err != nil:
		return false, fmt.Errorf("whether %s is encrypted: %w", room, err)
	case !veiled:
		return s.plain(room), nil
	case s.seal(room):
		s.write(ctx, room)
	}
	return true, nil
}

// ask looks at the room. Whatever its state event says, the room is encrypted:
// who may write it shall not be able to switch that off.
func (s *secrecy) ask(ctx context.Context, room, ghost string) (bool, error) {
	client := s.hs.user(ghost)
	_, err := client.MakeRequest(ctx, http.MethodGet, client.BuildClientURL("v3", "rooms", room, "state", event.StateEncryption.Type), nil, nil)
	if errors.Is(err, mautrix.MNotFound) {
		return false, nil
	}
	return err == nil, err
}

// plain notes that a room is not encrypted, unless it became so meanwhile,
// which it tells.
func (s *secrecy) plain(room string) (veiled bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rooms[room] {
		return true
	}
	if len(s.rooms) >= maxPlain {
		for other, veiled := range s.rooms {
			if !veiled {
				delete(s.rooms, other)
			}
		}
	}
	s.rooms[room] = false
	return false
}

// seal notes that a room is encrypted, and tells whether that is news. It does
// not wait; news are to be written down.
func (s *secrecy) seal(room string) (news bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	news, s.rooms[room] = !s.rooms[room], true
	return news
}

// write writes down that a room is encrypted. Where that fails we ask the
// homeserver again after the next start.
func (s *secrecy) write(ctx context.Context, room string) {
	ctx, cancel := context.WithTimeout(ctx, stateTime)
	defer cancel()
	if err := s.store.setEncrypted(ctx, room); err != nil {
		s.log.Error("could not write down that a room is encrypted", "error", err)
	}
}

// doubt forgets that a room is plain: it may have changed while none of our
// users was there.
func (s *secrecy) doubt(room string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.rooms[room] {
		delete(s.rooms, room)
	}
}

// barred tells why none of our users can be of use in a room: it is encrypted,
// and we cannot encrypt. Empty: nothing is against it.
func (s *secrecy) barred(ctx context.Context, room, ghost string) (why string, err error) {
	veiled, err := s.of(ctx, room, ghost)
	if err != nil || !veiled {
		return "", err
	}
	switch can := s.able(); {
	case can == abilityUnknown:
		return "", errUntested
	case can.missing():
		return can.refusal().Detail, nil
	}
	return "", nil
}

// anew is barred in a room that our user has just joined: that it was plain
// before is of no worth.
func (s *secrecy) anew(ctx context.Context, room, ghost string) (why string, err error) {
	s.doubt(room)
	return s.barred(ctx, room, ghost)
}

// veils notes what a state event says about the secrecy of a room. The content
// of m.room.encryption does not matter. Only intake calls it.
func (c *Client) veils(e *event.Event) {
	c.sealsRoom(e)
	if who := e.GetStateKey(); e.Type.Type == event.StateMember.Type && (c.ghosts.ours(who) || who == c.bot()) {
		c.secrecy.doubt(e.RoomID.String())
	}
}

// sealsRoom notes that a room is encrypted from this event on, if it is. It may
// be repeated, and returns at once.
func (c *Client) sealsRoom(e *event.Event) {
	room := e.RoomID.String()
	if e.Type.Type == event.StateEncryption.Type && e.StateKey != nil && *e.StateKey == "" && c.secrecy.seal(room) {
		c.background(func(ctx context.Context) error { c.secrecy.write(ctx, room); return nil })
	}
}

// encrypted tells whether a room is encrypted, as one of our users who is in
// it sees it. An error says nothing about the room: least of all that it is not.
func (c *Client) encrypted(ctx context.Context, room, ghost string) (bool, error) {
	return c.secrecy.of(ctx, room, ghost)
}

// knownEncrypted tells whether a room is known to be encrypted. It does not wait.
func (c *Client) knownEncrypted(room string) bool { return c.secrecy.known(room) }

func (s *store) setEncrypted(ctx context.Context, room string) error {
	_, err := s.Exec(ctx, `INSERT INTO encrypted_room (room_id) VALUES ($1) ON CONFLICT (room_id) DO NOTHING`, room)
	return err
}

// encryptedRooms are those that we know, and those that the library noted for
// versions of the gateway that did not.
func (s *store) encryptedRooms(ctx context.Context) ([]string, error) {
	return s.all(ctx, `SELECT room_id FROM encrypted_room UNION SELECT room_id FROM mx_room_state WHERE encryption IS NOT NULL`)
}
