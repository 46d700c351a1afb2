package port

import (
	"errors"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"

	"roomline/media"
)

const (
	replayWindow = 128             // packets that are told from repeats (RFC 3711 §3.3.2)
	maxSources   = 64              // SSRCs of one key; more are no telephone
	maxTag       = 16              // bytes that a packet of ours grows by: we send no MKI
	takeOver     = 2 * time.Second // for which the key before a new one is heard still
)

var errFlood = errors.New("too many SSRCs under one key")

func profileOf(s media.Suite) srtp.ProtectionProfile {
	return map[media.Suite]srtp.ProtectionProfile{
		media.AES128SHA32: srtp.ProtectionProfileAes128CmHmacSha1_32,
		media.AES256SHA32: srtp.ProtectionProfileAes256CmHmacSha1_32,
		media.AES128SHA80: srtp.ProtectionProfileAes128CmHmacSha1_80,
		media.AES256SHA80: srtp.ProtectionProfileAes256CmHmacSha1_80,
		media.AES128GCM:   srtp.ProtectionProfileAeadAes128Gcm,
		media.AES256GCM:   srtp.ProtectionProfileAeadAes256Gcm,
	}[s]
}

// sealer encrypts what goes out. It belongs to the outgoing side's lock.
type sealer struct {
	context *srtp.Context
	header  rtp.Header // kept for the library to parse into
}

func newSealer(s media.Suite, k media.Key) (*sealer, error) {
	c, err := srtp.CreateContext(k[:s.KeyLen()], k[s.KeyLen():s.KeyLen()+s.SaltLen()], profileOf(s))
	if err != nil {
		return nil, err
	}
	return &sealer{context: c}, nil
}

// rtp encrypts in place a packet that lies at the start of buf, which has room
// for the tag.
func (s *sealer) rtp(buf []byte, size int) ([]byte, error) {
	return s.context.EncryptRTP(buf, buf[:size], &s.header)
}

func (s *sealer) rtcp(b []byte) ([]byte, error) { return s.context.EncryptRTCP(nil, b, nil) }

// opener proves and decrypts what comes in. It belongs to the incoming side's
// lock.
type opener struct {
	context *srtp.Context
	header  rtp.Header
	sources int // SSRCs that were proved
}

func newOpener(s media.Suite, k media.Key, mki string) (*opener, error) {
	c, err := srtp.CreateContext(k[:s.KeyLen()], k[s.KeyLen():s.KeyLen()+s.SaltLen()], profileOf(s),
		srtp.SRTPReplayProtection(replayWindow), srtp.SRTCPReplayProtection(replayWindow), srtp.MasterKeyIndicator([]byte(mki)))
	if err != nil {
		return nil, err
	}
	return &opener{context: c}, nil
}

// rtp decrypts b into dst, which may be b. An SSRC is remembered only once a
// packet of it was proved, so that garbage costs no memory.
func (o *opener) rtp(dst, b []byte, ssrc uint32) ([]byte, error) {
	_, known := o.context.ROC(ssrc)
	if !known && o.sources >= maxSources {
		return nil, errFlood
	}
	plain, err := o.context.DecryptRTP(dst[:0], b, &o.header)
	if err == nil && !known {
		o.sources++
	}
	return plain, err
}

func (o *opener) rtcp(b []byte) ([]byte, error) { return o.context.DecryptRTCP(nil, b, nil) }

// guard is the incoming side's encryption: the key that was agreed on last, and
// for a moment the one before it, whose packets are still on their way.
type guard struct {
	now, before *opener
	until       time.Time // that before is heard
	spare       []byte    // to decrypt into meanwhile: a failure may spoil what it wrote over
}

// on tells whether packets have to be proved.
func (g *guard) on() bool { return g.now != nil }

// rtp proves and decrypts a packet.
func (g *guard) rtp(b []byte, ssrc uint32, at time.Time) ([]byte, bool) {
	if !g.overlaps(at) {
		plain, err := g.now.rtp(b, b, ssrc)
		return plain, err == nil
	}
	plain, err := g.now.rtp(g.spare, b, ssrc)
	if err != nil {
		plain, err = g.before.rtp(b, b, ssrc)
	}
	return plain, err == nil
}

func (g *guard) rtcp(b []byte, at time.Time) ([]byte, bool) {
	plain, err := g.now.rtcp(b)
	if err != nil && g.overlaps(at) {
		plain, err = g.before.rtcp(b)
	}
	return plain, err == nil
}

func (g *guard) overlaps(at time.Time) bool {
	if g.before != nil && at.After(g.until) {
		g.before, g.spare = nil, nil
	}
	return g.before != nil
}

// protect takes over new keys, with both sides locked. A key that stays goes on
// where it was: begun anew it would encrypt two packets alike (RFC 3711 §9.1).
func (p *Port) protect(next media.Protection, now time.Time) error {
	last := p.protection
	if !next.On() {
		p.out.seal, p.in.guard, p.protection = nil, guard{}, next
		return nil
	}
	seal, open := p.out.seal, p.in.guard.now
	var failed, bad error
	if seal == nil || next.Suite != last.Suite || next.Send != last.Send {
		seal, failed = newSealer(next.Suite, next.Send)
	}
	if open == nil || next.Suite != last.Suite || next.Receive != last.Receive || next.MKI != last.MKI {
		open, bad = newOpener(next.Suite, next.Receive, next.MKI)
	}
	if err := errors.Join(failed, bad); err != nil {
		return err
	}
	if before := p.in.guard.now; before != nil && before != open {
		p.in.guard = guard{before: before, until: now.Add(takeOver), spare: make([]byte, maxPacket)}
	}
	p.out.seal, p.in.guard.now, p.protection = seal, open, next
	return nil
}
