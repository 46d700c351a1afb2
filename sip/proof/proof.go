// Package proof judges whether a request proves by digest who sends it.
package proof

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"io"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/icholy/digest"
)

// Verdict is what became of a request's credentials.
type Verdict uint8

// The verdicts.
const (
	Unproven Verdict = iota // none, or wrong ones: to be challenged
	Stale                   // the nonce is too old, used up or not ours: to be challenged with stale=true
	Banned                  // too many wrong ones from this source as this user: to be forbidden
	Proven
)

// maxHeaders is how many Authorization headers are looked at: one for each
// realm on the way (RFC 3261 §22.3).
const maxHeaders = 4

// Config is what there is to prove.
type Config struct {
	Realm      string
	Username   string
	Password   string
	Algorithms []string // in order of preference: "SHA-512-256", "SHA-256", "MD5"
}

// Request is what credentials cover.
type Request struct {
	Method        string
	URI           string // the Request-URI
	User          func(uri string) string
	Body          []byte
	Source        netip.Addr
	Authorization []string // header values
}

// Gate knows one user and one password. It remembers nothing of a request that
// did not prove itself, but how often its source was wrong. It may be used from
// many goroutines.
type Gate struct {
	cfg Config
	key [sha256.Size]byte // of nonces; it dies with the process, and they with it

	mu    sync.Mutex
	used  map[string]*window // nonces that were proven with
	fails map[failure]*tally
	swept time.Time
}

// New makes a gate with a key of its own.
func New(cfg Config) *Gate {
	g := &Gate{cfg: cfg, used: map[string]*window{}, fails: map[failure]*tally{}}
	rand.Read(g.key[:]) // never fails since Go 1.24
	return g
}

// Judge looks for credentials of our realm. Whether it is the user or the
// password that is wrong cannot be told from the verdict, nor from its time.
func (g *Gate) Judge(r Request) Verdict {
	for _, h := range r.Authorization[:min(len(r.Authorization), maxHeaders)] {
		if c, err := digest.ParseCredentials(h); err == nil && c.Realm == g.cfg.Realm {
			return g.weigh(c, r)
		}
	}
	return Unproven
}

// weigh judges credentials of our realm. A nonce that is not ours, or too old,
// is not worth a look at what was made of it: so a restart, after which all are
// foreign, only makes clients ask again, and no other machine can have a user
// banned who never had a nonce from us.
func (g *Gate) weigh(c *digest.Credentials, r Request) Verdict {
	who, now := failure{r.Source, sha256.Sum256([]byte(c.Username))}, time.Now()
	switch {
	case g.banned(who, now):
		return Banned
	case !g.fresh(c.Nonce, r.Source, now):
		return Stale
	case !g.right(c, r):
		if g.failed(who, now) {
			return Banned
		}
		return Unproven
	case !g.first(c.Nonce, c.Nc, now):
		return Stale
	}
	g.forgive(who)
	return Proven
}

// right tells whether the response is what our user would have made of the
// request (RFC 7616 §3.4.1), with a nonce count as RFC 8760 §2.6 wants it.
func (g *Gate) right(c *digest.Credentials, r Request) bool {
	if !g.offers(c.Algorithm) || c.QOP != "auth" && c.QOP != "auth-int" || c.Nc < 1 || c.Cnonce == "" || c.Userhash {
		return false
	}
	want, err := digest.Digest(&digest.Challenge{Realm: g.cfg.Realm, Nonce: c.Nonce, Algorithm: c.Algorithm, QOP: []string{c.QOP}},
		digest.Options{Method: r.Method, URI: c.URI, Count: c.Nc, Cnonce: c.Cnonce, Username: g.cfg.Username, Password: g.cfg.Password,
			GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(r.Body)), nil }})
	if err != nil {
		return false
	}
	user, known := sha256.Sum256([]byte(c.Username)), sha256.Sum256([]byte(g.cfg.Username))
	same := subtle.ConstantTimeCompare(user[:], known[:]) & subtle.ConstantTimeCompare([]byte(strings.ToLower(c.Response)), []byte(want.Response))
	return same == 1 && g.meant(c.URI, r)
}

// meant tells whether the credentials were made to call whom the request calls
// (RFC 7616 §3.4.6). Hosts are left out, as proxies write them anew, and so is
// an URI that names nobody, as simple clients write it.
func (g *Gate) meant(uri string, r Request) bool {
	if r.User == nil {
		return true
	}
	user := r.User(uri)
	return user == "" || user == r.User(r.URI)
}

// offers tells whether an algorithm is among those that we ask for. Without
// one, MD5 is meant (RFC 7616 §3.3).
func (g *Gate) offers(algorithm string) bool {
	if algorithm == "" {
		algorithm = "MD5"
	}
	for _, a := range g.cfg.Algorithms {
		if strings.EqualFold(a, algorithm) {
			return true
		}
	}
	return false
}

// Challenges are the values of the WWW-Authenticate headers for a source, the
// preferred one first (RFC 8760 §2.3).
func (g *Gate) Challenges(source netip.Addr, stale bool) []string {
	nonce := g.nonce(source, time.Now())
	var all []string
	for _, a := range g.cfg.Algorithms {
		ch := digest.Challenge{Realm: g.cfg.Realm, Nonce: nonce, Algorithm: strings.ToUpper(a), QOP: []string{"auth", "auth-int"}, Stale: stale}
		all = append(all, ch.String())
	}
	return all
}
