package proof

import (
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/icholy/digest"
)

var (
	home  = netip.MustParseAddr("192.0.2.1")
	other = netip.MustParseAddr("192.0.2.2")
)

func gate(algorithms ...string) *Gate {
	if len(algorithms) == 0 {
		algorithms = []string{"sha-256", "md5"}
	}
	return New(Config{Realm: "roomline", Username: "pbx", Password: "s3cret", Algorithms: algorithms})
}

// client is a far end that answers the first challenge which it knows.
type client struct {
	user, password, qop string
	count               int
	nonce, algorithm    string
}

func (c *client) take(t *testing.T, challenges []string, knows string) *client {
	t.Helper()
	for _, text := range challenges {
		ch, err := digest.ParseChallenge(text)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(knows, ch.Algorithm) {
			c.nonce, c.algorithm, c.count = ch.Nonce, ch.Algorithm, 0
			return c
		}
	}
	t.Fatalf("no challenge for %s in %v", knows, challenges)
	return nil
}

// request counts on, and asks as the client would.
func (c *client) request(t *testing.T, source netip.Addr) Request {
	t.Helper()
	c.count++
	r := Request{Method: "INVITE", URI: "sip:1@h", Body: []byte("v=0\r\n"), Source: source}
	cred, err := digest.Digest(&digest.Challenge{Realm: "roomline", Nonce: c.nonce, Algorithm: c.algorithm, QOP: []string{c.qop}},
		digest.Options{Method: r.Method, URI: r.URI, Count: c.count, Username: c.user, Password: c.password,
			GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(r.Body)), nil }})
	if err != nil {
		t.Fatal(err)
	}
	r.Authorization = []string{`Digest realm="elsewhere", nonce="x", response="y"`, cred.String()}
	return r
}

func want(t *testing.T, g *Gate, r Request, v Verdict, why string) {
	t.Helper()
	if got := g.Judge(r); got != v {
		t.Errorf("%s: verdict %d, want %d", why, got, v)
	}
}

// RFC 8760 with every algorithm and qop of RFC 7616.
func TestProof(t *testing.T) {
	for _, algorithm := range []string{"SHA-512-256", "SHA-256", "MD5"} {
		for _, qop := range []string{"auth", "auth-int"} {
			g := gate("sha-512-256", "sha-256", "md5")
			c := (&client{user: "pbx", password: "s3cret", qop: qop}).take(t, g.Challenges(home, false), algorithm)
			want(t, g, c.request(t, home), Proven, algorithm+" "+qop)
			r := c.request(t, home)
			r.Body = []byte("v=0\r\ns=other\r\n")
			if got := g.Judge(r); (got == Proven) != (qop == "auth") {
				t.Errorf("%s with another body: verdict %d", qop, got)
			}
			r = c.request(t, home)
			r.Method = "MESSAGE"
			want(t, g, r, Unproven, "another method")
		}
	}
}

func TestChallenges(t *testing.T) {
	g := gate()
	all := g.Challenges(home, true)
	if len(all) != 2 || !strings.Contains(all[0], "algorithm=SHA-256,") || !strings.Contains(all[1], "algorithm=MD5,") {
		t.Fatalf("%v", all)
	}
	for _, c := range all {
		if !strings.Contains(c, `realm="roomline"`) || !strings.Contains(c, `qop="auth,auth-int"`) || !strings.Contains(c, "stale=true") {
			t.Errorf("%s", c)
		}
	}
	if first, second := g.Challenges(home, false)[0], g.Challenges(home, false)[0]; first == second {
		t.Error("two challenges have one nonce")
	}
}

// S9: the same Authorization twice is refused as stale, so is one of a minute
// ago, and a count may be used once, in whatever order.
func TestReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := gate()
		c := (&client{user: "pbx", password: "s3cret", qop: "auth"}).take(t, g.Challenges(home, false), "MD5")
		first := c.request(t, home)
		want(t, g, first, Proven, "first")
		want(t, g, first, Stale, "the same again")
		second, third := c.request(t, home), c.request(t, home)
		want(t, g, third, Proven, "the third before the second")
		want(t, g, second, Proven, "the second after the third")
		want(t, g, second, Stale, "the second again")
		<-time.After(59 * time.Second)
		want(t, g, c.request(t, home), Proven, "after 59 s")
		<-time.After(2 * time.Second)
		want(t, g, c.request(t, home), Stale, "after 61 s")
		c.take(t, g.Challenges(home, true), "MD5")
		want(t, g, c.request(t, home), Proven, "with the new nonce")
	})
}

// S17: what one address was asked, no other can answer. And after a restart all
// nonces are stale, which is no failure.
func TestForeignNonces(t *testing.T) {
	g := gate()
	c := (&client{user: "pbx", password: "s3cret", qop: "auth"}).take(t, g.Challenges(home, false), "SHA-256")
	want(t, g, c.request(t, other), Stale, "another source")
	want(t, g, c.request(t, netip.MustParseAddr("::ffff:192.0.2.1")), Proven, "the same address, mapped")
	restarted := gate()
	for range 2 * maxFails {
		want(t, restarted, c.request(t, home), Stale, "after a restart")
	}
	for _, nonce := range []string{"", "x", strings.Repeat("A", 40), strings.Repeat("A", 1000)} {
		c.nonce = nonce
		want(t, g, c.request(t, home), Stale, "nonce "+nonce)
	}
}

