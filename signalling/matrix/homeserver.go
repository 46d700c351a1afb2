package matrix

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
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
	as        *appservice.AppService
	cfg       Config
	transport *http.Transport
}

func newHomeserver(cfg Config, reg *appservice.Registration, state appservice.StateStore) (*homeserver, error) {
	as, err := appservice.CreateFull(appservice.CreateOpts{Registration: reg, HomeserverDomain: cfg.Domain,
		HomeserverURL: cfg.Homeserver, StateStore: state})
	if err != nil {
		return nil, fmt.Errorf("matrix appservice: %w", err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 32
	transport.IdleConnTimeout = 20 * time.Second // a burst of calls leaves nothing behind for long
	as.HTTPClient = &http.Client{Transport: bounded{transport}, Timeout: cfg.SendTimeout, CheckRedirect: stay}
	as.DefaultHTTPRetries = 0
	as.BotIntent() // made now, because making it later is not safe for many goroutines
	return &homeserver{as, cfg, transport}, nil
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

// user speaks as one of our users. It is made anew each time: the library would
// remember every user for ever, and anybody may look up as many numbers as they like.
func (h *homeserver) user(ghost string) *mautrix.Client {
	return h.as.NewMautrixClient(id.UserID(ghost))
}

func (h *homeserver) close() { h.transport.CloseIdleConnections() }

// register makes a user of ours exist. One goroutine at a time may do so for
// the same user.
func (h *homeserver) register(ctx context.Context, user string) error {
	local, domain, err := id.UserID(user).Parse()
	if err != nil || local == "" || domain != h.cfg.Domain {
		return fmt.Errorf("register %s: not a user id of %s", user, h.cfg.Domain)
	}
	done, err := h.as.StateStore.IsRegistered(ctx, id.UserID(user))
	if err != nil || done {
		return err
	}
	client := h.user(user)
	_, err = client.MakeRequest(ctx, http.MethodPost, client.BuildClientURL("v3", "register"),
		&mautrix.ReqRegister[any]{Username: local, Type: mautrix.AuthTypeAppservice, InhibitLogin: true}, nil)
	if err != nil && !errors.Is(err, mautrix.MUserInUse) {
		return fmt.Errorf("register %s: %w", user, err)
	}
	return h.as.StateStore.MarkRegistered(ctx, id.UserID(user))
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

// ping asks the homeserver to ask us, which proves both ways, and makes a
// homeserver that had given us up try again at once (Matrix 1.7, MSC2659).
func (h *homeserver) ping(ctx context.Context) error {
	reg := h.as.Registration
	_, err := h.as.BotClient().AppservicePing(ctx, reg.ID, rand.Text())
	switch {
	case errors.Is(err, mautrix.MUnrecognized): // Dendrite has no ping
		_, err = h.as.BotClient().Whoami(ctx)
		return err
	case errors.Is(err, mautrix.MUnknownToken), errors.Is(err, mautrix.MForbidden):
		return fmt.Errorf("the homeserver does not know the registration %s (is it in app_service_config_files, and was the homeserver restarted?): %w",
			h.cfg.Registration, err)
	case refusedBy(err):
		return fmt.Errorf("the homeserver cannot reach us at %s: %w", h.cfg.url(), err)
	case err != nil:
		return fmt.Errorf("the homeserver %s does not answer: %w", h.cfg.Homeserver, err)
	}
	return nil
}

// refusedBy tells whether there was an answer at all.
func refusedBy(err error) bool {
	var refused mautrix.HTTPError
	return errors.As(err, &refused) && refused.RespError != nil
}
