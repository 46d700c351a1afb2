package sip

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"
)

// Why a challenge is not answered.
var (
	errNoCredentials = errors.New("the trunk asks for a user name and none is configured")
	errForeignHost   = errors.New("the challenge did not come from the trunk's host")
	errRealm         = errors.New("the challenge names another realm than the one configured")
	errChallenge     = errors.New("the challenge holds no algorithm that we know")
	errRefused       = errors.New("the trunk refused the credentials")
)

// credentials answers digest challenges to one request: once, and once more if
// the trunk says that only its nonce had grown stale (RFC 3261 §22.2). It must
// never be asked about a request within a dialog.
type credentials struct {
	trunk    *trunk
	answered bool
	renewed  bool
}

// answer makes the Authorization or Proxy-Authorization header that res, a 401
// or 407 to req, asks for.
func (c *credentials) answer(req *sipmsg.Request, res *sipmsg.Response) (sipmsg.Header, error) {
	t := c.trunk
	if !t.Password.Set() {
		return nil, errNoCredentials
	}
	if !t.isHost(sourceOf(res)) {
		return nil, errForeignHost
	}
	ask, reply := "www-authenticate", "Authorization"
	if res.StatusCode == sipmsg.StatusProxyAuthRequired {
		ask, reply = "proxy-authenticate", "Proxy-Authorization"
	}
	ch, err := strongest(res.GetHeaders(ask), t.Realm)
	if err != nil {
		return nil, err
	}
	if c.answered && (!ch.Stale || c.renewed) {
		return nil, errRefused
	}
	c.renewed, c.answered = c.answered, true
	cred, err := digest.Digest(ch, digest.Options{Method: string(req.Method), URI: req.Recipient.String(), Count: 1,
		Username: t.Username, Password: t.Password.Reveal(),
		GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(req.Body())), nil }})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errChallenge, err)
	}
	return sipmsg.NewHeader(reply, cred.String()), nil
}

// strongest chooses among several challenges (RFC 8760 §2.4). realm, where it
// is configured, must be the challenge's.
func strongest(asked []sipmsg.Header, realm string) (*digest.Challenge, error) {
	var best *digest.Challenge
	err := errChallenge
	for _, h := range asked {
		ch, bad := digest.ParseChallenge(h.Value())
		if bad != nil || strength(ch) == 0 {
			continue
		}
		if realm != "" && ch.Realm != realm {
			err = errRealm
			continue
		}
		for i := range ch.QOP {
			ch.QOP[i] = strings.ToLower(strings.TrimSpace(ch.QOP[i]))
		}
		if digest.CanDigest(ch) && (best == nil || strength(ch) > strength(best)) {
			best = ch
		}
	}
	if best == nil {
		return nil, err
	}
	return best, nil
}

// strength orders the algorithms that we know; 0 is unknown.
func strength(ch *digest.Challenge) int {
	switch strings.ToUpper(ch.Algorithm) {
	case "", "MD5":
		return 1
	case "SHA-256":
		return 2
	case "SHA-512-256":
		return 3
	}
	return 0
}
