package matrix

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"
)

// This file holds the ways in which an ordinary account comes to a token.

// hopeless is why we cannot log in, and what somebody has to do about it.
type hopeless string

// Error implements error.
func (r hopeless) Error() string { return string(r) }

// obtain goes through the ways in, the one that changes least first. The
// token of s is one that the homeserver does not know any more.
func (l *login) obtain(ctx context.Context, s session) (session, error) {
	var why error
	for _, way := range []func(context.Context, session) (session, error){l.byRefresh, l.byToken, l.byLoginToken, l.byPassword} {
		next, err := way(ctx, s)
		var no hopeless
		switch {
		case err == nil:
			return next, nil
		case errors.Is(err, errNoWay):
			s = next
		case errors.As(err, &no):
			why = err
		default:
			return session{}, err
		}
	}
	if why == nil {
		why = hopeless("the homeserver does not know the session of " + l.cfg.User + " any more: set matrix.account.password, or a new token or login_token")
	}
	return session{}, why
}

// errNoWay is a way in that is not open to us. What comes with it is the session
// for the others.
var errNoWay = errors.New("not configured")

// byRefresh renews the token (Matrix 1.18, "POST /refresh").
func (l *login) byRefresh(ctx context.Context, s session) (session, error) {
	if s.refresh == "" {
		return s, errNoWay
	}
	var res struct {
		AccessToken  string `json:"access_token"`
		RefreshToken string `json:"refresh_token"`
		Expires      int64  `json:"expires_in_ms"`
	}
	client := l.plain()
	_, err := client.MakeRequest(ctx, http.MethodPost, client.BuildClientURL("v3", "refresh"), map[string]string{"refresh_token": s.refresh}, &res)
	switch {
	case permanent(err): // it does not know that one either
		return l.ended(s, err), errNoWay
	case err != nil:
		return s, l.silent(err)
	}
	if res.RefreshToken != "" { // else the old one stays good
		s.refresh = res.RefreshToken
	}
	s.token, s.expires = res.AccessToken, expiry(res.Expires)
	return s, l.sound(s)
}

// ended is a session whose refresh token is refused. Unless the homeserver says
// that it has only ended for a while, the keys of its device may be gone: made
// again under its name, it would be a device that nobody can encrypt for.
func (l *login) ended(s session, refused error) session {
	var why mautrix.HTTPError
	soft := errors.As(refused, &why) && why.RespError != nil && why.RespError.ExtraData["soft_logout"] == true
	if s.refresh = ""; l.anew && !soft {
		s.device = ""
	}
	return s
}

// byToken asks whose the configured token is (Matrix 1.18, "GET /account/whoami").
func (l *login) byToken(ctx context.Context, s session) (session, error) {
	token := l.cfg.Token.Reveal()
	if token == "" || token == s.token {
		return s, errNoWay
	}
	client := l.plain()
	client.AccessToken = token
	res, err := client.Whoami(ctx)
	switch {
	case errors.Is(err, mautrix.MUnknownToken):
		return s, hopeless("the homeserver does not know matrix.account.token: log in as " + l.cfg.User + " anew and set the new token, or set a password")
	case permanent(err):
		return s, hopeless("the homeserver does not take matrix.account.token: " + said(err))
	case err != nil:
		return s, l.silent(err)
	case res.UserID.String() != l.cfg.User:
		return s, hopeless(fmt.Sprintf("matrix.account.token belongs to %s, but matrix.account.user is %s", clean(res.UserID.String()), l.cfg.User))
	}
	next := session{device: res.DeviceID.String(), token: token, origin: l.origin()}
	return next, l.sound(next)
}

// byLoginToken uses what a single sign-on ends with, once.
func (l *login) byLoginToken(ctx context.Context, s session) (session, error) {
	if !l.cfg.LoginToken.Set() || s.origin == l.origin() {
		return s, errNoWay
	}
	return l.enter(ctx, s, "login_token", &mautrix.ReqLogin{Type: mautrix.AuthTypeToken, Token: l.cfg.LoginToken.Reveal(), RefreshToken: true})
}

func (l *login) byPassword(ctx context.Context, s session) (session, error) {
	if !l.cfg.Password.Set() {
		return s, errNoWay
	}
	return l.enter(ctx, s, "password", &mautrix.ReqLogin{Type: mautrix.AuthTypePassword, Password: l.cfg.Password.Reveal(),
		Identifier: mautrix.UserIdentifier{Type: mautrix.IdentifierTypeUser, User: l.cfg.User}})
}

// enter logs in, to the device that we had (Matrix 1.18, "POST /login"). What
// belongs to somebody else is given back.
func (l *login) enter(ctx context.Context, s session, field string, req *mautrix.ReqLogin) (session, error) {
	req.DeviceID, req.InitialDeviceDisplayName = id.DeviceID(s.device), l.cfg.deviceName()
	client := l.plain()
	res, err := client.Login(ctx, req)
	switch {
	case errors.Is(err, mautrix.MUserDeactivated):
		return s, hopeless("the account " + l.cfg.User + " is deactivated")
	case errors.Is(err, mautrix.MForbidden):
		return s, hopeless(fmt.Sprintf("the homeserver refuses matrix.account.%s of %s (%s): set the right one", field, l.cfg.User, said(err)))
	case permanent(err):
		return s, hopeless(fmt.Sprintf("the homeserver lets nobody log in by matrix.account.%s (%s): set a %s instead", field, said(err), other(field)))
	case err != nil:
		return s, l.silent(err)
	case res.UserID.String() != l.cfg.User:
		client.AccessToken = res.AccessToken
		_, err := client.Logout(ctx)
		return s, errors.Join(hopeless(fmt.Sprintf("matrix.account.%s belongs to %s, but matrix.account.user is %s", field, clean(res.UserID.String()), l.cfg.User)), err)
	}
	next := session{device: res.DeviceID.String(), token: res.AccessToken, refresh: res.RefreshToken, expires: expiry(res.ExpiresInMS), origin: l.origin()}
	return next, l.sound(next)
}

func other(field string) string {
	if field == "password" {
		return "token or login_token"
	}
	return "token or password"
}

// sound tells whether a homeserver gave what a session needs.
func (l *login) sound(s session) error {
	switch {
	case s.token == "" || len(s.token) > maxTokenSize:
		return hopeless("the homeserver gave no access token that can be used")
	case s.device == "" || len(s.device) > maxDeviceSize:
		return hopeless("the session of " + l.cfg.User + " belongs to no device: set a token of a login, or a password")
	}
	return nil
}

const (
	maxTokenSize  = 8192 // bytes
	maxDeviceSize = 255
)

// expiry is when a token ends that lives so many milliseconds; 0: it does not.
func expiry(ms int64) time.Time {
	if ms <= 0 || ms > int64(365*24*time.Hour/time.Millisecond) {
		return time.Time{}
	}
	return time.Now().Add(max(minToken, time.Duration(ms)*time.Millisecond))
}

// silent is a homeserver that gave no answer of use.
func (l *login) silent(err error) error {
	return fmt.Errorf("the homeserver does not let us log in for now: %w", err)
}

// said is what a homeserver answered, and nothing that a request held.
func said(err error) string {
	var refused mautrix.HTTPError
	if !errors.As(err, &refused) || refused.RespError == nil {
		return "without a reason"
	}
	return clean(refused.RespError.ErrCode + ": " + refused.RespError.Err)
}
