package port

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/pion/dtls/v3"

	"roomline/media"
)

// handshakeTime is how long the way and the keys may take to be found.
const handshakeTime = 30 * time.Second

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
	options := []dtls.ServerOption{dtls.WithClientAuth(dtls.RequireAnyClientCert)}
	var client []dtls.ClientOption
	for _, o := range w.options(h) {
		options, client = append(options, o), append(client, o)
	}
	if h.Client {
		return dtls.ClientWithOptions(w.tunnel, w.tunnel.LocalAddr(), client...)
	}
	return dtls.ServerWithOptions(w.tunnel, w.tunnel.LocalAddr(), options...)
}

// options are those that hold for both roles.
func (w *web) options(h media.Handshake) []dtls.Option {
	return []dtls.Option{
		dtls.WithCertificates(w.certificate),
		dtls.WithSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_256_GCM, dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80),
		dtls.WithExtendedMasterSecret(dtls.RequireExtendedMasterSecret),
		dtls.WithInsecureSkipVerify(true), // the fingerprint is what counts (RFC 8122 §6.2)
		dtls.WithVerifyPeerCertificate(func(raw [][]byte, _ [][]*x509.Certificate) error {
			if len(raw) == 0 || printOf(raw[0]) != h.Fingerprint {
				return errStranger
			}
			return nil
		}),
	}
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
