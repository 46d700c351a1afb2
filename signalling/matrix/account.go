package matrix

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"
)

// account is the access of an ordinary account, which logs in and asks the
// homeserver what happens in its rooms (Matrix 1.18, "GET /sync"). It is the
// only user of ours in every room.
type account struct {
	cfg   Config
	url   *url.URL
	state mautrix.StateStore
	store *store
	login *login
	log   *slog.Logger
	plain *http.Client // without a token
	web   *http.Client // with one
	slow  *http.Client // the same for answers that take their time; its callers set the bounds
	pace  pace

	work    sync.WaitGroup
	stop    context.CancelFunc
	mu      sync.Mutex    // guards what follows
	met     chan struct{} // closed once the homeserver has been asked
	outcome error         // of the last round; nil: it answered
}

// newAccount makes a homeserver to which we are an ordinary account. Nothing
// is asked yet; a nil store keeps nothing.
func newAccount(cfg Config, st *store, log *slog.Logger) (*homeserver, *account, error) {
	at, err := url.Parse(cfg.Homeserver)
	if err != nil {
		return nil, nil, fmt.Errorf("matrix account: %w", err)
	}
	h, plain := newWeb(cfg)
	a := &account{cfg: cfg, url: at, store: st, log: log, plain: plain, stop: func() {}, met: make(chan struct{}), outcome: errStarting,
		pace: pace{time.Second, 30 * time.Second}}
	if st != nil {
		a.state = st.state
	}
	a.login = &login{cfg: cfg.Account, anew: cfg.Encryption.Enabled, plain: func() *mautrix.Client { return a.client(a.plain) }, store: st, log: log, turn: newTurn(), often: newBucket(1./20, 5)}
	a.web = &http.Client{Transport: signed{plain.Transport, a.login, ""}, Timeout: cfg.SendTimeout, CheckRedirect: stay}
	a.slow = &http.Client{Transport: signed{h.transport, a.login, ""}, CheckRedirect: stay}
	h.access = a
	return h, a, nil
}

func (a *account) client(web *http.Client) *mautrix.Client {
	return &mautrix.Client{HomeserverURL: a.url, UserID: id.UserID(a.cfg.Account.User), UserAgent: mautrix.DefaultUserAgent,
		Client: web, StateStore: a.state, SpecVersions: &mautrix.RespVersions{}, Log: zerolog.Nop()}
}

func (a *account) self() *mautrix.Client { return a.client(a.web) }

// user is always the account: there is nobody else.
func (a *account) user(string) *mautrix.Client { return a.self() }

func (a *account) register(_ context.Context, user string) error {
	if user != a.cfg.Account.User {
		return fmt.Errorf("register %s: an ordinary account makes no users", user)
	}
	return nil
}

// ping tells how the last round went. It waits for the first.
func (a *account) ping(ctx context.Context) error {
	select {
	case <-a.met:
	case <-ctx.Done():
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.outcome
}

// concluded notes how a round went.
func (a *account) concluded(err error) {
	var no hopeless
	if err != nil && !errors.As(err, &no) {
		err = fmt.Errorf("the homeserver %s does not answer: %w", a.cfg.Homeserver, err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.outcome == errStarting {
		close(a.met)
	}
	a.outcome = err
}

// open begins to ask.
func (a *account) open(ctx context.Context, c *Client) error {
	ctx, a.stop = context.WithCancel(context.WithoutCancel(ctx))
	s := &syncing{account: a, c: c, tempo: newBucket(5, 20)}
	a.work.Go(func() { s.run(ctx) }) // ends with ctx; awaited by shut
	return nil
}

// address implements access: nobody reaches us.
func (a *account) address() string { return "" }

func (a *account) shut() {
	a.stop()
	a.work.Wait()
}
