package matrix

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/appservice"
	"maunium.net/go/mautrix/id"
)

// service is the access of an application service: it has as many users as it
// likes, and the homeserver sends it what happens in their rooms.
type service struct {
	as     *appservice.AppService
	cfg    Config
	listen *listener // nil until open
}

func newService(cfg Config, reg *appservice.Registration, state appservice.StateStore, web *http.Client) (*service, error) {
	as, err := appservice.CreateFull(appservice.CreateOpts{Registration: reg, HomeserverDomain: cfg.Domain,
		HomeserverURL: cfg.Homeserver, StateStore: state})
	if err != nil {
		return nil, fmt.Errorf("matrix appservice: %w", err)
	}
	as.HTTPClient = web
	as.DefaultHTTPRetries = 0
	as.BotIntent() // made now, because making it later is not safe for many goroutines
	return &service{as: as, cfg: cfg}, nil
}

func (s *service) self() *mautrix.Client { return s.as.BotClient() }

// user is made anew each time: the library would remember every user for ever,
// and anybody may look up as many numbers as they like.
func (s *service) user(user string) *mautrix.Client { return s.as.NewMautrixClient(id.UserID(user)) }

func (s *service) register(ctx context.Context, user string) error {
	local, domain, err := id.UserID(user).Parse()
	if err != nil || local == "" || domain != s.cfg.Domain {
		return fmt.Errorf("register %s: not a user id of %s", user, s.cfg.Domain)
	}
	done, err := s.as.StateStore.IsRegistered(ctx, id.UserID(user))
	if err != nil || done {
		return err
	}
	client := s.user(user)
	_, err = client.MakeRequest(ctx, http.MethodPost, client.BuildClientURL("v3", "register"),
		&mautrix.ReqRegister[any]{Username: local, Type: mautrix.AuthTypeAppservice, InhibitLogin: true}, nil)
	if err != nil && !errors.Is(err, mautrix.MUserInUse) {
		return fmt.Errorf("register %s: %w", user, err)
	}
	return s.as.StateStore.MarkRegistered(ctx, id.UserID(user))
}

// ping asks the homeserver to ask us, which proves both ways, and makes a
// homeserver that had given us up try again at once (Matrix 1.7, MSC2659).
func (s *service) ping(ctx context.Context) error {
	reg := s.as.Registration
	_, err := s.as.BotClient().AppservicePing(ctx, reg.ID, rand.Text())
	if errors.Is(err, mautrix.MUnrecognized) {
		err = s.pingless(ctx)
	}
	switch {
	case errors.Is(err, mautrix.MUnknownToken), errors.Is(err, mautrix.MForbidden):
		return fmt.Errorf("the homeserver does not know the registration %s (is it in app_service_config_files, and was the homeserver restarted?): %w",
			s.cfg.Registration, err)
	case refusedBy(err):
		return fmt.Errorf("the homeserver cannot reach us at %s: %w", s.cfg.url(), err)
	case err != nil:
		return fmt.Errorf("the homeserver %s does not answer: %w", s.cfg.Homeserver, err)
	}
	return nil
}

// pingless asks a homeserver that has no ping, like Dendrite, for the list of
// third-party protocols: it asks us before it answers, each time. A registration
// without protocols is asked for nothing; then we know only that it is known.
func (s *service) pingless(ctx context.Context) error {
	if !slices.Contains(s.as.Registration.Protocols, protocolPSTN) {
		_, err := s.as.BotClient().Whoami(ctx)
		return err
	}
	offered, err := offersPSTN(ctx, s.as.BotClient())
	if err == nil && !offered {
		return fmt.Errorf("the homeserver cannot reach us at %s: it was asked what we offer, and had nothing from us", s.cfg.url())
	}
	return err
}

// offersPSTN tells whether the homeserver lists our protocol among those of
// third parties (Matrix 1.18, "GET /thirdparty/protocols"). Dendrite has no list
// where no service has answered.
func offersPSTN(ctx context.Context, client *mautrix.Client) (bool, error) {
	var list map[string]struct {
		Instances []any `json:"instances"`
	}
	_, err := client.MakeRequest(ctx, http.MethodGet, client.BuildClientURL("v3", "thirdparty", "protocols"), nil, &list)
	if errors.Is(err, mautrix.MNotFound) {
		return false, nil
	}
	return len(list[protocolPSTN].Instances) > 0, err
}

// open answers what the homeserver sends and asks.
func (s *service) open(ctx context.Context, c *Client) error {
	find := &lookup{c.ghosts, c.log, newBucket(20, 100)}
	find.routes(s.as.Router)
	s.as.Router.HandleFunc("GET "+abilityPath, c.tellAbility) // behind the hs_token, like all the rest
	s.as.QueryHandler = queries{find}
	s.as.Events = c.hs.events
	l := newListener(s.as.Registration.ServerToken, s.as.Router, c.log)
	l.unpack = func(body []byte) delivery { return unpack(body, c.own) }
	l.keep, l.deliver, l.batched = c.keep, c.deliver, func() { c.hs.events <- nil }
	l.refused, l.order = &c.refused, &c.hs.order
	if err := l.start(ctx, c.cfg.Listen); err != nil {
		return err
	}
	s.listen = l
	return nil
}

func (s *service) address() string { return s.listen.address }

func (s *service) shut() {
	if s.listen != nil {
		s.listen.close()
	}
}
