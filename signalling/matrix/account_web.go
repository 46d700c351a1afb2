package matrix

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"maunium.net/go/mautrix"
)

// signed sends every request with the account's token, and with another one if
// the homeserver does not know that any more.
type signed struct {
	next   http.RoundTripper
	login  *login
	device string // the only one that may ask; empty: whichever we have
}

// maxRefused is how much is read of an answer that may be about our token, in bytes.
const maxRefused = 64 << 10

// errUnknown is a token that was given a moment ago and is not known already.
var errUnknown = errors.New("the homeserver does not know the token that it has just given")

// errMoved is the end of what one device has asked for when another has taken
// its place: whoever asked has to ask again.
var errMoved = errors.New("the homeserver has deleted our device, and we have logged in to another")

// RoundTrip implements http.RoundTripper.
func (s signed) RoundTrip(r *http.Request) (*http.Response, error) {
	was, err := s.login.token(r.Context(), stale{})
	if err == nil && s.device != "" && was.device != s.device {
		err = errMoved
	}
	if err != nil {
		return nil, closing(r, err)
	}
	res, err := s.send(r, was.token)
	if err != nil {
		return nil, err
	}
	unknown, soft := unknownToken(res)
	if !unknown {
		return res, nil
	}
	res.Body.Close()
	if r.Body != nil && r.GetBody == nil {
		return nil, errUnknown
	}
	now, err := s.login.token(r.Context(), stale{was.token, soft})
	switch {
	case err != nil:
		return nil, err
	case now.device != was.device:
		return nil, errMoved
	}
	return s.send(r, now.token)
}

// send sends a copy: a RoundTripper must leave its request alone.
func (s signed) send(r *http.Request, token string) (*http.Response, error) {
	signed := r.Clone(r.Context())
	signed.Header.Set("Authorization", "Bearer "+token)
	if r.Body != nil && r.GetBody != nil {
		body, err := r.GetBody()
		if err != nil {
			return nil, err
		}
		r.Body.Close()
		signed.Body = body
	}
	return s.next.RoundTrip(signed)
}

// closing closes the body of a request that is not sent, as a RoundTripper must.
func closing(r *http.Request, err error) error {
	if r.Body != nil {
		r.Body.Close()
	}
	return err
}

// unknownToken tells whether a homeserver does not know our token, for a while
// (soft_logout) or for good. What was read can be read again.
func unknownToken(res *http.Response) (unknown, soft bool) {
	if res.StatusCode != http.StatusUnauthorized {
		return false, false
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, maxRefused))
	res.Body.Close()
	res.Body = io.NopCloser(bytes.NewReader(text))
	var refused struct {
		Code string `json:"errcode"`
		Soft bool   `json:"soft_logout"`
	}
	if err != nil || json.Unmarshal(text, &refused) != nil {
		return false, false
	}
	return refused.Code == mautrix.MUnknownToken.ErrCode, refused.Soft
}
