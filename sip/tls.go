package sip

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"time"
)

// server is what we show to those who connect by TLS.
type server struct {
	own     *watched[*tls.Certificate]
	clients *watched[*x509.CertPool] // nil: nobody has to show a certificate
	log     *slog.Logger
}

func newServer(cfg TLS, log *slog.Logger) *server {
	return &server{own: pair(cfg.Certificate, cfg.Key), clients: authorities(cfg.ClientCA), log: log}
}

// config is the one for the next handshake: files that have changed are read.
// Where certificates are asked for, theirs has to name one of the trunks. It may
// be one for servers, as carriers show it.
func (s *server) config(trunks []*trunk) (*tls.Config, error) {
	own, err := s.own.get()
	if err != nil {
		s.log.Error("the new certificate for SIP cannot be used", "error", err)
	}
	if own == nil {
		return nil, err
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{*own}}
	if s.clients == nil {
		return cfg, nil
	}
	pool, err := s.clients.get()
	if pool == nil {
		return nil, err
	}
	var names []string
	for _, t := range trunks {
		names = append(names, t.identity())
	}
	cfg.ClientAuth, cfg.ClientCAs = tls.RequireAnyClientCert, pool
	cfg.VerifyConnection = func(c tls.ConnectionState) error {
		return verified(c.PeerCertificates, pool, x509.ExtKeyUsageAny, time.Now(), names...)
	}
	return cfg, nil
}

// handshake makes an accepted connection secure, and says which of the trunks at
// its address it may speak for where certificates are asked for: those that its
// certificate names.
func (s *server) handshake(ctx context.Context, raw net.Conn, trunks []*trunk) (*tls.Conn, []*trunk, error) {
	cfg, err := s.config(trunks)
	if err != nil {
		return nil, nil, err
	}
	c := tls.Server(raw, cfg)
	if err := c.HandshakeContext(ctx); err != nil {
		return nil, nil, err
	}
	if cfg.ClientAuth == tls.NoClientCert {
		return c, nil, nil
	}
	shown := c.ConnectionState().PeerCertificates[0]
	return c, slices.DeleteFunc(slices.Clone(trunks), func(t *trunk) bool { return !identifies(shown, t.identity()) }), nil
}

// client is how a trunk's own connections become secure.
type client struct {
	name  string // whom the certificate has to name
	roots *watched[*x509.CertPool]
	own   *watched[*tls.Certificate]
}

func newClient(cfg TrunkTLS, name string) *client {
	return &client{name: name, roots: authorities(cfg.CA), own: pair(cfg.Certificate, cfg.Key)}
}

// handshake makes a dialled connection secure, or says why it cannot.
func (c *client) handshake(ctx context.Context, raw net.Conn) (net.Conn, error) {
	cfg, err := c.config()
	if err != nil {
		return nil, err
	}
	secured := tls.Client(raw, cfg)
	if err := secured.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return secured, nil
}

// config asks for the trunk by name (SNI). The library's own check would take a
// wildcard, and no sip: URI; ours takes its place (RFC 5922 §7.1).
func (c *client) config() (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true}
	if _, err := netip.ParseAddr(c.name); err != nil {
		cfg.ServerName = c.name
	}
	var roots *x509.CertPool
	if c.roots != nil {
		pool, err := c.roots.get()
		if pool == nil {
			return nil, fmt.Errorf("tls.ca: %w", err)
		}
		roots = pool
	}
	if c.own != nil {
		own, err := c.own.get()
		if own == nil {
			return nil, fmt.Errorf("tls.certificate: %w", err)
		}
		cfg.Certificates = []tls.Certificate{*own}
	}
	cfg.VerifyConnection = func(s tls.ConnectionState) error {
		return verified(s.PeerCertificates, roots, x509.ExtKeyUsageServerAuth, time.Now(), c.name)
	}
	return cfg, nil
}

// check reads the files once, so that a wrong one is known at the start.
func (c *client) check() error { return errors.Join(c.roots.check(), c.own.check()) }

func (s *server) check() error { return errors.Join(s.own.check(), s.clients.check()) }
