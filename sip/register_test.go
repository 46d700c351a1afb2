package sip

import (
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/signalling"
)

// newRegisteringBed is a bed whose trunk wants a registration; p is the registrar.
func newRegisteringBed(t *testing.T, change ...func(*TrunkConfig, *timing)) *bed {
	t.Helper()
	return newBed(t, append([]func(*TrunkConfig, *timing){func(c *TrunkConfig, _ *timing) {
		c.Register.Enabled = true
		c.Numbers = []string{"+4930555", "+4930556"}
	}}, change...)...)
}

// hasty leaves a registrar that does not answer any more.
func hasty(_ *TrunkConfig, times *timing) { times.bye = 10 * time.Millisecond }

// grant lets the agent register, after a challenge, beside the binding of a
// telephone that is somebody else's.
func (b *bed) grant(headers ...string) *sipmsg.Request {
	b.t.Helper()
	first := b.request("REGISTER")
	b.reply(first, 401, "Unauthorized", nil, challenge)
	req := b.after(first)
	right(b.t, req, "Authorization", "s3cret")
	b.reply(req, 200, "OK", nil, append([]string{"Contact: " + mineIn(req).String() + ";expires=3600"}, headers...)...)
	b.registered("registered")
	return req
}

// registered waits until the registration is so.
func (b *bed) registered(want string) {
	b.t.Helper()
	late := time.Now().Add(patience)
	for b.agent.Registrations()["carrier"] != want {
		if time.Now().After(late) {
			b.t.Fatalf("the registration is %q, want %q", b.agent.Registrations()["carrier"], want)
		}
		runtime.Gosched()
	}
}

// after waits for a REGISTER that is no repetition of one.
func (p *peer) after(one *sipmsg.Request) *sipmsg.Request {
	p.t.Helper()
	for {
		if req := p.request("REGISTER"); req.CSeq().SeqNo > one.CSeq().SeqNo || req.CallID().Value() != one.CallID().Value() {
			return req
		}
	}
}

// livekit #524: REGISTER of a trunk's account, until Close takes it back.
func TestRegisters(t *testing.T) {
	b := newRegisteringBed(t)
	if word := b.agent.Registrations()["carrier"]; word != regNever && word != regRegistered {
		t.Errorf("the registration is %q", word)
	}
	req := b.grant()
	mine := mineIn(req)
	if req.Recipient.User != "" || req.To().Address.User != "gw" || req.From().Address.User != "gw" || mine.Host != "127.0.0.1" ||
		mine.Port != int(b.to.Port()) || !strings.Contains(req.GetHeader("Supported").Value(), "path") ||
		!strings.Contains(req.GetHeader("Contact").Value(), `+sip.instance="<urn:uuid:`) {
		t.Errorf("REGISTER\n%s", req)
	}
	closed := make(chan error, 1)
	go func() { closed <- b.agent.Close() }() // ends with the answer to the last REGISTER
	last := b.after(req)
	b.reply(last, 401, "Unauthorized", nil, challenge)
	last = b.after(last)
	right(t, last, "Authorization", "s3cret")
	if last.GetHeader("Expires").Value() != "0" || mineIn(last).String() != mine.String() || len(last.GetHeaders("contact")) != 1 {
		t.Errorf("the last REGISTER\n%s", last)
	}
	b.reply(last, 200, "OK", nil)
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if err := b.agent.Close(); err != nil {
		t.Error("a second Close:", err)
	}
}

// F23: draining takes the registration back at once; what is up goes on.
func TestDrainUnregisters(t *testing.T) {
	b := newRegisteringBed(t)
	first := b.grant()
	leg, _ := b.connected()
	b.agent.Drain()
	last := b.after(first)
	if last.GetHeader("Expires").Value() != "0" {
		t.Errorf("REGISTER\n%s", last)
	}
	b.reply(last, 200, "OK", nil)
	b.registered("not registered")
	b.agent.Drain()
	leg.Hangup(signalling.Reason{})
	b.reply(b.request("BYE"), 200, "OK", nil)
	b.gone()
}

// F3: after a kill the binding is replaced, not added.
func TestKilledWhileRegistered(t *testing.T) {
	b := newRegisteringBed(t, hasty)
	first := b.grant()
	for _, l := range b.agent.listeners { // as the kernel does
		l.close()
	}
	cfg := b.agent.trunks["carrier"].TrunkConfig
	a, err := New(Config{Listen: []string{"udp://" + b.to.String()}}, map[string]TrunkConfig{"carrier": cfg}, b.ports, b.board, nil, discard())
	if err != nil {
		t.Fatal(err)
	}
	a.timing.bye = 10 * time.Millisecond
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	second := b.after(first)
	if mineIn(second).String() != mineIn(first).String() || second.GetHeader("Contact").Value() != first.GetHeader("Contact").Value() {
		t.Errorf("another binding:\n%s\n%s", first, second)
	}
	if second.CallID().Value() == first.CallID().Value() {
		t.Error("the Call-ID of another life, whose CSeq is forgotten")
	}
}

