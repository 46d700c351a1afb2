package sip

import (
	"strings"
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"

	"roomline/internal/secret"
	"roomline/signalling"
)

const challenge = `WWW-Authenticate: Digest realm="asterisk", nonce="n1", algorithm=MD5, qop="auth", opaque="o"`

// right checks the credentials of a request.
func right(t *testing.T, req *sipmsg.Request, header, password string) {
	t.Helper()
	h := req.GetHeader(header)
	if h == nil {
		t.Fatalf("no %s in\n%s", header, req)
	}
	cred, err := digest.ParseCredentials(h.Value())
	if err != nil {
		t.Fatal(err)
	}
	want, err := digest.Digest(&digest.Challenge{Realm: cred.Realm, Nonce: cred.Nonce, Algorithm: cred.Algorithm, QOP: []string{"auth"}},
		digest.Options{Method: string(req.Method), URI: req.Recipient.String(), Username: "gw", Password: password, Cnonce: cred.Cnonce, Count: cred.Nc})
	if err != nil {
		t.Fatal(err)
	}
	if cred.Response != want.Response || cred.Username != "gw" {
		t.Errorf("credentials %s", h.Value())
	}
}

func TestCredentials(t *testing.T) {
	b := newBed(t)
	b.dial("+4930123")
	first := b.request("INVITE")
	b.reply(first, 401, "Unauthorized", nil, challenge)
	b.request("ACK")
	second := b.request("INVITE")
	right(t, second, "Authorization", "s3cret")
	if second.CSeq().SeqNo != first.CSeq().SeqNo+1 || second.CallID().Value() != first.CallID().Value() ||
		second.Via().Value() == first.Via().Value() || tagOf(second.From().Params) != tagOf(first.From().Params) {
		t.Errorf("second INVITE\n%s", second)
	}
	b.reply(second, 200, "OK", b.sdp("sendrecv", "0"))
	b.event(signalling.Answered)
	if want := "> INVITE < 401 Unauthorized > INVITE (with credentials) < 200 OK > ACK"; b.ladder() != want {
		t.Errorf("ladder %s", b.ladder())
	}
}

func TestProxyCredentialsAndStaleNonce(t *testing.T) {
	b := newBed(t)
	b.dial("+4930123")
	b.reply(b.request("INVITE"), 407, "Proxy Authentication Required", nil,
		`Proxy-Authenticate: Digest realm="r", nonce="old", algorithm=MD5, qop="auth"`,
		`Proxy-Authenticate: Digest realm="r", nonce="n256", algorithm=SHA-256, qop="auth-int, auth"`,
		`Proxy-Authenticate: Digest realm="r", nonce="x", algorithm=ROT13`)
	again := b.request("INVITE")
	right(t, again, "Proxy-Authorization", "s3cret")
	cred, _ := digest.ParseCredentials(again.GetHeader("Proxy-Authorization").Value())
	if cred.Algorithm != "SHA-256" {
		t.Errorf("algorithm %s, want the strongest", cred.Algorithm)
	}
	stale := `Proxy-Authenticate: Digest realm="r", nonce="new", algorithm=SHA-256, qop="auth", stale=true`
	b.reply(again, 407, "Proxy Authentication Required", nil, stale)
	third := b.request("INVITE")
	right(t, third, "Proxy-Authorization", "s3cret")
	b.reply(third, 407, "Proxy Authentication Required", nil, stale)
	b.ended(signalling.TrunkAuth) // stale for ever is a refusal
	b.never("INVITE", 50*time.Millisecond)
}

