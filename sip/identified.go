package sip

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"
)

// verified judges a chain that a far end has shown: signed by one of the roots
// (nil: the system's), valid now, and for one of the names (RFC 5922 §7). The
// errors are sentences for whoever reads the log or the room.
func verified(chain []*x509.Certificate, roots *x509.CertPool, use x509.ExtKeyUsage, now time.Time, names ...string) error {
	if len(chain) == 0 {
		return errors.New("no certificate was shown")
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{use}})
	if err != nil {
		return unverified(chain[0], err, now)
	}
	for _, name := range names {
		if identifies(chain[0], name) {
			return nil
		}
	}
	return fmt.Errorf("its certificate is for %s, not for %s", strings.Join(identities(chain[0]), ", "), strings.Join(names, " or "))
}

// unverified says in words why a chain is not believed.
func unverified(leaf *x509.Certificate, err error, now time.Time) error {
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && now.Before(leaf.NotBefore):
		return fmt.Errorf("its certificate is valid only from %s", leaf.NotBefore.UTC().Format(time.DateOnly))
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Errorf("its certificate expired on %s", leaf.NotAfter.UTC().Format(time.DateOnly))
	case errors.As(err, &invalid) && invalid.Reason == x509.IncompatibleUsage:
		return errors.New("its certificate is not meant for this use")
	case errors.As(err, &unknown) && string(leaf.RawIssuer) == string(leaf.RawSubject):
		return errors.New("its certificate is self-signed")
	case errors.As(err, &unknown):
		return errors.New("its certificate is signed by an unknown authority")
	}
	return errors.New("its certificate is not valid: " + err.Error())
}

// identifies tells whether a certificate is a SIP domain's (RFC 5922 §7.1,
// §7.2): by a SAN of sip:domain without a user, or of DNS, compared whole and
// without wildcards; the DNS names count only where there is no sip: URI. The
// subject's CN does not count. A trunk without a name is known by its address.
func identifies(cert *x509.Certificate, name string) bool {
	if addr, err := netip.ParseAddr(name); err == nil {
		for _, ip := range cert.IPAddresses {
			if ip.Equal(net.IP(addr.AsSlice())) {
				return true
			}
		}
	}
	for _, id := range identities(cert) {
		if strings.EqualFold(strings.TrimSuffix(id, "."), strings.TrimSuffix(name, ".")) && !strings.Contains(id, "*") {
			return true
		}
	}
	return false
}

// identities are the domains that a certificate names.
func identities(cert *x509.Certificate) []string {
	var ids []string
	for _, uri := range cert.URIs {
		if domain := sipDomain(uri.Opaque); strings.EqualFold(uri.Scheme, "sip") && domain != "" {
			ids = append(ids, domain)
		}
	}
	if len(ids) == 0 {
		ids = append(ids, cert.DNSNames...)
	}
	for _, ip := range cert.IPAddresses {
		ids = append(ids, ip.String())
	}
	if len(ids) == 0 {
		return []string{"nobody"}
	}
	return ids
}

// sipDomain is the host of "host", as it stands in sip:host; empty for a user
// of it, who is no domain, and for anything with a port or parameters.
func sipDomain(opaque string) string {
	if strings.ContainsAny(opaque, "@:;?/ ") {
		return ""
	}
	return opaque
}
