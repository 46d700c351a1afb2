package sip

import (
	"strings"
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"

	"roomline/media"
	"roomline/signalling"
)

// wary is a trunk whose addresses are not enough.
func wary(c *TrunkConfig, _ *timing) { c.Challenge.Username, c.Challenge.Password = "pbx", "pa55" }

// proof is an Authorization header for a request of the peer's own.
func (p *peer) proof(res *sipmsg.Response, method, number, password string, count int, body []byte) string {
	p.t.Helper()
	ch, err := digest.ParseChallenge(res.GetHeader("WWW-Authenticate").Value())
	if err != nil {
		p.t.Fatal(err)
	}
	cred, err := digest.Digest(ch, digest.Options{Method: method, URI: "sip:" + number + "@" + p.to.String(), Count: count, Username: "pbx", Password: password,
		GetBody: bodyOf(body)})
	if err != nil {
		p.t.Fatal(err)
	}
	return "Authorization: " + cred.String()
}

func (b *bed) nobodyRings() {
	b.t.Helper()
	select {
	case <-b.board.calls:
		b.t.Fatal("a call reached the switchboard")
	default:
	}
}

// S17: an INVITE from the trunk's address is not enough where the trunk has to
// prove itself; with the proof it is a call, and what belongs to the call needs
// none. Nothing is kept of what had no proof: the same INVITE again is asked
// anew.
func TestTrunkProvesItself(t *testing.T) {
	b := newBed(t, wary)
	sdp := b.sdp("sendrecv", "0")
	bare := b.text("INVITE", "+4930555", sdp)
	b.send(bare)
	first := b.response("401")
	asked := first.GetHeaders("WWW-Authenticate")
	if len(asked) != 2 || !strings.Contains(asked[0].Value(), "SHA-256") || !strings.Contains(asked[1].Value(), "MD5") {
		t.Fatalf("401\n%s", first)
	}
	b.send(bare)
	if again := b.response("401"); again.GetHeader("WWW-Authenticate").Value() == asked[0].Value() || tagOf(again.To().Params) != tagOf(first.To().Params) {
		t.Errorf("the same again is answered\n%s", again)
	}
	b.agent.finished.mu.Lock()
	if n := len(b.agent.finished.all); n > 0 {
		t.Errorf("%d transactions are kept", n)
	}
	b.agent.finished.mu.Unlock()
	if len(first.String()) > datagram {
		t.Errorf("%d bytes", len(first.String()))
	}
	b.nobodyRings()
	b.seq++
	b.send(b.text("INVITE", "+4930555", sdp, b.proof(first, "INVITE", "+4930555", "pa55", 1, sdp)))
	leg := b.rung()
	leg.Answer(media.PCMU)
	b.ack(b.response("200 INVITE"), nil)
	b.event(signalling.Confirmed)
	b.seq++
	b.send(b.text("INVITE", "+4930555", b.sdp("sendonly", "0")))
	b.ack(b.response("200 INVITE"), nil)
	b.event(signalling.Held)
	b.seq++
	b.send(b.text("BYE", "+4930555", nil))
	b.response("200 BYE")
	b.ended(signalling.NormalClearing)
}

// S9: the same Authorization twice is a replay, with another Call-ID or not.
func TestReplayedCredentials(t *testing.T) {
	b := newBed(t, wary)
	sdp := b.sdp("sendrecv", "0")
	b.send(b.text("INVITE", "+4930555", sdp))
	auth := b.proof(b.response("401"), "INVITE", "+4930555", "pa55", 1, sdp)
	b.seq++
	b.send(b.text("INVITE", "+4930555", sdp, auth))
	b.rung().Hangup(signalling.Reason{Cause: signalling.Busy})
	b.response("486")
	b.gone()
	b.id, b.seq = newTag(), b.seq+1
	b.send(b.text("INVITE", "+4930555", sdp, auth))
	res := b.response("401")
	if !strings.Contains(res.GetHeader("WWW-Authenticate").Value(), "stale=true") {
		t.Errorf("401\n%s", res)
	}
	b.nobodyRings()
	b.seq++
	b.box = signalling.NewInbox("second", discard())
	b.send(b.text("INVITE", "+4930555", sdp, b.proof(res, "INVITE", "+4930555", "pa55", 1, sdp)))
	b.rung().Hangup(signalling.Reason{Cause: signalling.Busy})
	b.response("486")
	b.gone()
}

// S8: guessing ends after five tries, with 403 for that user whatever is said.
func TestGuessing(t *testing.T) {
	b := newBed(t, wary)
	for i := range 7 {
		b.id, b.seq = newTag(), b.seq+1
		b.send(b.text("INVITE", "+4930555", nil))
		res := b.response("401")
		b.seq++
		b.send(b.text("INVITE", "+4930555", nil, b.proof(res, "INVITE", "+4930555", "guess", 1, nil)))
		if i < 4 {
			b.response("401")
		} else {
			b.response("403")
		}
	}
	b.id, b.seq = newTag(), b.seq+1
	b.send(b.text("REGISTER", "+4930555", nil)) // S8: we are no registrar
	b.response("405")
	b.nobodyRings()
}

