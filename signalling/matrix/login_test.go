package matrix

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"maunium.net/go/mautrix"

	"roomline/internal/database"
)

func place(t *testing.T) database.Address {
	return database.Address(filepath.Join(t.TempDir(), "matrix.db"))
}

// whoever is what a client's session is, once its first round is over.
func whoever(t *testing.T, c *Client) (session, error) {
	t.Helper()
	err := c.hs.ping(t.Context())
	now, _ := c.hs.access.(*account).login.current()
	return now, err
}

// The password is needed for the first login only: after a restart the same
// session goes on, although the password was changed meanwhile.
func TestPasswordIsNeededOnce(t *testing.T) {
	t.Parallel()
	h, at := newHome(t), place(t)
	c := h.transport(t, at, Account{Password: password, DeviceName: "Telephone"})
	first, err := whoever(t, c)
	if err != nil || first.device == "" {
		t.Fatalf("%+v, %v", first.device, err)
	}
	c.Close()
	c.db.Close()
	c = h.transport(t, at, Account{Password: "another"})
	if again, err := whoever(t, c); err != nil || again != first {
		t.Errorf("another session, %v", err)
	}
	list := h.loginsOf()
	if len(list) != 1 || list[0]["initial_device_display_name"] != "Telephone" || list[0]["refresh_token"] != nil {
		t.Errorf("logged in by %v", list)
	}
}

// A session that the homeserver does not know any more, for a while or for
// good, is followed by a login to the same device. What was asked for is done.
func TestForgottenSession(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	c := h.transport(t, place(t), Account{Password: password})
	first, err := whoever(t, c)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		h.set(func() { h.soft = !h.soft })
		h.forgetAll()
		if res, err := c.hs.self().Whoami(t.Context()); err != nil || res.UserID != telephone || res.DeviceID.String() != first.device {
			t.Errorf("%+v, %v", res, err)
		}
	}
	if list := h.loginsOf(); len(list) != 3 || list[2]["device_id"] != first.device {
		t.Errorf("logged in by %v", list)
	}
}

// What cannot be put right by trying says what to do, in words, and the
// homeserver is not asked again and again.
func TestLoginIsRefused(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		account Account
		arrange func(*home)
		words   string
	}{
		"password":          {Account{Password: "wrong"}, nil, "refuses matrix.account.password of " + telephone + " (M_FORBIDDEN: Invalid username or password): set the right one"},
		"token":             {Account{Token: "syt_old"}, nil, "does not know matrix.account.token: log in as " + telephone + " anew"},
		"another's token":   {Account{Token: "syt_bob"}, func(h *home) { h.tokens["syt_bob"], h.devices["syt_bob"] = "@bob:example.org", "B" }, "matrix.account.token belongs to @bob:example.org, but matrix.account.user is " + telephone},
		"token, no device":  {Account{Token: "syt_none"}, func(h *home) { h.tokens["syt_none"] = telephone }, "belongs to no device"},
		"login token":       {Account{LoginToken: "used"}, nil, "refuses matrix.account.login_token"},
		"another's sign-on": {Account{LoginToken: "bobs"}, func(h *home) { h.once["bobs"] = "@bob:example.org" }, "matrix.account.login_token belongs to @bob:example.org"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHome(t)
			if tt.arrange != nil {
				h.set(func() { tt.arrange(h) })
			}
			c := h.transport(t, place(t), tt.account)
			_, err := whoever(t, c)
			if err == nil || !strings.Contains(err.Error(), tt.words) {
				t.Errorf("%v, expected %q", err, tt.words)
			}
			for range 3 {
				if _, err := c.hs.self().Whoami(t.Context()); err == nil || !strings.Contains(err.Error(), tt.words) {
					t.Errorf("%v", err)
				}
			}
			h.set(func() {
				if len(h.logins) > 1 || len(h.asked) > 0 {
					t.Errorf("asked %d times to log in, %d times what happens", len(h.logins), len(h.asked))
				}
				for token, user := range h.tokens {
					if user == "@bob:example.org" && token != "syt_bob" {
						t.Error("a session of somebody else stays open")
					}
				}
			})
		})
	}
}

// A token and a login token are used; a new one counts more than what is
// remembered, and a login token is used once.
func TestTokensFromTheConfiguration(t *testing.T) {
	t.Parallel()
	h, at := newHome(t), place(t)
	one, two := "", ""
	h.set(func() {
		one, two, h.once["sso"] = h.issue(telephone, "ONE"), h.issue(telephone, "TWO"), telephone
	})
	for _, tt := range []struct {
		a      Account
		device string
	}{
		{Account{Token: secretOf(one)}, "ONE"}, {Account{Token: secretOf(one)}, "ONE"}, {Account{Token: secretOf(two)}, "TWO"},
		{Account{LoginToken: "sso"}, "TWO"}, {Account{LoginToken: "sso", Token: secretOf(one)}, "ONE"},
	} {
		c := h.transport(t, at, tt.a)
		if s, err := whoever(t, c); err != nil || s.device != tt.device {
			t.Errorf("%s, expected %s: %v", s.device, tt.device, err)
		}
		c.Close()
		c.db.Close()
	}
	h.set(func() { h.once["fresh"] = telephone })
	h.forgetAll()
	for range 2 {
		c := h.transport(t, at, Account{LoginToken: "fresh"})
		if s, err := whoever(t, c); err != nil || s.refresh == "" {
			t.Errorf("by a login token: refresh token %t, %v", s.refresh != "", err)
		}
		c.Close()
		c.db.Close()
	}
	if list := h.loginsOf(); len(list) != 1 {
		t.Errorf("logged in by %v", list)
	}
}

