package port

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// Identity is what the far end of a WebRTC stream is told of us.
type Identity struct {
	Ufrag, Password, Fingerprint, Candidate string
}

// web is the WebRTC side of a port: an ICE-lite agent, which answers checks and
// sends none, and the DTLS connection over the way that they found.
type web struct {
	Identity
	certificate tls.Certificate
	tunnel      *tunnel
	nominated   chan struct{} // closed once there is a way
	begun       sync.Once     // the handshake

	// with the incoming side locked
	chosen  netip.AddrPort
	hello   []byte // the latest that came before there was a way
	greeter netip.AddrPort
}

// Introduce makes the port speak WebRTC, before its first Start, under a
// certificate of its own (R7), and says what to tell of it.
func (p *Port) Introduce() (Identity, error) {
	certificate, print, err := selfSigned()
	if err != nil {
		return Identity{}, err
	}
	w := &web{certificate: certificate, nominated: make(chan struct{})}
	w.Identity = Identity{Ufrag: rand.Text()[:8], Password: rand.Text(), Fingerprint: print,
		Candidate: fmt.Sprintf("1 1 UDP 2130706431 %s %d typ host", p.addr.Addr(), p.addr.Port())} // RFC 8839 §5.1
	w.tunnel = newTunnel(p.pair.rtp, p.way)
	p.out.Lock()
	defer p.out.Unlock()
	p.web.Store(w)
	p.out.must = true
	return w.Identity, nil
}

// selfSigned is a certificate for one call, and its fingerprint (RFC 8122 §5).
func selfSigned() (tls.Certificate, string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, "", err
	}
	now := time.Now()
	form := &x509.Certificate{SerialNumber: big.NewInt(now.UnixNano()), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(48 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, form, form, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, "", err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, printOf(der), nil
}

func printOf(der []byte) string {
	sum := sha256.Sum256(der)
	return strings.ReplaceAll(fmt.Sprintf("% X", sum[:]), " ", ":")
}

// way is where ICE found the far end.
func (p *Port) way() (netip.AddrPort, bool) {
	p.in.Lock()
	defer p.in.Unlock()
	at := p.web.Load().chosen
	return at, at.IsValid()
}

// sort takes what is not RTP of a WebRTC port's packets (RFC 7983 §7), and tells
// whether it was that.
func (p *Port) sort(b []byte, from netip.AddrPort, now time.Time) bool {
	w := p.web.Load()
	if w == nil || len(b) < 2 {
		return false
	}
	switch {
	case b[0] < 4:
		p.checked(w, b, from)
	case b[0] >= 20 && b[0] < 64:
		p.greeted(w, b, from)
	case b[0]>>6 == 2 && b[1] >= 192 && b[1] <= 223: // rtcp-mux, RFC 5761 §4
		if at, ok := p.way(); ok && at == from {
			p.hearReport(b, now)
		}
	default:
		return false
	}
	return true
}

// greeted takes a packet of DTLS. R7: what comes from anywhere but the way that
// ICE chose is not heard; the last hello before there is one is kept until then.
func (p *Port) greeted(w *web, b []byte, from netip.AddrPort) {
	p.in.Lock()
	defer p.in.Unlock()
	switch {
	case w.chosen == from:
		w.tunnel.put(b)
	case !w.chosen.IsValid():
		w.hello, w.greeter = append(w.hello[:0], b...), from
	}
}

// checked answers a connectivity check, and goes where the far end wants
// (RFC 8445 §7.3).
func (p *Port) checked(w *web, b []byte, from netip.AddrPort) {
	c, ok := readCheck(b, w.Ufrag, w.Password)
	if !ok {
		return
	}
	_, _ = p.pair.rtp.WriteToUDPAddrPort(c.answer(from, w.Password), from) // lost like any packet
	if !c.nominates || c.obeys {
		return
	}
	p.in.Lock()
	defer p.in.Unlock()
	if w.chosen == from {
		return
	}
	if !w.chosen.IsValid() {
		close(w.nominated)
		if w.greeter == from {
			w.tunnel.put(w.hello)
		}
	}
	w.chosen = from
	p.in.latch.start(from, false)
	p.aim()
}
