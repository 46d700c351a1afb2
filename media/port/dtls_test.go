package port

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"roomline/media"
)

// ask writes a connectivity check as a full ICE agent would (RFC 8445 §7.1).
func ask(to Identity, nominate bool) []byte {
	b := make([]byte, stunHeader)
	binary.BigEndian.PutUint16(b, bindingRequest)
	binary.BigEndian.PutUint32(b[4:], stunCookie)
	copy(b[8:], "transaction!")
	b = attribute(b, attrUsername, []byte(to.Ufrag+":them"))
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	b = attribute(b, 0x0024, []byte{0, 0, 0, 1}) // PRIORITY
	if nominate {
		b = attribute(b, attrUseCandidate, nil)
	}
	return attribute(b, attrIntegrity, integrity(b, to.Password))
}

// introduced is a port that speaks WebRTC.
func introduced(t *testing.T, r *Range) (*Port, Identity) {
	t.Helper()
	p := open(t, r)
	id, err := p.Introduce()
	if err != nil {
		t.Fatal(err)
	}
	return p, id
}

func shaken(h media.Handshake) media.Negotiated {
	n := plain(netip.MustParseAddrPort("0.0.0.0:9"))
	n.Handshake = h
	return n
}

// Two ports find each other, shake hands and hear each other; what is said
// before the keys are there leaves nobody's port.
func TestHandshake(t *testing.T) {
	r, _ := frozen(t, config(2))
	a, ida := introduced(t, r)
	b, idb := introduced(t, r)
	heard := newEar()
	b.SendTo(heard)
	a.Start(shaken(media.Handshake{Fingerprint: idb.Fingerprint, Client: true}))
	b.Start(shaken(media.Handshake{Fingerprint: ida.Fingerprint}))
	if a.far.Load() != nil {
		t.Error("audio has somewhere to go before any check")
	}
	for _, x := range []struct {
		from *Port
		to   Identity
		at   *Port
	}{{a, idb, b}, {b, ida, a}} {
		if _, err := x.from.pair.rtp.WriteToUDPAddrPort(ask(x.to, true), x.at.Addr()); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "keys on both sides", func() bool { return suiteOf(a) != media.NoSuite && suiteOf(b) == suiteOf(a) })
	if suiteOf(a) != media.AES256GCM {
		t.Errorf("the keys are for %s", suiteOf(a))
	}
	if err := a.WritePacket(&media.Packet{Payload: bytes.Repeat([]byte{3}, 160), Clock: 8000}); err != nil {
		t.Fatal(err)
	}
	if p := heard.next(t); len(p.Payload) != 160 || p.Payload[0] != 3 {
		t.Errorf("heard %+v", p)
	}
	a.exchangeReports(time.Now())
	until(t, "a report on the same port", func() bool { return b.Life().After(b.Stats().Last) })
	a.Start(shaken(media.Handshake{Fingerprint: idb.Fingerprint, Client: true})) // a re-INVITE
	if suiteOf(a) == media.NoSuite || *a.far.Load() != b.Addr() {
		t.Error("a re-INVITE lost the keys or the way")
	}
}

func suiteOf(p *Port) media.Suite {
	p.out.Lock()
	defer p.out.Unlock()
	return p.protection.Suite
}

// R8: another certificate than the one that was announced gives no keys; and
// without keys nothing is heard or sent (R6).
func TestStrangersCertificate(t *testing.T) {
	r, _ := frozen(t, config(2))
	a, ida := introduced(t, r)
	b, idb := introduced(t, r)
	a.Start(shaken(media.Handshake{Fingerprint: ida.Fingerprint, Client: true})) // not that of b
	b.Start(shaken(media.Handshake{Fingerprint: ida.Fingerprint}))
	_, _ = a.pair.rtp.WriteToUDPAddrPort(ask(idb, true), b.Addr())
	_, _ = b.pair.rtp.WriteToUDPAddrPort(ask(ida, true), a.Addr())
	until(t, "both ways", func() bool { _, ok := a.way(); _, too := b.way(); return ok && too })
	_ = a.WritePacket(&media.Packet{Payload: []byte{1}, Clock: 8000})
	var packet media.Packet
	raw := make([]byte, headerSize+10)
	header{ssrc: 1, seq: 1}.put(raw)
	if a.receive(raw, b.Addr(), time.Now(), &packet) {
		t.Error("plain RTP was heard")
	}
	if a.Stats().Sent != 0 || suiteOf(a) != media.NoSuite {
		t.Error("audio left without keys")
	}
}

