package sip

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"roomline/media"
	"roomline/signalling"
)

func unchanged(*TrunkConfig, *timing) {}

// S12: TLS to the wrong server is no call, and log, room and trunk state say why.
func TestWrongServer(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	sign := func(by *authority, name string, change ...func(*x509.Certificate)) tls.Certificate {
		c, _, _ := by.issue(name, change...)
		return c
	}
	for name, c := range map[string]struct {
		shown tls.Certificate
		want  string
	}{
		"only the CN is right": {sign(ca, "pbx.test"), "for nobody, not for pbx.test"},
		"another name":         {sign(ca, "a", named("evil.test")), "for evil.test, not for pbx.test"},
		"a wildcard":           {sign(ca, "b", named("*.test")), "for *.test, not for pbx.test"},
		"a user's URI":         {sign(ca, "c", uri("sip:bob@pbx.test")), "for nobody, not for pbx.test"},
		"the URI rules":        {sign(ca, "d", uri("sip:evil.test"), named("pbx.test")), "for evil.test, not for pbx.test"},
		"sips is not sip":      {sign(ca, "e", uri("sips:pbx.test")), "for nobody, not for pbx.test"},
		"expired":              {sign(ca, "f", named("pbx.test"), func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), "expired on " + time.Now().Add(-time.Minute).UTC().Format(time.DateOnly)},
		"not yet valid":        {sign(ca, "g", named("pbx.test"), func(c *x509.Certificate) { c.NotBefore = time.Now().Add(30 * time.Minute) }), "valid only from"},
		"self-signed":          {ca.selfSigned("pbx.test"), "self-signed"},
		"another authority":    {sign(other, "pbx.test", named("pbx.test")), "unknown authority"},
		"for clients only": {sign(ca, "h", named("pbx.test"), func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }),
			"not meant for this use"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newDressedPeer(t, "tls", secured(serverOf(c.shown)))
			b := newDressedBed(t, p, Config{}, func(cfg *TrunkConfig, _ *timing) { cfg.TLS.CA = ca.file })
			b.dial("+4930123")
			if why := b.ended(signalling.TrunkUnreachable); !strings.Contains(why.Detail, c.want) {
				t.Errorf("detail %q, want %q", why.Detail, c.want)
			}
			if s := b.agent.TrunkStates()["carrier"]; s != "trunk_unreachable" {
				t.Errorf("state %q", s)
			}
			if len(p.got) > 0 {
				t.Error("the wrong server was told something")
			}
		})
	}
}

// RFC 5922 §7: the right ones are believed, by DNS name or SIP URI; and calls go
// both ways over the one connection (RFC 5923), with no listen address of ours.
func TestCallsOverTLS(t *testing.T) {
	ca := newAuthority(t)
	for name, san := range map[string]func(*x509.Certificate){"by DNS name": named("other.test", "PBX.test"), "by URI": uri("sip:pbx.test")} {
		t.Run(name, func(t *testing.T) {
			cert, _, _ := ca.issue(strings.ReplaceAll(name, " ", ""), san)
			cfg := serverOf(cert)
			var asked string
			cfg.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
				asked = hello.ServerName
				return nil, nil
			}
			b := newDressedBed(t, newDressedPeer(t, "tls", secured(cfg)), Config{}, func(cfg *TrunkConfig, _ *timing) { cfg.TLS.CA = ca.file })
			leg := b.dial("+4930123")
			invite := b.request("INVITE")
			if c := invite.Contact().Address; invite.Via().Transport != "TLS" || c.UriParams.GetOr("transport", "") != "tls" || asked != "pbx.test" {
				t.Errorf("asked for %q, INVITE\n%s", asked, invite)
			}
			b.reply(invite, 200, "OK", b.sdp("sendrecv", "0"))
			b.request("ACK")
			b.event(signalling.Answered)
			leg.Hangup(signalling.Reason{})
			b.reply(b.request("BYE"), 200, "OK", nil)
			b.gone()
			b.calledBack()
		})
	}
}

// calledBack has the peer call on the connection that the agent made.
func (b *bed) calledBack() {
	b.t.Helper()
	b.box = signalling.NewInbox("back", discard())
	leg, _ := b.connected()
	leg.Hangup(signalling.Reason{})
	bye := b.request("BYE")
	b.reply(bye, 200, "OK", nil)
	b.gone()
}

