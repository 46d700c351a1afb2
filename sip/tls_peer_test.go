package sip

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"roomline/signalling"
)

// authority signs the certificates of a test.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	dir  string
	file string // with its certificate
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	ca := &authority{t: t, dir: t.TempDir()}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(48 * time.Hour)}
	ca.key = newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, template, template, &ca.key.PublicKey, ca.key)
	if err != nil {
		t.Fatal(err)
	}
	if ca.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	ca.file = ca.write("ca.crt", "CERTIFICATE", der)
	return ca
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (ca *authority) write(name, kind string, der []byte) string {
	ca.t.Helper()
	name = filepath.Join(ca.dir, name)
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		ca.t.Fatal(err)
	}
	return name
}

// issue signs a certificate, which change makes what a test needs.
func (ca *authority) issue(name string, change ...func(*x509.Certificate)) (tls.Certificate, string, string) {
	ca.t.Helper()
	serial, _ := rand.Int(rand.Reader, big.NewInt(1<<60))
	template := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	for _, c := range change {
		c(template)
	}
	key := newKey(ca.t)
	der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, &key.PublicKey, ca.key)
	if err != nil {
		ca.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		ca.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, ca.write(name+".crt", "CERTIFICATE", der), ca.write(name+".key", "PRIVATE KEY", private)
}

func named(names ...string) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.DNSNames = names }
}

func uri(text string) func(*x509.Certificate) {
	u, _ := url.Parse(text)
	return func(c *x509.Certificate) { c.URIs = []*url.URL{u} }
}

// selfSigned is a certificate that nobody vouches for.
func (ca *authority) selfSigned(name string) tls.Certificate {
	template := &x509.Certificate{SerialNumber: big.NewInt(5), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	key := newKey(ca.t)
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		ca.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// serverOf is a peer's side of TLS.
func serverOf(c tls.Certificate) *tls.Config { return &tls.Config{Certificates: []tls.Certificate{c}} }

// newSecurePeer is a peer on TCP above which dress puts TLS, WebSocket or both.
// What dress refuses is hung up on.
func newDressedPeer(t *testing.T, name string, dress func(net.Conn) (net.Conn, error)) *peer {
	t.Helper()
	p := newPeer(t, "127.0.0.1")
	p.via = name
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.streams = l
	var all sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		p.hang()
		all.Wait()
	})
	all.Go(func() { // ends when the test closes the listener
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { // ends with the handshake
				if dressed, err := dress(c); err == nil {
					p.take(dressed)
				} else {
					c.Close()
				}
			})
		}
	})
	return p
}

func secured(cfg *tls.Config) func(net.Conn) (net.Conn, error) {
	return func(c net.Conn) (net.Conn, error) {
		s := tls.Server(c, cfg)
		c.SetDeadline(time.Now().Add(patience))
		err := s.Handshake()
		c.SetDeadline(time.Time{})
		return s, err
	}
}

// newDressedBed is a bed whose trunk is p, by the transport that p speaks. The
// trunk is known as pbx.test to TLS.
func newDressedBed(t *testing.T, p *peer, listen Config, change func(*TrunkConfig, *timing)) *bed {
	t.Helper()
	cfg, times := TrunkConfig{Host: p.addr().String(), Transport: p.via, Numbers: []string{"+4930555"}, Username: "gw", Password: "s3cret", SRTP: "off"}, realTiming()
	if cfg.Transport == "tls" || cfg.Transport == "wss" {
		cfg.TLS.ServerName = "pbx.test"
	}
	change(&cfg, &times)
	b := &bed{peer: p, board: &board{calls: make(chan signalling.Incoming, 10)}, ports: newPorts(t)}
	listen.Listen = append([]string{"udp://127.0.0.1:0", "tcp://127.0.0.1:0"}, listen.Listen...)
	a, err := New(listen, map[string]TrunkConfig{"carrier": cfg}, b.ports, b.board, nil, discard())
	if err != nil {
		t.Fatal(err)
	}
	a.timing = times
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	b.agent, b.box, b.to = a, signalling.NewInbox("call", discard()), a.listenerFor(p.via, netip.MustParseAddr("127.0.0.1")).addr
	return b
}
