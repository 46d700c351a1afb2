package matrix

import (
	"context"
	"time"
)

// openStory is a notice that a sudden end would leave unfinished, and how it
// is finished then. ID begins its transaction ids; without an event there is
// no notice yet.
type openStory struct {
	ID, Room, Ghost, Event, Text, Badge string
}

func (s *store) keepStory(ctx context.Context, o openStory) error {
	_, err := s.Exec(ctx, `INSERT INTO open_story (id, room_id, ghost, event_id, text, badge) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (id) DO UPDATE SET event_id = excluded.event_id, text = excluded.text, badge = excluded.badge`,
		o.ID, o.Room, o.Ghost, o.Event, o.Text, o.Badge)
	return err
}

func (s *store) forgetStory(ctx context.Context, id string) error {
	_, err := s.Exec(ctx, `DELETE FROM open_story WHERE id = $1`, id)
	return err
}

// leftStories are the notices that an earlier run never finished.
func (s *store) leftStories(ctx context.Context) ([]openStory, error) {
	rows, err := s.Query(ctx, `SELECT id, room_id, ghost, event_id, text, badge FROM open_story`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []openStory
	for rows.Next() {
		var o openStory
		if err := rows.Scan(&o.ID, &o.Room, &o.Ghost, &o.Event, &o.Text, &o.Badge); err != nil {
			return nil, err
		}
		all = append(all, o)
	}
	return all, rows.Err()
}

// storyIn begins a story in a room, told by one of our users.
func (c *Client) storyIn(room, ghost, id string) *story {
	s := &story{pace: c.pace, life: c.sending, awaited: &c.outboxes, prime: id}
	s.post = func(ctx context.Context, u *utterance) (string, error) { return c.say(ctx, ghost, room, u) }
	s.keep = func(event string, t telling) {
		c.noted(func(ctx context.Context) error {
			return c.store.keepStory(ctx, openStory{id, room, ghost, event, t.left, t.badge})
		})
	}
	s.done = func(err error) {
		if err != nil {
			c.log.Warn("a notice was not taken by the homeserver", "error", err)
		}
		c.noted(func(ctx context.Context) error { return c.store.forgetStory(ctx, id) })
	}
	return s
}

// noted writes something down that a call can do without.
func (c *Client) noted(write func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := write(ctx); err != nil {
		c.log.Warn("could not write down what a room was told", "error", err)
	}
}

// finish ends a story that died with an earlier run.
func (c *Client) finish(o openStory) {
	s := c.storyIn(o.Room, o.Ghost, o.ID)
	s.event, s.kept = o.Event, o.Text
	if o.Event != "" {
		s.prime += "." // other ids than those of edits that came before
	}
	s.say(telling{text: o.Text, left: o.Text, badge: o.Badge, final: true})
}