// Mutual TLS: our certificate is shown where the trunk asks for one.
func TestOurCertificate(t *testing.T) {
	ca := newAuthority(t)
	cert, _, _ := ca.issue("pbx", named("pbx.test"))
	_, file, key := ca.issue("us", named("gateway.test"))
	cfg := serverOf(cert)
	cfg.ClientAuth, cfg.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
	cfg.ClientCAs.AddCert(ca.cert)
	b := newDressedBed(t, newDressedPeer(t, "tls", secured(cfg)), Config{}, func(c *TrunkConfig, _ *timing) {
		c.TLS.CA, c.TLS.Certificate, c.TLS.Key = ca.file, file, key
	})
	b.dial("+4930123")
	b.reply(b.request("INVITE"), 486, "Busy Here", nil)
	b.ended(signalling.Busy)
	without := newDressedBed(t, newDressedPeer(t, "tls", secured(cfg)), Config{}, func(c *TrunkConfig, _ *timing) { c.TLS.CA = ca.file })
	without.dial("+4930123")
	if why := without.ended(signalling.TrunkUnreachable); !strings.Contains(why.Detail, "certificate required") {
		t.Errorf("without ours: %q", why.Detail)
	}
}

// Where a request says that it comes from elsewhere, the answer says where it came
// from, also without rport (RFC 3261 §18.2.1).
func TestReceived(t *testing.T) {
	b := newBed(t)
	b.send(strings.Replace(strings.Replace(b.text("OPTIONS", "x", nil), ";rport", "", 1), "SIP/2.0/UDP 127.0.0.1", "SIP/2.0/UDP pbx.example", 1))
	if from, _ := b.response("200 OPTIONS").Via().Params.Get("received"); from != "127.0.0.1" {
		t.Errorf("received=%q", from)
	}
}

// arrive connects to the agent by TLS and speaks from then on.
func (b *bed) arrive(cfg *tls.Config) error {
	b.t.Helper()
	cfg.InsecureSkipVerify = true
	c, err := tls.Dial("tcp", b.to.String(), cfg)
	if err != nil {
		return err
	}
	b.t.Cleanup(func() { c.Close() })
	b.take(c)
	return nil
}