// A token that expires is renewed before it does, without a login.
func TestRenewal(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.set(func() { h.once["sso"], h.expires = telephone, 600_000 })
	c := h.transport(t, place(t), Account{LoginToken: "sso"})
	first, err := whoever(t, c)
	if err != nil || first.expires.Before(time.Now().Add(9*time.Minute)) {
		t.Fatalf("expires %v, %v", first.expires, err)
	}
	l := c.hs.access.(*account).login
	l.mu.Lock()
	l.now.expires = time.Now().Add(renewAhead / 2)
	l.mu.Unlock()
	if _, err := c.hs.self().Whoami(t.Context()); err != nil {
		t.Fatal(err)
	}
	next, _ := l.current()
	if next.token == first.token || next.device != first.device || next.refresh == first.refresh || len(h.loginsOf()) != 1 {
		t.Errorf("renewed: %t, logins %d", next.token != first.token, len(h.loginsOf()))
	}
	if stored, err := c.store.session(t.Context(), telephone); err != nil || stored.token != next.token || stored.refresh != next.refresh {
		t.Errorf("not written down, %v", err)
	}
	h.forgetAll() // and the refresh token with them
	h.set(func() { clear(h.refresh) })
	if _, err := c.hs.self().Whoami(t.Context()); err == nil || !strings.Contains(err.Error(), "does not know the session of "+telephone) {
		t.Errorf("%v", err)
	}
}

// A session that has ended while nobody looked, its refresh token with it, is
// followed by another device where the old one's keys may be gone with it.
func TestEndedSession(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		how        func(*Client)
		soft, same bool
	}{"without keys": {func(*Client) {}, false, true}, "with keys": {encrypting, false, false}, "for a while": {encrypting, true, true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, at := newHome(t), place(t)
			h.set(func() { h.once["one"], h.once["two"], h.expires, h.soft = telephone, telephone, 600_000, tt.soft })
			c := h.transport(t, at, Account{LoginToken: "one"}, tt.how)
			first, err := whoever(t, c)
			if err != nil {
				t.Fatal(err)
			}
			first.expires = time.Now().Add(-time.Hour)
			if err := c.store.setSession(t.Context(), telephone, first); err != nil {
				t.Fatal(err)
			}
			c.Close()
			c.db.Close()
			h.forgetAll()
			h.set(func() { clear(h.refresh) })
			c = h.transport(t, at, Account{LoginToken: "two"}, tt.how)
			if now, err := whoever(t, c); err != nil || (now.device == first.device) != tt.same {
				t.Errorf("the device %s is followed by %s, %v", first.device, now.device, err)
			}
		})
	}
}

// The homeserver's Retry-After is obeyed, and a refused login waits for longer.
func TestLoginRests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		limited := mautrix.HTTPError{Response: &http.Response{StatusCode: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"40"}}}}
		for _, tt := range []struct {
			err  error
			rest time.Duration
		}{{errNoSync, restLogin}, {errNoSync, 2 * restLogin}, {limited, 40 * time.Second}, {hopeless("no"), restRefused}, {errNoSync, restMost}} {
			l := &login{}
			if tt.rest == 2*restLogin {
				l.note(tt.err)
			}
			if tt.rest == restMost {
				l.note(hopeless("no"))
			}
			l.note(tt.err)
			<-time.After(tt.rest - time.Millisecond)
			if err := l.resting(); !errors.Is(err, tt.err) && err.Error() != tt.err.Error() {
				t.Errorf("%v: not resting before %v", tt.err, tt.rest)
			}
			<-time.After(time.Millisecond)
			if l.resting() != nil {
				t.Errorf("%v: resting after %v", tt.err, tt.rest)
			}
		}
	})
}

// A homeserver that does not know the tokens that it has just given is not asked
// for others without end, whether our device is another each time or not.
func TestLoginsAreBounded(t *testing.T) {
	t.Parallel()
	for name, how := range map[string]func(*Client){"one device": func(*Client) {}, "many": encrypting} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHome(t)
			h.forgets = true
			c := h.transport(t, place(t), Account{Password: password}, how)
			waitFor(t, "it gives up", func() bool { return errors.Is(c.hs.ping(t.Context()), errUnknown) })
			if n := len(h.loginsOf()); n < 6 || n > 8 { // one more in twenty seconds
				t.Errorf("logged in %d times", n)
			}
		})
	}
}

// Neither the log nor an error shows a password or a token.
func TestLoginIsNotLogged(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	var log bytes.Buffer
	web := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	c := h.transport(t, place(t), Account{Password: password})
	if _, err := whoever(t, c); err != nil {
		t.Fatal(err)
	}
	a := c.hs.access.(*account)
	l := &login{cfg: Account{User: telephone, Password: "hunter2", LoginToken: "hunter3"}, store: c.store, turn: newTurn(), often: newBucket(0, 5),
		plain: func() *mautrix.Client { return a.client(web) }, log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	_, err := l.token(t.Context(), stale{})
	if err == nil {
		t.Fatal("logged in")
	}
	l.cfg.Password = password
	l.until = time.Time{}
	if _, err := l.token(t.Context(), stale{}); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"hunter", password, "syt_"} {
		if strings.Contains(log.String()+err.Error(), secret) {
			t.Errorf("%q in %s %v", secret, log.String(), err)
		}
	}
	if !strings.Contains(log.String(), "logged in") {
		t.Errorf("log: %s", log.String())
	}
}
