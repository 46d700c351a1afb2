package shaken

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"time"
)

// Signer vouches for callers with one key.
type Signer struct {
	key    *ecdsa.PrivateKey
	x5u    string // where others find the certificate
	origID string
}

// NewSigner takes a P-256 key, the https URL of its certificate, and an
// identifier of where its calls begin.
func NewSigner(key *ecdsa.PrivateKey, x5u, origID string) (*Signer, error) {
	if key == nil || key.Curve != elliptic.P256() {
		return nil, fmt.Errorf("expected a key on the curve P-256")
	}
	if !Secure(x5u) {
		return nil, fmt.Errorf("expected an https URL, found %q", x5u)
	}
	return &Signer{key, x5u, origID}, nil
}

// NewOrigID is a fresh identifier, a UUID (RFC 8588 §5).
func NewOrigID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails since Go 1.24
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// Secure tells whether a certificate may be at a URL (RFC 8226 §10).
func Secure(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Scheme == "https" && u.Hostname() != "" && u.User == nil && u.Fragment == "" && len(address) <= 1024
}

// Sign makes the Identity header of a call (RFC 8224 §6.1). attest is "A", "B"
// or "C". ok is false where the call is not between telephone numbers.
func (s *Signer) Sign(from, to, attest string, now time.Time) (value string, ok bool) {
	orig, called := orig{Canonical(from)}, dest{[]string{Canonical(to)}}
	if orig.TN == "" || called.TN[0] == "" {
		return "", false
	}
	token := part(header{"ES256", "shaken", "passport", s.x5u}) + "." +
		part(claims{attest, called, now.Unix(), orig, s.origID})
	token, err := s.seal(token)
	return token + ";info=<" + s.x5u + `>;alg=ES256;ppt="shaken"`, err == nil
}

// seal adds the third part to the first two (RFC 7518 §3.4).
func (s *Signer) seal(token string) (string, error) {
	sum := sha256.Sum256([]byte(token))
	r, t, err := ecdsa.Sign(rand.Reader, s.key, sum[:])
	if err != nil {
		return "", err
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	t.FillBytes(signature[32:])
	return token + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

// part is a part of a PASSporT: JSON without spaces, its keys in lexical order
// (RFC 8225 §9).
func part(v any) string {
	b, _ := json.Marshal(v) // strings and numbers always can be
	return base64.RawURLEncoding.EncodeToString(b)
}
