package sip

import (
	"fmt"
	"testing"

	sipmsg "github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"

	"roomline/signalling"
)

// The examples of RFC 2617 §3.5, and of RFC 7616 §3.9.1 and §3.9.2 (as erratum
// 4897 has it), whose algorithms RFC 8760 brings to SIP.
func TestDigestVectors(t *testing.T) {
	long := "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
	for _, c := range []struct {
		challenge, user, password, uri, cnonce, want string
	}{
		{`Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"`,
			"Mufasa", "Circle Of Life", "/dir/index.html", "0a4f113b", "6629fae49393a05397450978507c4ef1"},
		{`Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=MD5, nonce="` + long + `"`,
			"Mufasa", "Circle of Life", "/dir/index.html", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", "8ca523f5e9506fed4657c9700eebdbec"},
		{`Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, nonce="` + long + `"`,
			"Mufasa", "Circle of Life", "/dir/index.html", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
			"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"},
		{`Digest realm="api@example.org", qop="auth", algorithm=SHA-512-256, nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", userhash=true`,
			"Jäsøn Doe", "Secret, or not?", "/doe.json", "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v",
			"3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"},
	} {
		ch, err := strongest([]sipmsg.Header{sipmsg.NewHeader("WWW-Authenticate", c.challenge)}, "")
		if err != nil {
			t.Fatal(err)
		}
		cred, err := digest.Digest(ch, digest.Options{Method: "GET", URI: c.uri, Count: 1, Username: c.user, Password: c.password, Cnonce: c.cnonce})
		if err != nil || cred.Response != c.want {
			t.Errorf("%s %s: %s, want %s (%v)", ch.Algorithm, c.uri, cred.Response, c.want, err)
		}
	}
}

// S11: of several challenges the strongest of ours, whatever their order; MD5
// only where nothing else is known.
func TestStrongestChallenge(t *testing.T) {
	ask := func(realm, algorithm, qop string) sipmsg.Header {
		return sipmsg.NewHeader("WWW-Authenticate", fmt.Sprintf(`Digest realm="%s", nonce="n", algorithm=%s, qop="%s"`, realm, algorithm, qop))
	}
	for _, c := range []struct {
		asked []sipmsg.Header
		realm string
		want  string
	}{
		{[]sipmsg.Header{ask("r", "MD5", "auth"), ask("r", "SHA-256", "auth"), ask("r", "SHA-512-256", "auth")}, "", "SHA-512-256"},
		{[]sipmsg.Header{ask("r", "sha-256", "auth"), ask("r", "MD5", "auth")}, "", "sha-256"},
		{[]sipmsg.Header{ask("r", "MD5", "auth"), ask("r", "SHA-256-sess", "auth"), ask("r", "AKAv1-MD5", "auth")}, "", "MD5"},
		{[]sipmsg.Header{ask("r", "MD5", "auth"), ask("r", "SHA-256", "auth-conf")}, "", "MD5"},
		{[]sipmsg.Header{ask("other", "SHA-512-256", "auth"), ask("r", "MD5", "auth")}, "r", "MD5"},
		{[]sipmsg.Header{ask("other", "SHA-256", "auth")}, "r", errRealm.Error()},
		{[]sipmsg.Header{ask("r", "SHA-256", "auth-conf")}, "", errChallenge.Error()},
	} {
		got, err := strongest(c.asked, c.realm)
		if err != nil {
			got = &digest.Challenge{Algorithm: err.Error()}
		}
		if got.Algorithm != c.want {
			t.Errorf("%v: %s, want %s", c.asked, got.Algorithm, c.want)
		}
	}
}

// auth-int covers the session description (RFC 7616 §3.4.3).
func TestAuthInt(t *testing.T) {
	b := newBed(t)
	b.dial("+4930123")
	b.reply(b.request("INVITE"), 401, "Unauthorized", nil, `WWW-Authenticate: Digest realm="r", nonce="n", algorithm=SHA-256, qop="auth-int"`)
	invite := b.request("INVITE")
	cred := credentialsOf(t, invite, "Authorization")
	if cred.QOP != "auth-int" || cred.Response != expected(t, cred, invite) {
		t.Errorf("credentials %+v", cred)
	}
	other := invite.Clone()
	other.SetBody([]byte("v=0\r\n"))
	if cred.Response == expected(t, cred, other) {
		t.Error("the body does not count")
	}
	b.reply(invite, 486, "Busy Here", nil)
	b.ended(signalling.Busy)
}

func credentialsOf(t *testing.T, req *sipmsg.Request, header string) *digest.Credentials {
	t.Helper()
	h := req.GetHeader(header)
	if h == nil {
		t.Fatalf("no %s in\n%s", header, req)
	}
	cred, err := digest.ParseCredentials(h.Value())
	if err != nil {
		t.Fatal(err)
	}
	return cred
}

// expected is the response that the bed's user would give for a request.
func expected(t *testing.T, c *digest.Credentials, req *sipmsg.Request) string {
	t.Helper()
	want, err := digest.Digest(&digest.Challenge{Realm: c.Realm, Nonce: c.Nonce, Algorithm: c.Algorithm, QOP: []string{c.QOP}}, digest.Options{
		Method: string(req.Method), URI: req.Recipient.String(), Username: "gw", Password: "s3cret", Cnonce: c.Cnonce, Count: c.Nc, GetBody: bodyOf(req.Body())})
	if err != nil {
		t.Fatal(err)
	}
	return want.Response
}

// A nonce that comes again, in whatever request, is counted on.
func TestNonceThatComesAgain(t *testing.T) {
	b := newBed(t)
	leg := b.dial("+4930123")
	b.reply(b.request("INVITE"), 401, "Unauthorized", nil, challenge)
	invite := b.request("INVITE")
	right(t, invite, "Authorization", "s3cret")
	b.reply(invite, 200, "OK", b.sdp("sendrecv", "0"), "Allow: INVITE, ACK, BYE, UPDATE, REFER, NOTIFY")
	b.request("ACK")
	b.event(signalling.Answered)
	count := 1
	asked := func(method string, then int) *sipmsg.Request {
		t.Helper()
		b.reply(b.request(method), 401, "Unauthorized", nil, challenge)
		req := b.request(method)
		right(t, req, "Authorization", "s3cret")
		if count++; credentialsOf(t, req, "Authorization").Nc != count {
			t.Errorf("%s: nc %d, want %d", method, credentialsOf(t, req, "Authorization").Nc, count)
		}
		var body []byte
		if method == "INVITE" {
			body = b.sdp("recvonly", "0")
		}
		b.reply(req, then, "Done", body)
		return req
	}
	leg.Show(signalling.View{Held: true})
	asked("INVITE", 200)
	b.request("ACK")
	leg.Transfer(signalling.Destination{To: signalling.Party{Number: "+4930999"}})
	asked("REFER", 603)
	b.event(signalling.NotReferred)
	leg.Hangup(signalling.Reason{})
	asked("BYE", 200)
	b.gone()
}

func TestNonceCounts(t *testing.T) {
	var n nonceCounts
	for i := range 3 * maxNonces {
		if n.next("used") != i+1 || n.next(fmt.Sprint("once ", i)) != 1 {
			t.Fatal("a count is wrong")
		}
	}
	if len(n.all) > maxNonces || len(n.last) > maxNonces {
		t.Errorf("%d nonces are kept", len(n.all))
	}
}
