package port

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/pion/dtls/v3"

	"roomline/media"
)

// handshakeTime is how long the way and the keys may take to be found.
const handshakeTime = 30 * time.Second

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

// shake begins the handshake of a WebRTC port, once, with both sides locked. It
// ends with the port.
func (p *Port) shake(h media.Handshake) {
	w := p.web.Load()
	if w == nil || p.out.closed || !h.On() {
		return
	}
	w.begun.Do(func() {
		p.wait.Go(func() { // until Close, which waits for it
			if err := p.connect(w, h); err != nil && !p.over() {
				p.log.Warn("no keys came about by DTLS", "error", err)
			}
		})
	})
}

// connect waits for a way, shakes hands on it, and then reads until the end:
// what the far end repeats is answered by the library.
func (p *Port) connect(w *web, h media.Handshake) error {
	ctx, cancel := context.WithTimeout(context.Background(), handshakeTime)
	defer cancel()
	stop := make(chan struct{})
	defer close(stop)
	p.wait.Go(func() { // until the port closes, or connect ends
		select {
		case <-p.done:
			cancel()
			_ = w.tunnel.Close() // never fails
		case <-stop:
		}
	})
	select {
	case <-w.nominated:
	case <-ctx.Done():
		return fmt.Errorf("no connectivity check came: %w", ctx.Err())
	}
	conn, err := w.open(h)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // says goodbye if it can
	if err := conn.HandshakeContext(ctx); err != nil {
		return err
	}
	if err := p.keyed(conn, h); err != nil {
		return err
	}
	for buf := make([]byte, maxPacket); err == nil; {
		_, err = conn.Read(buf)
	}
	return nil
}

func (w *web) open(h media.Handshake) (*dtls.Conn, error) {
	config := &dtls.Config{
		Certificates:           []tls.Certificate{w.certificate},
		SRTPProtectionProfiles: []dtls.SRTPProtectionProfile{dtls.SRTP_AEAD_AES_256_GCM, dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80},
		ClientAuth:             dtls.RequireAnyClientCert,
		ExtendedMasterSecret:   dtls.RequireExtendedMasterSecret,
		InsecureSkipVerify:     true, // the fingerprint is what counts (RFC 8122 §6.2)
		VerifyPeerCertificate: func(raw [][]byte, _ [][]*x509.Certificate) error {
			if len(raw) == 0 || printOf(raw[0]) != h.Fingerprint {
				return errStranger
			}
			return nil
		},
	}
	if h.Client {
		return dtls.Client(w.tunnel, w.tunnel.LocalAddr(), config)
	}
	return dtls.Server(w.tunnel, w.tunnel.LocalAddr(), config)
}

var (
	errStranger = errors.New("the certificate is not the one that was announced") // R8
	errNoSuite  = errors.New("no SRTP suite was agreed on")
)

// keyed takes the keys out of the connection (RFC 5764 §4.2).
func (p *Port) keyed(conn *dtls.Conn, h media.Handshake) error {
	state, known := conn.ConnectionState()
	profile, agreed := conn.SelectedSRTPProtectionProfile()
	suite := map[dtls.SRTPProtectionProfile]media.Suite{dtls.SRTP_AEAD_AES_256_GCM: media.AES256GCM,
		dtls.SRTP_AEAD_AES_128_GCM: media.AES128GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80: media.AES128SHA80}[profile]
	if !known || !agreed || suite == media.NoSuite {
		return errNoSuite
	}
	key, salt := suite.KeyLen(), suite.SaltLen()
	all, err := state.ExportKeyingMaterial("EXTRACTOR-dtls_srtp", nil, 2*(key+salt))
	if err != nil {
		return err
	}
	var client, server media.Key
	copy(client[:], all[:key])
	copy(client[key:], all[2*key:2*key+salt])
	copy(server[:], all[key:2*key])
	copy(server[key:], all[2*key+salt:])
	agreement := media.Protection{Suite: suite, Send: server, Receive: client}
	if h.Client {
		agreement.Send, agreement.Receive = client, server
	}
	p.out.Lock()
	defer p.out.Unlock()
	p.in.Lock()
	defer p.in.Unlock()
	return p.protect(agreement, time.Now())
}