// R7 (CVE-2023-49786, -51275): a ClientHello from anywhere but the way that ICE
// chose is not heard, before and after there is one; nor does a check without
// our password choose one.
func TestHelloRace(t *testing.T) {
	r, _ := frozen(t, config(1))
	p, id := introduced(t, r)
	p.Start(shaken(media.Handshake{Fingerprint: id.Fingerprint}))
	far, stranger, now := at("127.77.0.2:4000"), at("127.77.0.66:6666"), time.Now()
	hello := append([]byte{22, 0xfe, 0xfd}, make([]byte, 60)...)
	spray := func() {
		for range 50 {
			p.sort(hello, stranger, now)
		}
	}
	spray()
	forged := id
	forged.Password = "guess"
	p.sort(ask(forged, true), stranger, now)
	forged = id
	forged.Ufrag = "guess"
	p.sort(ask(forged, true), stranger, now)
	p.sort(ask(id, false), stranger, now)
	if _, ok := p.way(); ok {
		t.Fatal("a stranger chose the way")
	}
	p.sort(ask(id, true), far, now)
	spray()
	if to, _ := p.way(); to != far || len(p.web.Load().tunnel.in) != 0 {
		t.Errorf("the way is %s, %d packets of the stranger's wait", to, len(p.web.Load().tunnel.in))
	}
}

func TestChecks(t *testing.T) {
	id := Identity{Ufrag: "abcd", Password: "secretsecretsecretsecret"}
	good := ask(id, true)
	c, ok := readCheck(good, id.Ufrag, id.Password)
	if !ok || !c.nominates || string(c.id[:]) != "transaction!" {
		t.Fatalf("%+v %v", c, ok)
	}
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 0x40
		if _, ok := readCheck(bad, id.Ufrag, id.Password); ok {
			t.Errorf("taken with byte %d changed", i)
		}
		if _, ok := readCheck(good[:i], id.Ufrag, id.Password); ok {
			t.Errorf("taken with %d bytes", i)
		}
	}
	res := c.answer(at("192.0.2.1:32853"), id.Password)
	if binary.BigEndian.Uint16(res) != bindingResponse || int(binary.BigEndian.Uint16(res[2:])) != len(res)-stunHeader || len(res)%4 != 0 {
		t.Errorf("answered % x", res)
	}
	if x := res[stunHeader+4:]; !bytes.Equal(x[:8], []byte{0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43}) { // RFC 5769 §2.2
		t.Errorf("mapped % x", x[:8])
	}
}

// Asterisk as the answerer to a lite agent believes that we decide: it is told
// of the conflict, until it decides itself.
func TestRoleConflict(t *testing.T) {
	r, _ := frozen(t, config(1))
	p, id := introduced(t, r)
	b := ask(id, true)
	b = b[:len(b)-4-20]
	b = attribute(b, attrControlled, make([]byte, 8))
	b = attribute(b, attrIntegrity, integrity(b, id.Password))
	c, ok := readCheck(b, id.Ufrag, id.Password)
	if res := c.answer(at("192.0.2.1:1"), id.Password); !ok || binary.BigEndian.Uint16(res) != bindingError || !bytes.Contains(res, []byte{0, 9, 0, 4, 0, 0, 4, 87}) {
		t.Errorf("%v, answered % x", ok, res)
	}
	p.sort(b, at("127.77.0.2:4000"), time.Now())
	if _, ok := p.way(); ok {
		t.Error("the way is chosen by who does not decide")
	}
}

// A call that ends while it waits for a check, or in the handshake, ends at once.
func TestClosedMeanwhile(t *testing.T) {
	r, _ := frozen(t, config(2))
	for _, checked := range []bool{false, true} {
		p, id := introduced(t, r)
		p.Start(shaken(media.Handshake{Fingerprint: id.Fingerprint, Client: true}))
		if checked {
			p.sort(ask(id, true), at("127.77.0.2:4000"), time.Now())
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		p.Start(shaken(media.Handshake{Fingerprint: id.Fingerprint, Client: true}))
	}
}

func FuzzCheck(f *testing.F) {
	id := Identity{Ufrag: "abcd", Password: "secretsecretsecretsecret"}
	f.Add(ask(id, true))
	f.Add(ask(id, false))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, ok := readCheck(b, id.Ufrag, id.Password); ok {
			if res := c.answer(at("[2001:db8::1]:1"), id.Password); len(res) > 96+20 {
				t.Errorf("%d bytes", len(res))
			}
		}
	})
}
