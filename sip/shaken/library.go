package shaken

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"syscall"
	"time"
)

// Limits of fetching certificates that strangers name.
const (
	fetchTime  = 2 * time.Second
	maxFile    = 64 << 10
	maxChain   = 6
	maxFetches = 8 // at a time
	maxKept    = 256
	keepGood   = time.Hour
	keepBad    = time.Minute // so that nobody makes us ask again and again
)

var errBusy = errors.New("too many certificates are being fetched")

// Web is a Library of certificates on the web: https alone, on its usual ports,
// at public addresses, and without redirects.
type Web struct {
	client   http.Client
	patience time.Duration // for one file
	busy     chan struct{}

	mu   sync.Mutex
	kept map[string]*found
}

// found is what a URL led to; done is closed when that is known.
type found struct {
	done  chan struct{}
	until time.Time
	chain []*x509.Certificate
	err   error
}

// NewWeb is an empty Library. roots are those of its servers; nil: the system's.
func NewWeb(roots *x509.CertPool) *Web { return newWeb(roots, public) }

func newWeb(roots *x509.CertPool, allowed func(netip.AddrPort) bool) *Web {
	dialer := &net.Dialer{Control: func(_, address string, _ syscall.RawConn) error {
		if to, err := netip.ParseAddrPort(address); err != nil || !allowed(to) {
			return errors.New("certificates are not fetched from there") // after the name was resolved: it cannot change any more
		}
		return nil
	}}
	return &Web{patience: fetchTime, busy: make(chan struct{}, maxFetches), kept: map[string]*found{}, client: http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true, MaxResponseHeaderBytes: 16 << 10,
			TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}},
	}}
}

// public tells whether an address is anybody's, and not of our own network.
func public(a netip.AddrPort) bool {
	ip := a.Addr().Unmap()
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || ip.IsLinkLocalUnicast() || (a.Port() != 443 && a.Port() != 8443) {
		return false
	}
	for _, p := range reserved {
		if p.Contains(ip) {
			return false
		}
	}
	return true
}

// reserved are further ranges of special use (RFC 6890): shared with carriers'
// NAT, benchmarks, documentation, and those that hide an IPv4 address.
var reserved = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("64:ff9b::/96"),
	netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("::/96"), netip.MustParsePrefix("fec0::/10"), netip.MustParsePrefix("100::/64"), netip.MustParsePrefix("192.88.99.0/24"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("2001::/32"),
}

// Find implements Library. Who asks for what somebody else is fetching waits
// for that.
func (w *Web) Find(ctx context.Context, address string) ([]*x509.Certificate, error) {
	if !Secure(address) {
		return nil, errors.New("the certificate is at no https URL")
	}
	f, mine := w.entry(address, time.Now())
	if mine {
		f.chain, f.err = w.fetch(ctx, address)
		w.settle(f, ctx.Err() != nil || errors.Is(f.err, errBusy))
	}
	select {
	case <-f.done:
		return f.chain, f.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Has tells whether Find would answer at once.
func (w *Web) Has(address string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	f := w.kept[address]
	return f != nil && time.Now().Before(f.until)
}

// entry is what is known of a URL; mine says that the caller has to find out.
func (w *Web) entry(address string, now time.Time) (f *found, mine bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if f = w.kept[address]; f != nil && (f.until.IsZero() || now.Before(f.until)) {
		return f, false
	}
	if len(w.kept) >= maxKept {
		w.makeRoom(now)
	}
	f = &found{done: make(chan struct{})}
	w.kept[address] = f
	return f, true
}

// makeRoom drops what is too old, else any that is not under way.
func (w *Web) makeRoom(now time.Time) {
	for address, f := range w.kept {
		if !f.until.IsZero() && now.After(f.until) {
			delete(w.kept, address)
		}
	}
	for address, f := range w.kept {
		if len(w.kept) < maxKept {
			return
		}
		if !f.until.IsZero() {
			delete(w.kept, address)
		}
	}
}

// settle makes known what a URL led to. What failed on our side is tried again
// by the next who asks.
func (w *Web) settle(f *found, ours bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f.until = time.Now()
	switch {
	case f.err == nil:
		f.until = f.until.Add(keepGood)
	case !ours:
		f.until = f.until.Add(keepBad)
	}
	close(f.done)
}

func (w *Web) fetch(ctx context.Context, address string) ([]*x509.Certificate, error) {
	select {
	case w.busy <- struct{}{}:
		defer func() { <-w.busy }()
	default:
		return nil, errBusy
	}
	ctx, cancel := context.WithTimeout(ctx, w.patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	res, err := w.client.Do(req)
	if err != nil {
		var wrapped *url.Error // it names the URL, which is the stranger's
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return nil, fmt.Errorf("fetch the certificate: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetch the certificate: %s", res.Status)
	}
	b, err := io.ReadAll(io.LimitReader(res.Body, maxFile+1))
	if err != nil || len(b) > maxFile {
		return nil, errors.New("fetch the certificate: the file is cut off or too large")
	}
	return Certificates(b)
}

// Certificates reads PEM, or one certificate in DER.
func Certificates(b []byte) ([]*x509.Certificate, error) {
	if c, err := x509.ParseCertificate(b); err == nil {
		return []*x509.Certificate{c}, nil
	}
	var all []*x509.Certificate
	for len(all) < maxChain {
		var block *pem.Block
		if block, b = pem.Decode(b); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("the certificate cannot be read: %w", err)
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, errors.New("there is no certificate in the file")
	}
	return all, nil
}
