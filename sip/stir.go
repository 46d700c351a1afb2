package sip

import (
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/signalling"
	"roomline/sip/shaken"
)

// STIR is how callers' numbers are vouched for on a trunk (RFC 8224, RFC 8588).
type STIR struct {
	Verify      string `yaml:"verify"`      // signatures of calls that come: off (the default), on, or require
	Anchors     string `yaml:"anchors"`     // file with the authorities that are believed, PEM
	Certificate string `yaml:"certificate"` // file with our certificate, PEM: calls that go are signed; empty: they are not
	Key         string `yaml:"key"`         // file with its key, PEM
	X5U         string `yaml:"x5u"`         // where others find the certificate, an https URL
}

// The words of STIR.Verify.
const (
	stirOff     = "off"
	stirOn      = "on"      // what does not hold is told of
	stirRequire = "require" // what does not hold is no call
)

func defaultSTIR() STIR { return STIR{Verify: stirOff} }

// Files are the names of the section's files, for whoever completes them.
func (s *STIR) Files() []*string { return []*string{&s.Anchors, &s.Certificate, &s.Key} }

func (s STIR) withDefaults() STIR {
	if s.Verify == "" {
		s.Verify = stirOff
	}
	return s
}

// Validate says which field cannot work and why.
func (s STIR) Validate() error {
	var errs []error
	switch s.Verify {
	case stirOff:
	case stirOn, stirRequire:
		if s.Anchors == "" {
			errs = append(errs, errors.New("stir.anchors: expected a file with the authorities that are believed"))
		}
	default:
		errs = append(errs, fmt.Errorf("stir.verify: expected off, on or require, found %q", s.Verify))
	}
	if (s.Certificate == "") != (s.Key == "") || (s.Certificate == "") != (s.X5U == "") {
		errs = append(errs, errors.New("stir: expected certificate, key and x5u, or none of them"))
	}
	if s.X5U != "" && !shaken.Secure(s.X5U) {
		errs = append(errs, fmt.Errorf("stir.x5u: expected an https URL, found %q", s.X5U))
	}
	return errors.Join(errs...)
}

// notary is a trunk's part in it.
type notary struct {
	STIR
	origID  string
	library shaken.Library
	anchors *watched[*x509.CertPool]   // nil: nothing is verified
	own     *watched[*tls.Certificate] // nil: nothing is signed
}

func newNotary(cfg STIR, library shaken.Library) *notary {
	n := &notary{STIR: cfg, origID: shaken.NewOrigID(), library: library, own: pair(cfg.Certificate, cfg.Key)}
	if cfg.Verify != stirOff {
		n.anchors = authorities(cfg.Anchors)
	}
	return n
}

// check reads the files for the first time.
func (n *notary) check() error {
	if n.own != nil {
		if _, err := n.signer(); err != nil {
			return fmt.Errorf("stir: %w", err)
		}
	}
	if err := n.anchors.check(); err != nil {
		return fmt.Errorf("stir: %w", err)
	}
	return nil
}

// signer is our key as its file has it now.
func (n *notary) signer() (*shaken.Signer, error) {
	c, err := n.own.get()
	if c == nil {
		return nil, err
	}
	key, _ := c.PrivateKey.(*ecdsa.PrivateKey)
	return shaken.NewSigner(key, n.X5U, n.origID)
}

// vouchFor signs an INVITE of ours (RFC 8224 §6.1): fully for the trunk's own
// numbers, but not by the word of a caller from elsewhere whom nobody has
// verified (S13), and as a known caller's for another's that it passes on
// (RFC 8588 §4). Who hides is not named, and what is no number with a country
// code cannot be.
func (o *outgoing) vouchFor(req *sipmsg.Request) {
	n := o.trunk.notary
	if n.own == nil || o.to.From.Hidden {
		return
	}
	from, attest, sure := o.trunk.CallerID, "B", true
	if o.trunk.SendIdentity != assertNone && o.to.From.Number != "" {
		from, sure = o.to.From.Number, o.to.From.Assured.Screened() // a verifier looks at the network's word first (ATIS-1000074 §5.3.1)
	}
	if sure && o.trunk.owns(from) {
		attest = "A"
	}
	s, err := n.signer()
	if err != nil || !strings.HasPrefix(from, "+") || !strings.HasPrefix(o.to.To.Number, "+") {
		return
	}
	now := time.Now().UTC()
	if value, ok := s.Sign(from, o.to.To.Number, attest, now); ok {
		req.AppendHeader(sipmsg.NewHeader("Date", now.Format("Mon, 02 Jan 2006 15:04:05 GMT")))
		req.AppendHeader(sipmsg.NewHeader("Identity", value))
	}
}

