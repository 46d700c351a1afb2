package shaken

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"math/big"
	"slices"
	"time"
)

// Failure says why an Identity header, or its absence, is not good enough.
type Failure struct {
	Status int    // as a SIP response has it (RFC 8224 §6.2.2)
	Phrase string // likewise
	Err    error
}

// Error implements error.
func (f *Failure) Error() string { return f.Err.Error() }

// Unwrap implements errors.Unwrap.
func (f *Failure) Unwrap() error { return f.Err }

func fail(status int, phrase, text string, args ...any) *Failure {
	return &Failure{status, phrase, fmt.Errorf(text, args...)}
}

// Call is what a signature must be about: numbers with country code. A call may
// be for one of several.
type Call struct {
	From string
	To   []string
}

// Result is what a carrier signed.
type Result struct {
	Attest string // "A": the number is the caller's; "B": the caller is known, the number not; "C": neither (RFC 8588 §4)
	OrigID string // where the call began, for tracing it back (RFC 8588 §5)
}

// Library finds the certificates behind a URL, the signer's first.
type Library interface {
	Find(ctx context.Context, url string) ([]*x509.Certificate, error)
}

// Verifier believes what is signed with a certificate of its anchors.
type Verifier struct {
	Anchors *x509.CertPool
	Library Library
}

// Signed tells whether there is anything to verify among a request's Identity
// headers.
func Signed(identities []string) bool { return pick(identities) != "" }

// pick is the header that RFC 8588 is about.
func pick(identities []string) string {
	for _, h := range identities[:min(len(identities), 8)] {
		if kind(h) == "shaken" {
			return h
		}
	}
	return ""
}

// Verify judges a call by its Identity headers, in the order of RFC 8224 §6.2.
// It may wait for a certificate, as long as ctx lets it. The error is a
// *Failure.
func (v Verifier) Verify(ctx context.Context, identities []string, call Call) (Result, error) {
	value := pick(identities)
	if value == "" {
		return Result{}, fail(428, "Use Identity Header", "the call is not signed")
	}
	p, err := parse(value)
	if err != nil {
		return Result{}, fail(438, "Invalid Identity Header", "%w", err)
	}
	now := time.Now()
	if age := now.Sub(time.Unix(p.IAT, 0)); age > fresh || age < -fresh {
		return Result{}, fail(403, "Stale Date", "it was signed %s ago", age.Round(time.Second))
	}
	if err := p.covers(call); err != nil {
		return Result{}, fail(438, "Invalid Identity Header", "%w", err)
	}
	chain, err := v.Library.Find(ctx, p.X5U)
	if err != nil {
		return Result{}, fail(436, "Bad Identity Info", "%w", err)
	}
	if err := v.trusts(chain, Canonical(p.Orig.TN), now); err != nil {
		return Result{}, fail(437, "Unsupported Credential", "%w", err)
	}
	if !p.signedBy(chain[0]) {
		return Result{}, fail(438, "Invalid Identity Header", "the signature does not hold")
	}
	return Result{Attest: p.Attest, OrigID: p.OrigID}, nil
}

// covers tells whether a call is the one that was signed (RFC 8224 §6.2, step 4).
func (p *passport) covers(call Call) error {
	if from := Canonical(call.From); from == "" || from != Canonical(p.Orig.TN) {
		return fmt.Errorf("another caller was signed")
	}
	for _, to := range call.To {
		if to = Canonical(to); to != "" && slices.ContainsFunc(p.Dest.TN, func(tn string) bool { return Canonical(tn) == to }) {
			return nil
		}
	}
	return fmt.Errorf("a call to another number was signed")
}

// trusts tells whether a chain leads to an anchor, and its first certificate may
// speak for a number (RFC 8226 §8).
func (v Verifier) trusts(chain []*x509.Certificate, tn string, now time.Time) error {
	if len(chain) == 0 {
		return fmt.Errorf("there is no certificate")
	}
	leaf := *chain[0]
	list, err := authorised(&leaf)
	if err != nil {
		return err
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: v.Anchors, Intermediates: between, CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
		return fmt.Errorf("the certificate is not trusted: %w", err)
	}
	if !list.covers(tn) {
		return fmt.Errorf("the certificate is not for that number")
	}
	return nil
}

// signedBy checks ES256 (RFC 7518 §3.4).
func (p *passport) signedBy(c *x509.Certificate) bool {
	key, ok := c.PublicKey.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return false
	}
	sum := sha256.Sum256([]byte(p.signed))
	return ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(p.signature[:32]), new(big.Int).SetBytes(p.signature[32:]))
}
