//go:build interop

package trunk

import (
	"strings"
	"testing"

	"roomline/signalling"
)

// Calls to Asterisk and from it over TCP.
func TestTransportTCP(t *testing.T) {
	t.Parallel()
	g := open(t, with{trunks: "  a: {host: \"@NET@.3:5060\", numbers: [\"+4930111\"]}\n  b: {host: \"" + pbx + "\", transport: tcp, numbers: [\"+4930222\"]}\n"})
	bothWays(t, g, "any", g.at(2)+":5060;transport=tcp")
}

// Calls to Asterisk over WebSocket, plain and within TLS, with no listen address
// of ours: Asterisk hangs up on the connection that we made.
func TestTransportWebSocket(t *testing.T) {
	t.Parallel()
	for name, b := range map[string]string{
		"ws":  "host: \"" + pbx + ":8088\", transport: ws",
		"wss": "host: \"" + pbx + ":8089\", transport: wss, tls: {ca: \"@TLS@/ca.crt\", server_name: pbx.test}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := open(t, with{trunks: "  a: {host: \"@NET@.3:5060\", numbers: [\"+4930111\"]}\n  b: {" + b + ", ws_path: /ws, srtp: \"off\", numbers: [\"+4930222\"]}\n"})
			g.says("b", "up (OPTIONS ")
			line, err := g.carrier(3).Dial(g.number(650), "+493012345")
			ok(t, err)
			ok(t, line.WaitAnswered(g.ctx))
			phone, err := bed.WaitCall(g.ctx, g.number(650))
			ok(t, err)
			talk(t, g, line, 650)
			ok(t, phone.Hangup(g.ctx))
			ok(t, line.WaitEnded(g.ctx))
			heardBy(t, g, phone)
			if r := g.record(1); r.Cause != signalling.NormalClearing.String() {
				t.Errorf("%+v", r)
			}
		})
	}
}

// says waits until /trunks has a trunk's health so.
func (g *gate) says(trunk, health string) {
	g.t.Helper()
	g.until(trunk+": "+health, func() bool {
		text, err := g.Get(g.ctx, "/trunks")
		return err == nil && strings.Contains(text, `"name":"`+trunk+`"`) && strings.Contains(text, `"health":"`+health)
	})
}

// S12: Asterisk, by a name that its certificate does not have, gets no call.
func TestTransportTLSToTheWrongName(t *testing.T) {
	t.Parallel()
	g := open(t, with{trunks: "  a: {host: \"@NET@.3:5060\", numbers: [\"+4930111\"]}\n  b: {host: \"" + pbx +
		"\", transport: tls, tls: {ca: \"@TLS@/ca.crt\", server_name: other.test}, numbers: [\"+4930222\"]}\n"})
	g.says("b", "unknown, but missed once: its certificate is for pbx.test, "+pbx+", not")
	line, err := g.carrier(3).Dial(g.number(650), "+493012345")
	ok(t, err)
	ok(t, line.WaitEnded(g.ctx))
	if r := g.record(1); r.Cause != signalling.TrunkUnreachable.String() || !strings.Contains(r.Detail, "its certificate is for") {
		t.Errorf("%+v", r)
	}
}

// SIPp over IPv6 by UDP and TCP on one side, and over TLS on the other.
func TestTransportsOfSIPp(t *testing.T) {
	t.Parallel()
	g := open(t, with{
		sip: "  listen: [\"udp://[::1]:5060\", \"tcp://[::1]:5060\"]\n",
		trunks: "  a: {host: \"[::1]:5070\", numbers: [\"+4930111\"]}\n" +
			"  b: {host: \"@NET@.4:5061\", transport: tls, tls: {ca: \"@TLS@/ca.crt\", server_name: pbx.test}, srtp: \"off\", keepalive: 0s, numbers: [\"+4930222\"]}\n",
	})
	callee := g.sipp(4, "", "-sn", "uas", "-t", "l1", "-p", "5061", "-tls_cert", "@TLS@/pbx.crt", "-tls_key", "@TLS@/pbx.key", "-m", "10")
	for _, transport := range []string{"u1", "t1"} {
		caller := g.sipp(3, "", "-sn", "uac", "-t", transport, "-i", "[::1]", "-p", "5070", "-m", "5", "-r", "5", "-d", "200", "-s", "+4930111", "[::1]:5060")
		caller.wait()
	}
	callee.wait()
	if text := callee.messages(); !strings.Contains(text, "Via: SIP/2.0/TLS ") {
		t.Errorf("not by TLS:\n%.2000s", text)
	}
}