// A trunk that connects to us shows who it is where client_ca asks for that; and
// the certificate that we show is read again when it changes.
func TestTrunkConnectsByTLS(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	ours, file, key := ca.issue("us", named("gateway.test"))
	b := newDressedBed(t, newDressedPeer(t, "tls", secured(serverOf(ours))),
		Config{Listen: []string{"tls://127.0.0.1:0"}, TLS: TLS{Certificate: file, Key: key, ClientCA: ca.file}}, unchanged)
	good, _, _ := ca.issue("pbx", uri("sip:pbx.test"))
	wrong, _, _ := ca.issue("evil", named("evil.test"))
	alien, _, _ := other.issue("pbx", named("pbx.test"))
	for name, shown := range map[string][]tls.Certificate{"none": nil, "another's": {wrong}, "of another authority": {alien}} {
		c, err := tls.Dial("tcp", b.to.String(), &tls.Config{InsecureSkipVerify: true, Certificates: shown})
		if err == nil { // TLS 1.3 tells the client only when it reads
			c.SetReadDeadline(time.Now().Add(patience))
			_, err = c.Read(make([]byte, 1))
			c.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "tls: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := b.arrive(serverOf(good)); err != nil {
		t.Fatal(err)
	}
	b.calledBack()
	_, next, nextKey := ca.issue("next", named("next.test"))
	rename(t, next, file)
	rename(t, nextKey, key)
	c, err := tls.Dial("tcp", b.to.String(), &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{good}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if name := c.ConnectionState().PeerCertificates[0].DNSNames[0]; name != "next.test" {
		t.Errorf("the certificate is still %s's", name)
	}
}

// S4: whoever connects and does not begin TLS or WebSocket holds up nobody else,
// which in the library one such connection does.
func TestSlowOpeningHoldsUpNobody(t *testing.T) {
	ca := newAuthority(t)
	ours, file, key := ca.issue("us", named("gateway.test"))
	for via, listen := range map[string]Config{"tls": {Listen: []string{"tls://127.0.0.1:0"}, TLS: TLS{Certificate: file, Key: key}}, "ws": {Listen: []string{"ws://127.0.0.1:0"}}} {
		b := newDressedBed(t, newDressedPeer(t, via, upgraded), listen, func(c *TrunkConfig, _ *timing) { c.TLS.CA = "" })
		for range maxStreams / 2 {
			mute, err := net.Dial("tcp", b.to.String())
			if err != nil {
				t.Fatal(err)
			}
			defer mute.Close()
		}
		if via == "tls" {
			if err := b.arrive(serverOf(ours)); err != nil {
				t.Fatal(err)
			}
		} else {
			c, err := net.Dial("tcp", b.to.String())
			if err != nil {
				t.Fatal(err)
			}
			ws, err := openSocket(c, "h", "/")
			if err != nil {
				t.Fatal(err)
			}
			b.take(ws)
		}
		b.calledBack()
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
	later := time.Now().Add(time.Minute)
	if err := os.Chtimes(to, later, later); err != nil {
		t.Fatal(err)
	}
}

// S17: a trunk of TLS is not believed without it, whoever forges its address.
func TestTLSTrunkSpeaksNothingElse(t *testing.T) {
	ca := newAuthority(t)
	cert, _, _ := ca.issue("pbx", named("pbx.test"))
	b := newDressedBed(t, newDressedPeer(t, "tls", secured(serverOf(cert))), Config{}, func(c *TrunkConfig, _ *timing) { c.TLS.CA = ca.file })
	forger := newPeer(t, "127.0.0.1")
	forger.to = b.agent.listeners[0].addr
	forger.send(forger.text("OPTIONS", "x", nil))
	plain, err := net.Dial("tcp", b.agent.listeners[1].addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	plain.SetReadDeadline(time.Now().Add(patience))
	if n, err := plain.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Error("plain TCP was taken")
	}
	for late := time.Now().Add(patience); b.agent.Dropped() < 2; runtime.Gosched() {
		if time.Now().After(late) {
			t.Fatalf("%d were dropped", b.agent.Dropped())
		}
	}
	forger.never("200", 10*time.Millisecond)
}

// A file of TLS that cannot be used is known at the start, by its trunk.
func TestBadCertificateFiles(t *testing.T) {
	ca := newAuthority(t)
	_, file, _ := ca.issue("a")
	_, _, key := ca.issue("b")
	for want, change := range map[string]func(*TrunkConfig, *Config){
		`trunk "carrier": tls: read the certificate`: func(c *TrunkConfig, _ *Config) { c.TLS.Certificate, c.TLS.Key = file, key },
		`trunk "carrier": tls: open`:                 func(c *TrunkConfig, _ *Config) { c.TLS.CA = file + ".none" },
		`trunk "carrier": tls: read the authorities`: func(c *TrunkConfig, _ *Config) { c.TLS.CA = key },
		"read the certificate":                       func(_ *TrunkConfig, c *Config) { c.TLS = TLS{Certificate: file, Key: key} },
	} {
		trunk, cfg := TrunkConfig{Host: "127.0.0.1", Transport: "tls", Numbers: []string{"+4930555"}}, Config{Listen: []string{"udp://127.0.0.1:0"}}
		change(&trunk, &cfg)
		a, err := New(cfg, map[string]TrunkConfig{"carrier": trunk}, newPorts(t), &board{}, nil, discard())
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Start(t.Context()); err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), "stat ", "open "), want) {
			t.Errorf("%v, want %s", err, want)
		}
		a.Close()
	}
}

// S3: a trunk that takes a connection and says nothing holds up nobody else
// (sipgo #363, #366).
func TestSilentHandshakeHoldsUpNobody(t *testing.T) {
	mute, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	p := newPeer(t, "127.0.0.1")
	ports, times := newPorts(t), realTiming()
	trunks := map[string]TrunkConfig{"mute": {Host: mute.Addr().String(), Transport: "tls", Numbers: []string{"+4930555"}, ConnectTimeout: time.Second},
		"carrier": {Host: p.addr().String(), Numbers: []string{"+4930555"}}}
	a := startAgent(t, trunks, ports, &board{}, times)
	p.to = a.listeners[0].addr
	waiting := &bed{peer: p, agent: a, box: signalling.NewInbox("mute", discard())}
	d, _ := a.Trunk("mute")
	for range 5 {
		d.Dial(signalling.Target{To: signalling.Party{Number: "+4930123"}}, []media.Format{media.PCMU}, waiting.box)
	}
	b := &bed{peer: p, agent: a, box: signalling.NewInbox("x", discard())}
	b.dial("+4930123")
	began := time.Now()
	b.reply(b.request("INVITE"), 486, "Busy Here", nil)
	b.event(signalling.HungUp)
	if took := time.Since(began); took > time.Second {
		t.Errorf("a call by another trunk took %s", took)
	}
	if e := waiting.event(signalling.HungUp); e.Reason.Cause != signalling.TrunkUnreachable || !strings.Contains(e.Reason.Detail, "not connected in time") {
		t.Errorf("%v", e.Reason)
	}
}
