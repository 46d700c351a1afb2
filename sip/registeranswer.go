package sip

import (
	"errors"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/signalling"
)

// attempt is an exchange that survives whatever the registrar says: an answer
// that breaks us is as good as none.
func (c *clerk) attempt(expires, within time.Duration, leave <-chan struct{}) regEvent {
	e := regEvent{kind: regSilence}
	signalling.Survives(c.log, "a registration", func() { e = c.exchange(expires, within, leave) })
	return e
}

// exchange sends one REGISTER and makes an event of what came back.
func (c *clerk) exchange(expires, within time.Duration, leave <-chan struct{}) regEvent {
	at, ok := c.place(expires == 0)
	if !ok {
		return regEvent{kind: regSilence}
	}
	c.since = time.Now()
	req := c.register(at, expires)
	res, err := c.ask(req, within, leave)
	switch {
	case errors.Is(err, errLeaving):
		return regEvent{kind: regLeave}
	case err != nil:
		c.log.Debug("no answer to a REGISTER", "error", short(err))
		c.trunk.registrar().home.Store(nil)
		c.trunk.registrar().setAside(at.remote, penalty) // another machine may do better
		return regEvent{kind: regSilence}
	case res.StatusCode == 503:
		c.trunk.registrar().setAside(at.remote, penalty)
	}
	return c.read(at, req, res, expires)
}

// place is where the next request goes: on within an attempt, and where a
// binding is to be taken back, it is where the last one went.
func (c *clerk) place(back bool) (seat, bool) {
	if c.detour != nil {
		return *c.detour, true
	}
	if back && c.home.listener != nil {
		return c.home, true
	}
	at, ok := c.seat()
	if ok {
		c.home = at
	}
	return at, ok
}

// read makes an event of an answer, and remembers what calls need of it.
func (c *clerk) read(at seat, req *sipmsg.Request, res *sipmsg.Response, expires time.Duration) regEvent {
	e := regEvent{kind: regReply, status: res.StatusCode, phrase: displayName(res.Reason), after: secondsIn(res, "retry-after"), least: secondsIn(res, "min-expires")}
	c.auth = nil
	switch {
	case res.IsSuccess() && expires == 0:
		c.routes.Store(nil)
		c.trunk.registrar().home.Store(nil)
	case res.IsSuccess():
		c.creds.worked()
		c.trunk.registrar().home.Store(&at.remote)
		e.granted, c.old = granted(res, c.last, expires), nil
		routes := serviceRoute(res)
		c.routes.Store(&routes)
	case challenged(res.StatusCode):
		auth, err := c.creds.answer(req, res)
		c.auth, e.proof, e.why = auth, err == nil, refusedWhy(err)
	case res.StatusCode < 400:
		c.detour, e.follow = c.redirected(res)
	case res.StatusCode != 423:
		c.trunk.registrar().home.Store(nil) // another machine may do better
	}
	return e
}

// refusedWhy says in a few words why a challenge is not answered (any more).
func refusedWhy(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, errRefused):
		return "wrong password"
	case errors.Is(err, errNoCredentials):
		return "no password is configured"
	}
	return err.Error()
}