// vouched finds out how far an INVITE's caller can be believed, puts that into
// in, and goes on with then: at once, or when the certificate is here. A call
// that cannot be believed is refused where the trunk wants that.
func (a *Agent) vouched(req *sipmsg.Request, t *trunk, in *signalling.Incoming, then func(refusal)) {
	var identities []string
	for _, h := range req.GetHeaders("identity") {
		identities = append(identities, h.Value())
	}
	if t.notary.anchors == nil || t.notary.Verify == stirOn && !shaken.Signed(identities) {
		then(refusal{})
		return
	}
	call := shaken.Call{From: claimed(req, t, in.From), To: []string{t.read(in.To.Number), t.read(userOf(req.Recipient)), t.read(userOf(req.To().Address))}}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return // the far end repeats its INVITE, to the next who listens here
	}
	a.wg.Go(func() { // ends when the certificate is here, in time; awaited by Close
		signalling.Survives(a.log, "a signed call", func() {
			then(t.notary.judge(a.ctx, a.log.With("trunk", t.name), identities, call, in))
		})
	})
}

// judge verifies.
func (n *notary) judge(ctx context.Context, log *slog.Logger, identities []string, call shaken.Call, in *signalling.Incoming) refusal {
	anchors, err := n.anchors.get()
	if err != nil {
		log.Warn("the authorities of STIR cannot be read; the last are kept", "error", err)
	}
	ctx, cancel := context.WithTimeout(ctx, verifyTime)
	defer cancel()
	result, err := shaken.Verifier{Anchors: anchors, Library: n.library}.Verify(ctx, identities, call)
	if err != nil {
		return n.disbelieve(log, err, in)
	}
	in.From.Assured, in.Attest, in.OrigID = signalling.Unverified, result.Attest, result.OrigID
	if result.Attest == "A" { // else whoever signed it knows the caller, or not even that
		in.From.Assured = signalling.Verified
	}
	return refusal{}
}

// disbelieve says what follows from a failure.
func (n *notary) disbelieve(log *slog.Logger, err error, in *signalling.Incoming) refusal {
	in.From.Assured = signalling.Doubtful
	var f *shaken.Failure
	if !errors.As(err, &f) {
		f = &shaken.Failure{Status: 438, Phrase: "Invalid Identity Header"}
	}
	log.Info("a caller's signature does not hold", "status", f.Status, "error", short(err))
	if f.Status == 436 { // which says nothing of the caller
		in.From.Assured = signalling.Unverified
	}
	if n.Verify == stirRequire {
		return refuse(f.Status, f.Phrase)
	}
	return refusal{}
}

// verifyTime is how long a call waits for a certificate.
const verifyTime = 3 * time.Second

// claimed is the number that a signature has to be for: the one that is shown,
// and of a caller who hides the one that the network knows.
func claimed(req *sipmsg.Request, t *trunk, from signalling.Party) string {
	if !from.Hidden {
		return from.Number
	}
	for _, a := range addressesIn(req, "p-asserted-identity") {
		if n := userOf(a.uri); n != "" {
			return t.read(n)
		}
	}
	return t.read(userOf(req.From().Address))
}

// cancelledBefore tells whether the caller gave up while we looked: the library
// has answered. What it answered is kept, so that its error is ours then.
func cancelledBefore(tx *sipmsg.ServerTx) bool {
	select {
	case <-tx.Done():
		return true
	default:
		return tx.Err() != nil
	}
}