// S8: five failures within a minute, and that source is not heard as that user
// for five; others are, and unknown users get the very same answers.
func TestBan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := gate()
		try := func(user, password string, from netip.Addr) Verdict {
			c := (&client{user: user, password: password, qop: "auth"}).take(t, g.Challenges(from, false), "MD5")
			return g.Judge(c.request(t, from))
		}
		for _, user := range []string{"pbx", "nobody"} {
			for i := range maxFails + 3 {
				if v := try(user, fmt.Sprint("guess ", i), home); (v == Banned) != (i >= maxFails-1) || v == Proven {
					t.Errorf("%s, guess %d: verdict %d", user, i, v)
				}
			}
		}
		if v := try("pbx", "s3cret", home); v != Banned {
			t.Errorf("the right password while banned: verdict %d", v)
		}
		if v := try("pbx", "s3cret", other); v != Proven {
			t.Errorf("another source: verdict %d", v)
		}
		<-time.After(banLength + time.Second)
		if v := try("pbx", "s3cret", home); v != Proven {
			t.Errorf("after the ban: verdict %d", v)
		}
		for range 3 * maxFails { // a wrong one now and then is no attack
			<-time.After(failWindow/(maxFails-1) + time.Second)
			if v := try("pbx", "typo", home); v != Unproven {
				t.Fatalf("verdict %d", v)
			}
		}
	})
}

// What is missing or odd in credentials never passes.
func TestBrokenCredentials(t *testing.T) {
	g := gate("sha-256")
	nonce := strings.Split(strings.SplitN(g.Challenges(home, false)[0], `nonce="`, 2)[1], `"`)[0]
	for _, text := range []string{
		"", "Basic cGJ4OnMzY3JldA==", "Digest", `Digest realm="roomline"`, `Digest realm="roomline", nonce="` + nonce + `"`,
		`Digest realm="roomline", nonce="` + nonce + `", qop=auth, nc=ffffffff, cnonce="c", response="x", username="pbx"`,
		`Digest realm="roomline", nonce="` + nonce + `", qop=rot13, nc=00000001, cnonce="c", response="x", username="pbx"`,
	} {
		if v := g.Judge(Request{Method: "INVITE", URI: "sip:1@h", Source: home, Authorization: []string{text}}); v == Proven {
			t.Errorf("%s is a proof", text)
		}
	}
	c := &client{user: "pbx", password: "s3cret", qop: "auth", nonce: nonce, algorithm: "MD5"} // S11: not offered
	want(t, g, c.request(t, home), Unproven, "MD5 where only SHA-256 is offered")
}

// Credentials for one number do not call another.
func TestURI(t *testing.T) {
	g := gate()
	c := (&client{user: "pbx", password: "s3cret", qop: "auth"}).take(t, g.Challenges(home, false), "MD5")
	user := func(uri string) string { return strings.SplitN(strings.TrimPrefix(uri, "sip:"), "@", 2)[0] }
	r := c.request(t, home)
	r.URI, r.User = "sip:2@h", user
	want(t, g, r, Unproven, "another number")
	r.URI = "sip:1@proxy.example"
	want(t, g, r, Proven, "the same number at another host")
}

func TestTablesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, now := gate(), time.Now()
		for i := range maxTallies + 500 {
			g.failed(failure{source: home, user: [32]byte{byte(i), byte(i >> 8), byte(i >> 16)}}, now)
		}
		for i := range maxUsed + 500 {
			if ok := g.first(fmt.Sprint(i), 1, now); ok != (i < maxUsed) {
				t.Fatalf("nonce %d: %t", i, ok)
			}
		}
		if len(g.fails) > maxTallies || len(g.used) > maxUsed {
			t.Fatalf("%d failures, %d nonces", len(g.fails), len(g.used))
		}
		<-time.After(3 * lifetime)
		if !g.first("one more", 1, time.Now()) || len(g.used) != 1 || len(g.fails) != 0 {
			t.Errorf("%d failures, %d nonces after a while", len(g.fails), len(g.used))
		}
	})
}

// One count is one call, however many bring it at a time.
func TestConcurrentReplay(t *testing.T) {
	g := gate()
	c := (&client{user: "pbx", password: "s3cret", qop: "auth"}).take(t, g.Challenges(home, false), "MD5")
	r := c.request(t, home)
	var wg sync.WaitGroup
	passed := make(chan bool, 20)
	for range cap(passed) {
		wg.Go(func() { passed <- g.Judge(r) == Proven })
	}
	wg.Wait()
	n := 0
	for range cap(passed) {
		if <-passed {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d of them passed", n)
	}
}

func FuzzAuthorization(f *testing.F) {
	g := gate()
	nonce := g.nonce(home, time.Now())
	f.Add(`Digest username="pbx", realm="roomline", nonce="`+nonce+`", uri="sip:1@h", qop=auth, nc=00000001, cnonce="c", response="00"`, "sip:1@h")
	f.Add(`Digest realm="roomline", nonce="AAAA", algorithm=SHA-256, userhash=true, qop="auth-int"`, "tel:+49")
	f.Add(`digest realm=roomline,,nonce=`, "")
	f.Fuzz(func(t *testing.T, header, uri string) {
		if g.Judge(Request{Method: "INVITE", URI: uri, Source: home, Authorization: []string{header}}) == Proven {
			t.Errorf("proven without the password by %q", header)
		}
	})
}