// A call comes to the Contact that we registered; whom it is for stands elsewhere.
func TestCallsToTheRegisteredContact(t *testing.T) {
	b := newRegisteringBed(t, hasty)
	uri := mineIn(b.grant()).String()
	for _, c := range []struct {
		to, header, want string
	}{
		{"<sip:+4930556@carrier.example>", "", "+4930556"},
		{"<sip:gw@carrier.example>", "", "+4930555"}, // the account itself
		{"<sip:+4989777@carrier.example>", "", "+4989777"},
		{"<sip:gw@carrier.example>", "P-Called-Party-ID: <sip:+4930556@carrier.example>", "+4930556"}, // RFC 7315 §4.2
		{"<sip:+4930556@carrier.example>", "P-Called-Party-ID: <sip:nobody@carrier.example>", "+4930556"},
	} {
		b.id = newTag()
		headers := []string{}
		if c.header != "" {
			headers = append(headers, c.header)
		}
		b.send(b.raw("INVITE", uri, "<sip:+4940111@carrier.example>;tag="+b.tag, c.to, b.sdp("sendrecv", "0"), headers...))
		select {
		case in := <-b.board.calls:
			if in.To.Number != c.want {
				t.Errorf("To %s, %s: called %s, want %s", c.to, c.header, in.To.Number, c.want)
			}
			in.Leg(b.box).Hangup(signalling.Reason{Cause: signalling.Busy})
			b.response("486")
			b.gone()
		case <-time.After(patience):
			t.Fatal("no call reached the switchboard")
		}
	}
}

// Two accounts at one provider: a call is for the one whose Contact it names.
func TestTwoAccountsAtOneRegistrar(t *testing.T) {
	p := newPeer(t, "127.0.0.1")
	sw := &board{calls: make(chan signalling.Incoming, 10)}
	cfg := func(user, number string) TrunkConfig {
		c := TrunkDefaults()
		c.Host, c.Username, c.Password, c.Numbers, c.Register.Enabled = p.addr().String(), user, "s3cret", []string{number}, true
		return c
	}
	times := realTiming()
	times.bye = 10 * time.Millisecond
	a := startAgent(t, map[string]TrunkConfig{"one": cfg("1", "+4930555"), "two": cfg("2", "+4930556")}, newPorts(t), sw, times)
	p.to = a.listeners[0].addr
	contacts := map[string]string{}
	for len(contacts) < 2 { // each may come twice
		req := p.request("REGISTER")
		contacts[req.To().Address.User] = mineIn(req).String()
		p.reply(req, 200, "OK", nil, "Contact: "+mineIn(req).String())
	}
	if contacts["1"] == contacts["2"] {
		t.Fatal("both have one Contact")
	}
	p.send(p.raw("INVITE", contacts["2"], "<sip:+4940111@x>;tag="+p.tag, "<sip:2@x>", p.sdp("sendrecv", "0")))
	if in := <-sw.calls; in.Via != "two" || in.To.Number != "+4930556" {
		t.Errorf("the call is %+v", in)
	}
}

// RFC 3608: calls go the way that the registrar says, past the proxy; but to no
// address that is not the trunk's.
func TestServiceRoute(t *testing.T) {
	b := newRegisteringBed(t, hasty)
	b.grant("Service-Route: <sip:192.0.2.77;lr>, <sip:hsp.example;lr>")
	b.dial("+4930123")
	invite := b.request("INVITE")
	routes := invite.GetHeaders("route")
	if len(routes) != 2 || routes[0].Value() != "<sip:192.0.2.77;lr>" || routes[1].Value() != "<sip:hsp.example;lr>" {
		t.Fatalf("INVITE\n%s", invite)
	}
	if invite.Contact().Address.User != b.agent.trunks["carrier"].enrols.user {
		t.Errorf("Contact %s", invite.Contact().Value())
	}
	b.reply(invite, 200, "OK", b.sdp("sendrecv", "0"), "Record-Route: <sip:"+b.addr().String()+";lr>")
	if ack := b.request("ACK"); len(ack.GetHeaders("route")) != 1 || strings.Contains(ack.String(), "hsp.example") {
		t.Errorf("ACK\n%s", ack)
	}
	b.event(signalling.Answered)
}

// Everything goes to the proxy, and what comes from there is the trunk's; the
// host in the URIs need not have an address.
func TestOutboundProxy(t *testing.T) {
	var proxy netip.AddrPort
	b := newRegisteringBed(t, func(c *TrunkConfig, times *timing) {
		c.OutboundProxy, c.Host = c.Host, "carrier.invalid"
		proxy = netip.MustParseAddrPort(c.OutboundProxy)
		times.bye = 10 * time.Millisecond
	})
	route := fmt.Sprintf("<sip:%s;lr>", proxy)
	req := b.grant("Service-Route: " + route + ", <sip:hsp.example;lr>")
	if req.Recipient.String() != "sip:carrier.invalid" || req.To().Address.String() != "sip:gw@carrier.invalid" || req.GetHeader("Route").Value() != route {
		t.Errorf("REGISTER\n%s", req)
	}
	leg := b.dial("+4930123")
	invite := b.request("INVITE")
	if routes := invite.GetHeaders("route"); len(routes) != 2 || routes[0].Value() != route || invite.Recipient.String() != "sip:+4930123@carrier.invalid" {
		t.Errorf("INVITE\n%s", invite)
	}
	b.reply(invite, 407, "Proxy Authentication Required", nil, strings.Replace(challenge, "WWW", "Proxy", 1))
	b.request("ACK")
	invite = b.request("INVITE")
	right(t, invite, "Proxy-Authorization", "s3cret")
	b.reply(invite, 180, "Ringing", nil)
	b.event(signalling.Ringing)
	leg.Hangup(signalling.Reason{})
	cancel := b.request("CANCEL")
	if len(cancel.GetHeaders("route")) != 2 {
		t.Errorf("CANCEL\n%s", cancel)
	}
	b.reply(cancel, 200, "OK", nil)
	b.reply(invite, 487, "Request Terminated", nil)
	b.gone()
}

