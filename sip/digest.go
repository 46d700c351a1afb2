package sip

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
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
	errWithin        = errors.New("a challenge within a call that is not the trunk's own")
)

// credentials answers digest challenges to one request: once, and once more if
// the trunk says that only its nonce had grown stale (RFC 3261 §22.2).
//
// Within a dialog the challenge may be that of whoever was called, passed on by
// the trunk's host, to learn the trunk's password. So it is answered there only
// for the realm that is configured, or that the trunk took our password for
// when a call began, and only where the request is for the trunk itself and
// went to its host.
//
// A proxy on the way and the machine behind it may each ask for its own: then the
// request bears both (RFC 3261 §22.3).
type credentials struct {
	trunk  *trunk
	within bool    // a dialog
	given  []given // one for each that asked
}

// given is a challenge that is answered.
type given struct {
	header    string // Authorization or forProxy
	challenge *digest.Challenge
	renewed   bool
}

const forProxy = "Proxy-Authorization"

// Limits of what is proved.
const (
	maxAsking = 2 // realms that one request is proved to
	maxProved = 4 // realms that are remembered
)

// answer makes the Authorization and Proxy-Authorization headers of the next
// request: the one that res, a 401 or 407 to req, asks for, and those of before.
func (c *credentials) answer(req *sipmsg.Request, res *sipmsg.Response) ([]sipmsg.Header, error) {
	t := c.trunk
	if !t.Password.Set() {
		return nil, errNoCredentials
	}
	if !t.isHost(sourceOf(res)) {
		return nil, errForeignHost
	}
	if res.StatusCode != sipmsg.StatusUnauthorized && res.StatusCode != sipmsg.StatusProxyAuthRequired {
		return nil, errChallenge
	}
	ask, reply := "www-authenticate", "Authorization"
	if res.StatusCode == sipmsg.StatusProxyAuthRequired {
		ask, reply = "proxy-authenticate", forProxy
	}
	ch, err := strongest(res.GetHeaders(ask), t.Realm)
	if err != nil {
		return nil, err
	}
	if c.within && !c.ours(ch.Realm, req) {
		return nil, errWithin
	}
	if !c.take(reply, ch) {
		return nil, errRefused
	}
	var all []sipmsg.Header
	for _, g := range c.given {
		cred, err := digest.Digest(g.challenge, digest.Options{Method: string(req.Method), URI: req.Recipient.String(), Count: t.nonces.next(g.challenge.Nonce),
			Username: t.Username, Password: t.Password.Reveal(),
			GetBody: bodyOf(req.Body())})
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errChallenge, err)
		}
		all = append(all, sipmsg.NewHeader(g.header, cred.String()))
	}
	return all, nil
}

// take tells whether a challenge is to be answered: each one's first, and another
// if only its nonce is stale. What lies behind a proxy asks after it has.
func (c *credentials) take(header string, ch *digest.Challenge) bool {
	for i, g := range c.given {
		if g.header == header && g.challenge.Realm == ch.Realm {
			c.given[i] = given{header, ch, true}
			return ch.Stale && !g.renewed
		}
	}
	if len(c.given) == maxAsking || len(c.given) > 0 && c.given[0].header != forProxy {
		return false
	}
	c.given = append(c.given, given{header, ch, false})
	return true
}

// show adds credentials to a request.
func show(req *sipmsg.Request, auth []sipmsg.Header) {
	for _, h := range auth {
		req.AppendHeader(h)
	}
}

// bodyOf is a body as the digest wants it, for qop auth-int.
func bodyOf(b []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
}

// ours tells whether a challenge to a request within a dialog is the trunk's.
func (c *credentials) ours(realm string, req *sipmsg.Request) bool {
	to, err := netip.ParseAddrPort(req.Destination())
	if err != nil || !c.trunk.isHost(to) || !c.trunk.named(req.Recipient.Host) {
		return false
	}
	proved := c.trunk.proved.Load()
	return c.trunk.Realm != "" || proved != nil && slices.Contains(strings.Split(*proved, realmBreak), realm)
}

// realmBreak stands between realms: no header holds it.
const realmBreak = "\n"

// worked remembers the realms that took the password, the latest first.
func (c *credentials) worked() {
	if len(c.given) == 0 {
		return
	}
	var realms []string
	for _, g := range c.given {
		realms = append(realms, g.challenge.Realm)
	}
	if before := c.trunk.proved.Load(); before != nil {
		for _, r := range strings.Split(*before, realmBreak) {
			if !slices.Contains(realms, r) && len(realms) < maxProved {
				realms = append(realms, r)
			}
		}
	}
	all := strings.Join(realms, realmBreak)
	c.trunk.proved.Store(&all)
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