// What else begins something is asked as well; what cannot answer, or begins
// nothing, is not (RFC 3261 §22.1).
func TestWhatIsAsked(t *testing.T) {
	b := newBed(t, wary)
	for _, c := range []struct{ method, want string }{{"REFER", "401"}, {"NOTIFY", "401"}, {"OPTIONS", "200"}, {"CANCEL", "481"}} {
		b.id, b.seq = newTag(), b.seq+1
		b.send(b.text(c.method, "+4930555", nil))
		b.response(c.want + " " + c.method)
	}
	b.id, b.seq = newTag(), b.seq+1
	b.send(b.text("INVITE", "+4930555", nil, "Replaces: x;to-tag=a;from-tag=b"))
	b.response("401 INVITE")
	b.far, b.id, b.seq = "unknown", newTag(), b.seq+1
	b.send(b.text("ACK", "+4930555", nil))
	b.send(b.text("BYE", "+4930555", nil))
	b.response("481 BYE")
	b.never("401", 50*time.Millisecond)
}

// Of two trunks at one address the called number says whose proof it takes.
func TestTwoTrunksOneOfThemWary(t *testing.T) {
	b := newBed(t)
	cfg := TrunkDefaults()
	cfg.Host, cfg.Numbers = b.addr().String(), []string{"+4930777"}
	wary(&cfg, nil)
	plain := cfg
	plain.Numbers, plain.Challenge = []string{"+4930888"}, Challenge{}
	b.agent = startAgent(t, map[string]TrunkConfig{"a": plain, "b": cfg}, b.ports, b.board, realTiming())
	b.to = b.agent.listeners[0].addr
	b.send(b.text("INVITE", "+4930777", nil))
	b.response("401")
	b.id = newTag()
	b.send(b.text("INVITE", "+4930888", nil))
	b.rung().Hangup(signalling.Reason{Cause: signalling.Busy})
	b.response("486")
	b.gone()
}

// A source is a trunk's by CIDR: IPv6, mapped IPv4, and of trunks that overlap
// each that has it.
func TestSourcesByCIDR(t *testing.T) {
	at := func(host string, allow ...string) TrunkConfig {
		return TrunkConfig{Host: host, Numbers: []string{"+4930555"}, AllowFrom: allow}
	}
	a, err := New(Defaults(), map[string]TrunkConfig{
		"v6":   at("2001:db8::1", "2001:db8:1::/48", "fe80::/10"),
		"v4":   at("192.0.2.1", "198.51.100.0/24", "::ffff:203.0.113.7", "::ffff:192.88.99.0/120"),
		"wide": at("192.0.2.2", "198.51.0.0/16"),
	}, newPorts(t), &board{}, nil, discard())
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range a.names {
		if err := a.trunks[n].host.lookup(t.Context(), time.Second); err != nil {
			t.Fatal(err)
		}
	}
	for source, want := range map[string]string{
		"2001:db8::1": "v6", "2001:db8::2": "", "2001:db8:1:2::3": "v6", "2001:db8:2::3": "",
		"192.0.2.1": "v4", "::ffff:192.0.2.1": "v4", "::ffff:198.51.100.9": "v4 wide", "198.51.100.255": "v4 wide",
		"198.51.101.1": "wide", "198.52.0.1": "", "203.0.113.7": "v4", "::ffff:203.0.113.7": "v4", "203.0.113.8": "", "192.88.99.200": "v4", "192.88.98.1": "", "::1": "", "0.0.0.0": "",
	} {
		addr, _ := addrPort("[" + source + "]:5060")
		if !strings.Contains(source, ":") {
			addr, _ = addrPort(source + ":5060")
		}
		var names []string
		for _, t := range a.trunksAt(addr.Addr()) {
			names = append(names, t.name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s speaks for %q, want %q", source, got, want)
		}
		if a.admits(addr.Addr()) != (want != "") {
			t.Errorf("%s is admitted: %t", source, a.admits(addr.Addr()))
		}
	}
}

func TestChallengeConfig(t *testing.T) {
	for want, c := range map[string]Challenge{
		"challenge.username: ":      {Password: "x"},
		"challenge.password: ":      {Username: "x"},
		"challenge.algorithms[1]: ": {Algorithms: []string{"MD5", "md4"}},
	} {
		err := TrunkConfig{Host: "h", CallerID: "1", Challenge: c}.Validate()
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", c, err, want)
		}
	}
}