// A registrar with an address of its own: it may call, and gets credentials.
func TestRegistrarBesideTheTrunk(t *testing.T) {
	other := newPeer(t, "127.0.0.3")
	b := newRegisteringBed(t, func(c *TrunkConfig, times *timing) {
		c.Register.Server, c.Register.User = other.addr().String(), "4930555"
		times.bye = 10 * time.Millisecond
	})
	other.to = b.to
	first := other.request("REGISTER")
	other.reply(first, 401, "Unauthorized", nil, challenge)
	req := other.after(first)
	right(t, req, "Authorization", "s3cret")
	if req.To().Address.String() != "sip:4930555@127.0.0.3" {
		t.Errorf("REGISTER\n%s", req)
	}
	other.reply(req, 200, "OK", nil, "Contact: "+mineIn(req).String())
	b.registered("registered")
	other.send(other.text("OPTIONS", "x", nil))
	other.response("200 OPTIONS")
}

// S12: a registrar beside the trunk's host proves by TLS that it is the registrar,
// not the host.
func TestRegistrarBesideTheTrunkOverTLS(t *testing.T) {
	ca := newAuthority(t)
	shown, _, _ := ca.issue("reg", func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)} })
	p := newDressedPeer(t, "tls", secured(serverOf(shown)))
	b := newDressedBed(t, p, Config{}, func(c *TrunkConfig, times *timing) {
		hasty(c, times)
		c.TLS = TrunkTLS{CA: ca.file}
		c.Register, c.Host = Register{Enabled: true, Server: p.addr().String()}, "127.0.0.9:5061"
	})
	p.reply(b.request("REGISTER"), 403, "Forbidden", nil)
	b.registered("failed: 403 Forbidden")
}

func TestRegistersOverTCP(t *testing.T) {
	b := &bed{peer: newStreamPeer(t, "127.0.0.1"), board: &board{calls: make(chan signalling.Incoming, 10)}, ports: newPorts(t)}
	cfg := TrunkDefaults()
	cfg.Host, cfg.Transport, cfg.Numbers, cfg.Username, cfg.Password = b.addr().String(), "tcp", []string{"+4930555"}, "gw", "s3cret"
	cfg.Register.Enabled = true
	times := realTiming()
	times.bye = 10 * time.Millisecond
	b.agent = startAgent(t, map[string]TrunkConfig{"carrier": cfg}, b.ports, b.board, times)
	req := b.grant()
	if mine := mineIn(req); mine.UriParams.GetOr("transport", "") != "tcp" || mine.Port != int(b.agent.listeners[1].addr.Port()) {
		t.Errorf("Contact %s", mine.String())
	}
}

// The same over IPv6: brackets stand where they belong, and ours is recognised.
func TestRegistersOverIPv6(t *testing.T) {
	p := &peer{t: t, got: make(chan sipmsg.Message, 200), tag: newTag(), id: newTag()}
	var err error
	if p.conn, err = net.ListenUDP("udp6", &net.UDPAddr{IP: net.IPv6loopback}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.conn.Close() })
	go p.read() // ends when the test closes the socket
	a, err := New(Config{Listen: []string{"udp://[::1]:0"}}, map[string]TrunkConfig{"carrier": {Host: p.addr().String(), Username: "gw", Password: "s3cret",
		Register: Register{Enabled: true}}}, newPorts(t), &board{}, nil, discard())
	if err != nil {
		t.Fatal(err)
	}
	a.timing.bye = 10 * time.Millisecond
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	p.to = a.listeners[0].addr
	req := p.request("REGISTER")
	mine := mineIn(req).String()
	if !strings.Contains(req.String(), "REGISTER sip:"+p.addr().String()+" SIP") || !strings.Contains(req.String(), "To: <sip:gw@[::1]>") ||
		!strings.HasSuffix(mine, "@"+p.to.String()) {
		t.Errorf("REGISTER\n%s", req)
	}
	p.reply(req, 200, "OK", nil, "Contact: <"+strings.Replace(mine, "[::1]", "[::2]", 1)+">;expires=100", "Contact: <"+mine+">;expires=0")
	b := &bed{peer: p, agent: a}
	b.registered("failed: 200 without a binding of ours")
}
