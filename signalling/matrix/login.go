package matrix

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"sync"
	"time"

	"maunium.net/go/mautrix"
)

// login keeps an ordinary account logged in: always to the same device.
type login struct {
	cfg   Account
	plain func() *mautrix.Client // speaks without a token
	store *store                 // nil: nothing is remembered
	log   *slog.Logger
	anew  bool                                 // a device that the homeserver has deleted is followed by another: its keys are gone
	moved func(context.Context, session) error // told of every session, before anybody uses it; may be nil

	turn  turn    // one login at a time
	often *bucket // of those that succeed: a homeserver may not know its own tokens

	mu     sync.Mutex // guards what follows
	now    session
	failed error // of the last attempt
	until  time.Time
	rest   time.Duration
}

// How long no login is tried again. Homeservers count attempts, and some lock
// the account.
const (
	restLogin   = time.Second      // after the first failure, then twice as long
	restRefused = 5 * time.Minute  // after it was refused
	restMost    = time.Minute      // otherwise
	renewAhead  = 30 * time.Second // before a token expires
	minToken    = time.Minute      // a token lives at least so long, whatever the homeserver says
)

// open takes up the session of an earlier run. A token that was configured
// since then counts more.
func (l *login) open(ctx context.Context) error {
	known, err := l.store.session(ctx, l.cfg.User)
	if err != nil {
		return err
	}
	if l.cfg.Token.Set() && known.origin != l.origin() {
		known.token, known.refresh = "", ""
	}
	l.mu.Lock()
	l.now = known
	l.mu.Unlock()
	if known.device != "" && l.moved != nil {
		return l.moved(ctx, known)
	}
	return nil
}

// origin is a digest of what was configured and can be used once, or replaced.
func (l *login) origin() string {
	if !l.cfg.Token.Set() && !l.cfg.LoginToken.Set() {
		return ""
	}
	sum := sha256.Sum256([]byte(l.cfg.Token.Reveal() + "\n" + l.cfg.LoginToken.Reveal()))
	return hex.EncodeToString(sum[:])
}

// current is the session, and whether its token is thought to be good.
func (l *login) current() (session, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	good := l.now.token != "" && (l.now.expires.IsZero() || time.Until(l.now.expires) > renewAhead)
	return l.now, good
}

// stale is a token that the homeserver has just refused; its zero value is none.
type stale struct {
	token string
	soft  bool // the device is there still (Matrix 1.18, "Soft logout")
}

// token is a session with an access token that the homeserver knows, as far as
// we know. It logs in if it has to.
func (l *login) token(ctx context.Context, old stale) (session, error) {
	if s, good := l.current(); good && s.token != old.token {
		return s, nil
	}
	if err := l.turn.take(ctx); err != nil {
		return session{}, err
	}
	defer l.turn.give()
	s, good := l.current()
	if good && s.token != old.token {
		return s, nil // somebody else has done it
	}
	if l.anew && old.token != "" && old.token == s.token && !old.soft {
		s.device, s.refresh = "", ""
	}
	if err := l.resting(); err != nil {
		return session{}, err
	}
	next, err := l.obtain(ctx, s)
	if ctx.Err() == nil {
		l.note(err)
	}
	if err != nil {
		return session{}, err
	}
	l.adopt(ctx, next)
	return next, nil
}

// resting is why no login is tried right now.
func (l *login) resting() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Now().Before(l.until) {
		return l.failed
	}
	return nil
}

// note remembers how an attempt went.
func (l *login) note(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var no hopeless
	switch {
	case err == nil && !l.often.take():
		l.rest, err = restMost, errUnknown
	case err == nil:
		l.rest, l.until = 0, time.Time{}
	case errors.As(err, &no):
		l.rest = restRefused
	default:
		l.rest = min(max(restLogin, 2*l.rest), restMost)
	}
	if l.failed = err; err != nil {
		l.until = time.Now().Add(max(l.rest, retryAfter(err)))
	}
}

// adoptTime is how long it may take to write a session down, and to open its
// keys: that is brought to an end even if whoever needed it has gone.
const adoptTime = 30 * time.Second

// adopt makes a session the one that is used. One that cannot be written down
// is used all the same.
func (l *login) adopt(ctx context.Context, next session) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), adoptTime)
	defer cancel()
	was, _ := l.current()
	if l.store != nil {
		if err := l.store.setSession(ctx, l.cfg.User, next); err != nil {
			l.log.Error("could not write the login down: the next start has to log in again", "error", err)
		}
	}
	if l.moved != nil {
		if err := l.moved(ctx, next); err != nil {
			l.log.Error("could not open the keys of our device", "error", err)
		}
	}
	l.mu.Lock()
	l.now = next
	l.mu.Unlock()
	if was.device != next.device || was.refresh == "" {
		l.log.Info("logged in", "user", l.cfg.User, "device", next.device)
	}
}
