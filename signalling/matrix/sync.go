package matrix

import (
	"context"
	"errors"
	"net/http"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"

	"roomline/signalling"
)

// syncing asks the homeserver again and again what has happened, and hands it
// out in batches. It is one goroutine's own.
type syncing struct {
	*account
	c *Client

	device string // whose since is
	since  string // up to where we have heard; empty: nothing yet
	looked bool   // at the invitations that wait for us
	tempo  *bucket

	keyed  string // the device whose keys are published
	keysAt time.Time
}

// run ends with ctx; awaited by shut.
func (s *syncing) run(ctx context.Context) {
	for wait := s.pace.first; ; {
		err := s.round(ctx)
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, errMoved) {
			continue
		}
		s.concluded(err)
		if err == nil && s.tempo.take() {
			wait = s.pace.first
			continue
		}
		if !pause(ctx, max(jitter(wait), retryAfter(err))) {
			return
		}
		if wait = min(2*wait, s.pace.most); err == nil { // a homeserver that never waits
			wait = s.pace.first
		}
	}
}

// round asks once, and hands out what it hears.
func (s *syncing) round(ctx context.Context) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	s.publish(ctx)
	if s.since == "" || !s.looked {
		return s.look(ctx)
	}
	body, err := s.poll(ctx, s.since)
	if unfit(err) {
		s.log.Error("cannot go on from where we were: what has happened meanwhile is lost", "error", err)
		s.since = ""
	}
	if err != nil {
		return err
	}
	h, err := readSync(body, s.since, s.cfg.Account.User)
	if err != nil {
		return err
	}
	if !signalling.Survives(s.log, "what has happened", func() { err = s.take(ctx, h) }) { // it would come again for ever
		s.advance(ctx, h.next)
	}
	return err
}

// begin logs in, and finds where an earlier run has stopped.
func (s *syncing) begin(ctx context.Context) error {
	if _, err := s.login.token(ctx, stale{}); err != nil {
		return err
	}
	now, _ := s.login.current()
	if now.device == s.device {
		return nil
	}
	since, err := s.store.since(ctx, s.cfg.Account.User, now.device)
	if err != nil {
		return err
	}
	s.device, s.since, s.looked = now.device, since, false
	return nil
}

// look finds out where we stand, and who has invited us. At the very first time,
// and where we do not know it any more, that is where we begin: nothing old is
// acted upon, but what waits for our device is never told again.
func (s *syncing) look(ctx context.Context) error {
	body, err := s.poll(ctx, "")
	if err != nil {
		return err
	}
	h, err := readSync(body, s.since, s.cfg.Account.User) // which the next answer may repeat: it is to have the same ids
	if err != nil {
		return err
	}
	if s.since == "" {
		signalling.Survives(s.log, "what waits for our device", func() {
			s.receive(ctx, heardSync{letters: h.letters, left: h.left, unused: h.unused})
		})
		s.c.doubt()
	}
	s.looked = true
	var batch []*event.Event
	for _, room := range h.rooms {
		for _, e := range room.events {
			if e.text == nil { // an invitation
				batch = append(batch, e.Event)
			}
		}
	}
	if !s.c.hs.pass(ctx, batch) {
		return ctx.Err()
	}
	if s.since == "" {
		s.advance(ctx, h.next)
	}
	return nil
}

// take hands out what was heard: first what is for our device, then what has
// happened in the rooms. Where we are is written down after what must not be
// lost: a sudden end repeats, and loses nothing.
func (s *syncing) take(ctx context.Context, h heardSync) error {
	s.fill(ctx, &h)
	batch := s.receive(ctx, h)
	for _, e := range batch {
		if e.StateKey != nil && e.ID != "" {
			mautrix.UpdateStateStore(ctx, s.state, e)
		}
	}
	if !s.c.hs.pass(ctx, batch) {
		return ctx.Err()
	}
	s.advance(ctx, h.next)
	return nil
}

// receive writes down what must not be lost, takes what is for our device, and
// returns the events of the rooms.
func (s *syncing) receive(ctx context.Context, h heardSync) []*event.Event {
	d, batch := s.deliveryOf(&h)
	if h.lost+d.lost > 0 {
		s.log.Warn("dropped what cannot be read", "events", h.lost, "to_device", d.lost)
	}
	if err := s.c.keep(ctx, &d); err != nil { // calls that go on have to hear what is in it all the same
		s.log.Error("could not write down what has happened: a sudden end would lose its calls", "error", err)
	}
	s.c.deliver(&d)
	return batch
}

// advance remembers up to where we have heard.
func (s *syncing) advance(ctx context.Context, next string) {
	s.since = next
	ctx, cancel := context.WithTimeout(ctx, keepTime)
	defer cancel()
	if err := s.store.setSince(ctx, s.cfg.Account.User, s.device, next); err != nil && ctx.Err() == nil {
		s.log.Error("could not write down up to where we have heard: the next start hears it again", "error", err)
	}
}

// unfit tells that asking from where we are will never succeed: the homeserver
// does not know the place any more, or has more to say than we read.
func unfit(err error) bool {
	var refused mautrix.HTTPError
	return errors.Is(err, mautrix.ErrBodyReadReachedLimit) || errors.Is(err, mautrix.ErrResponseTooLong) ||
		errors.As(err, &refused) && refused.RespError != nil && refused.IsStatus(http.StatusBadRequest)
}