// A proxy and the PBX behind it each want a proof of their own, and the request
// bears both (RFC 3261 §22.3); so does the BYE. A third realm gets none (S10).
func TestTwoRealms(t *testing.T) {
	const proxy = `Proxy-Authenticate: Digest realm="edge", nonce="p1", algorithm=MD5, qop="auth"`
	b := newBed(t)
	both := func(method string) *sipmsg.Request {
		t.Helper()
		b.reply(b.request(method), 407, "Proxy Authentication Required", nil, proxy)
		second := b.request(method)
		right(t, second, "Proxy-Authorization", "s3cret")
		b.reply(second, 401, "Unauthorized", nil, challenge)
		third := b.request(method)
		right(t, third, "Proxy-Authorization", "s3cret")
		right(t, third, "Authorization", "s3cret")
		return third
	}
	leg := b.dial("+4930123")
	b.reply(both("INVITE"), 200, "OK", b.sdp("sendrecv", "0"))
	b.event(signalling.Answered)
	leg.Hangup(signalling.Reason{})
	b.reply(both("BYE"), 200, "OK", nil)
	b.gone()

	b.box = signalling.NewInbox("third", discard())
	b.dial("+4930123")
	b.reply(both("INVITE"), 401, "Unauthorized", nil, strings.Replace(challenge, "asterisk", "another", 1))
	b.ended(signalling.TrunkAuth)
	b.never("INVITE", 50*time.Millisecond)
}

func TestWrongPassword(t *testing.T) {
	b := newBed(t)
	b.dial("+4930123")
	b.reply(b.request("INVITE"), 401, "Unauthorized", nil, challenge)
	b.reply(b.request("INVITE"), 401, "Unauthorized", nil, challenge)
	if why := b.ended(signalling.TrunkAuth); why.Detail != "401 Unauthorized: the trunk refused the credentials" {
		t.Errorf("detail %q", why.Detail)
	}
	b.never("INVITE", 50*time.Millisecond)
	if s := b.agent.TrunkStates()["carrier"]; s != "trunk_auth" {
		t.Errorf("trunk state %s", s)
	}
}

// What must never be answered with credentials.
func TestChallengesThatAreNotAnswered(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*TrunkConfig, *timing)
		header string
		detail string
	}{
		"no credentials": {func(c *TrunkConfig, _ *timing) { c.Username, c.Password = "", "" }, challenge, errNoCredentials.Error()},
		"another realm":  {func(c *TrunkConfig, _ *timing) { c.Realm = "carrier.example" }, challenge, errRealm.Error()},
		"unknown scheme": {func(*TrunkConfig, *timing) {}, `WWW-Authenticate: Basic realm="asterisk"`, errChallenge.Error()},
		"no challenge":   {func(*TrunkConfig, *timing) {}, "X-None: 1", errChallenge.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, c.change)
			b.dial("+4930123")
			b.reply(b.request("INVITE"), 401, "Unauthorized", nil, c.header)
			if why := b.ended(signalling.TrunkAuth); why.Detail != "401 Unauthorized: "+c.detail {
				t.Errorf("detail %q", why.Detail)
			}
			b.never("INVITE", 50*time.Millisecond)
		})
	}
}

func TestChallengeFromAnotherHost(t *testing.T) {
	b := newBed(t, func(c *TrunkConfig, _ *timing) { c.AllowFrom = []string{"127.0.0.2"} })
	thief := newPeer(t, "127.0.0.2")
	thief.to = b.to
	b.dial("+4930123")
	thief.reply(b.request("INVITE"), 401, "Unauthorized", nil, challenge)
	b.ended(signalling.TrunkAuth)
	b.never("INVITE", 50*time.Millisecond)
}

func TestChallengeToByeIsNotAnswered(t *testing.T) {
	b := newBed(t)
	leg, _ := b.answered()
	leg.Hangup(signalling.Reason{})
	bye := b.request("BYE")
	b.reply(bye, 401, "Unauthorized", nil, challenge)
	b.gone()
	b.never("BYE", 100*time.Millisecond)
	if bye.GetHeader("Authorization") != nil {
		t.Error("a BYE holds credentials")
	}
}

func TestChallengeToReinviteIsNotAnswered(t *testing.T) {
	b := newBed(t)
	leg, _ := b.answered()
	leg.Show(signalling.View{Held: true})
	b.reply(b.request("INVITE"), 401, "Unauthorized", nil, challenge)
	b.never("INVITE", 100*time.Millisecond)
}

func TestSecretStaysSecret(t *testing.T) {
	c := TrunkConfig{Host: "h", Username: "gw", Password: secret.Value("s3cret")}
	if got := c.Password.String(); got == "s3cret" {
		t.Error("the password prints itself")
	}
}
