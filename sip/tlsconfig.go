package sip

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// TLS is how we show who we are to those who connect to us.
type TLS struct {
	Certificate string `yaml:"certificate"` // file with the chain, PEM
	Key         string `yaml:"key"`         // file with its key, PEM
	ClientCA    string `yaml:"client_ca"`   // file with the CAs of trunks that have to show a certificate, PEM; empty: none has to
}

// Files are the names of the section's files, for whoever completes them.
func (t *TLS) Files() []*string { return []*string{&t.Certificate, &t.Key, &t.ClientCA} }

// validate judges the section beside the addresses that we listen on.
func (t TLS) validate(listen []string) error {
	if t.Certificate == "" != (t.Key == "") {
		return errors.New("tls: expected both certificate and key, found one of them")
	}
	if t.ClientCA != "" && t.Certificate == "" {
		return errors.New("tls.client_ca: expected certificate and key beside it")
	}
	for i, l := range listen {
		if a, err := parseListen(l); err == nil && a.row().secure && t.Certificate == "" {
			return fmt.Errorf("listen[%d]: %s needs sip.tls.certificate and sip.tls.key", i, l)
		}
	}
	return nil
}

// TrunkTLS is whom a trunk's TLS connections believe.
type TrunkTLS struct {
	CA          string `yaml:"ca"`          // file with the CAs that may have signed its certificate, PEM; empty: the system's
	Certificate string `yaml:"certificate"` // file with ours, where the trunk wants one, PEM
	Key         string `yaml:"key"`         // file with its key, PEM
	ServerName  string `yaml:"server_name"` // what its certificate has to name; empty: the host (or outbound_proxy)
}

// Files are the names of the section's files, for whoever completes them.
func (t *TrunkTLS) Files() []*string { return []*string{&t.CA, &t.Certificate, &t.Key} }

func (t TrunkConfig) validTLS() error {
	switch row, _ := transportOf(t.Transport); {
	case !row.secure && t.TLS != (TrunkTLS{}):
		return fmt.Errorf("tls: expected transport tls or wss beside it, found %q", t.Transport)
	case t.TLS.Certificate == "" != (t.TLS.Key == ""):
		return errors.New("tls: expected both certificate and key, found one of them")
	case strings.ContainsFunc(t.TLS.ServerName, notHost):
		return fmt.Errorf("tls.server_name: expected a host name, found %q", t.TLS.ServerName)
	}
	return nil
}

// The bounds of TrunkConfig.Keepalive.
const (
	minKeepalive = time.Second
	maxKeepalive = time.Hour
)

func (t TrunkConfig) validReach() error {
	var errs []error
	if _, ok := transportOf(t.Transport); !ok {
		errs = append(errs, fmt.Errorf("transport: expected %s, found %q", transportChoices, t.Transport))
	}
	if t.Keepalive != 0 && (t.Keepalive < minKeepalive || t.Keepalive > maxKeepalive) {
		errs = append(errs, fmt.Errorf("keepalive: expected 0, or %s to %s, found %s", minKeepalive, maxKeepalive, t.Keepalive))
	}
	if !strings.HasPrefix(t.WSPath, "/") || len(t.WSPath) > 200 || strings.ContainsFunc(t.WSPath, func(r rune) bool { return r <= ' ' || r > '~' }) {
		errs = append(errs, fmt.Errorf("ws_path: expected a path that begins with /, found %q", t.WSPath))
	}
	return errors.Join(append(errs, t.validTLS())...)
}
