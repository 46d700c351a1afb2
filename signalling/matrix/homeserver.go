package matrix

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/appservice"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// maxResponse bounds what the homeserver may answer to one request, in bytes.
const maxResponse = 8 << 20

// homeserver is the client-server API as our own users see it. Nothing is
// retried in here: whoever asks knows for how long it makes sense.
type homeserver struct {
	access
	transport *http.Transport
	events    chan *event.Event // what happens in our rooms, in its order; a nil ends each batch
	order     sync.Mutex        // held while a batch is put there
}

func newHomeserver(cfg Config, reg *appservice.Registration, state appservice.StateStore) (*homeserver, error) {
	h, web := newWeb(cfg)
	s, err := newService(cfg, reg, state, web)
	if err != nil {
		return nil, err
	}
	h.access = s
	return h, nil
}

// newWeb makes a homeserver without access, and the HTTP client for that.
func newWeb(cfg Config) (*homeserver, *http.Client) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 32
	transport.IdleConnTimeout = 20 * time.Second // a burst of calls leaves nothing behind for long
	return &homeserver{transport: transport, events: make(chan *event.Event, 64)},
		&http.Client{Transport: bounded{transport}, Timeout: cfg.SendTimeout, CheckRedirect: stay}
}

// stay follows no redirect: our token belongs to one homeserver.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// bounded cuts every response body off at maxResponse.
type bounded struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.next.RoundTrip(r)
	if err == nil {
		res.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(res.Body, maxResponse), res.Body}
	}
	return res, err
}

func (h *homeserver) close() { h.transport.CloseIdleConnections() }

// pass puts a batch of events in, behind those that are being put in, and
// tells whether it did so before ctx ended.
func (h *homeserver) pass(ctx context.Context, batch []*event.Event) bool {
	h.order.Lock()
	defer h.order.Unlock()
	for _, e := range append(batch, nil) {
		select {
		case h.events <- e:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// members are the joined members of a room and their display names. Nothing of
// it is written down: every call asks, and would wait for the database.
func (h *homeserver) members(ctx context.Context, ghost, room string) (map[string]string, error) {
	client := h.user(ghost)
	client.StateStore = nil
	res, err := client.JoinedMembers(ctx, id.RoomID(room))
	if err != nil {
		return nil, fmt.Errorf("members of %s: %w", room, err)
	}
	names := make(map[string]string, len(res.Joined))
	for user, m := range res.Joined {
		names[user.String()] = m.DisplayName
	}
	return names, nil
}

// public asks a room for its join rule: anybody could join a public one and
// listen, and homeservers refuse calls there. A room that will not say counts
// as one that has no rule, which is private; a homeserver that does not answer
// is an error.
func (h *homeserver) public(ctx context.Context, room, ghost string) (bool, error) {
	var rule event.JoinRulesEventContent
	err := h.user(ghost).StateEvent(ctx, id.RoomID(room), event.StateJoinRules, "", &rule)
	switch {
	case gone(err):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("join rule of %s: %w", room, err)
	}
	return rule.JoinRule == event.JoinRulePublic, nil
}

// refusedBy tells whether there was an answer at all.
func refusedBy(err error) bool {
	var refused mautrix.HTTPError
	return errors.As(err, &refused) && refused.RespError != nil
}
