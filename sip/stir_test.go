package sip

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"roomline/media"
	"roomline/signalling"
	"roomline/sip/shaken"
)

// registry is where a test's certificates are: files of ours, and a Library.
type registry struct {
	dir  string
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

const certificateAt = "https://cert.example.org/ours.pem"

// Find implements shaken.Library.
func (r *registry) Find(_ context.Context, url string) ([]*x509.Certificate, error) {
	if url == certificateAt {
		return []*x509.Certificate{r.cert}, nil
	}
	return nil, errors.New("nothing there")
}

func newRegistry(t *testing.T) *registry {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "SHAKEN 1234"},
		IsCA: true, BasicConstraintsValid: true, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)},
		&x509.Certificate{Subject: pkix.Name{CommonName: "SHAKEN 1234"}}, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	r := &registry{dir: t.TempDir(), key: key}
	if r.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(r.file(name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func (r *registry) file(name string) string { return filepath.Join(r.dir, name) }

// bed is one whose trunk is not trusted, and whose certificates are in library.
func (r *registry) bed(t *testing.T, verify string, library shaken.Library) *bed {
	t.Helper()
	b := &bed{peer: newPeer(t, "127.0.0.1"), board: &board{calls: make(chan signalling.Incoming, 10)}, ports: newPorts(t)}
	cfg := TrunkConfig{Host: b.addr().String(), Numbers: []string{"+4930555"}, SendIdentity: assertPAI,
		STIR: STIR{Verify: verify, Anchors: r.file("cert.pem"), Certificate: r.file("cert.pem"), Key: r.file("key.pem"), X5U: certificateAt}}
	var err error
	if b.agent, err = New(Config{Listen: []string{"udp://127.0.0.1:0"}}, map[string]TrunkConfig{"carrier": cfg}, b.ports, b.board, nil, discard()); err != nil {
		t.Fatal(err)
	}
	b.agent.trunks["carrier"].notary.library = library
	if err := b.agent.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.agent.Close() })
	b.to, b.box = b.agent.listeners[0].addr, signalling.NewInbox("call", discard())
	return b
}

func (r *registry) identity(t *testing.T, from, to, attest string, age time.Duration) string {
	t.Helper()
	s, err := shaken.NewSigner(r.key, certificateAt, "origin")
	if err != nil {
		t.Fatal(err)
	}
	value, ok := s.Sign(from, to, attest, time.Now().Add(-age))
	if !ok {
		t.Fatal("not signed")
	}
	return "Identity: " + value
}

// S13: a signature tells whether the number is the caller's (RFC 8588). The
// peer calls as +4940111.
func TestSignedCalls(t *testing.T) {
	r := newRegistry(t)
	elsewhere := strings.Replace(r.identity(t, "+4940111", "+4930555", "A", 0), "ours.pem", "none.pem", 1)
	b := r.bed(t, "on", r)
	for name, c := range map[string]struct {
		header string
		want   signalling.Assurance
		attest string
	}{
		"not signed":   {"X-None: 1", signalling.Unverified, ""},
		"fully":        {r.identity(t, "+4940111", "+4930555", "A", 0), signalling.Verified, "A"},
		"partially":    {r.identity(t, "+4940111", "+4930555", "B", 0), signalling.Unverified, "B"},
		"as a gateway": {r.identity(t, "+4940111", "+4930555", "C", 0), signalling.Unverified, "C"},
		"another":      {r.identity(t, "+4940222", "+4930555", "A", 0), signalling.Doubtful, ""},
		"replayed":     {r.identity(t, "+4940111", "+4930999", "A", 0), signalling.Doubtful, ""},
		"stale":        {r.identity(t, "+4940111", "+4930555", "A", 2*time.Minute), signalling.Doubtful, ""},
		"forged":       {elsewhere, signalling.Doubtful, ""},
	} {
		b.id, b.tag = newTag(), newTag()
		b.send(b.text("INVITE", "+4930555", nil, c.header))
		in := <-b.board.calls
		if in.From.Number != "+4940111" || in.From.Assured != c.want || in.Attest != c.attest || (c.attest != "") != (in.OrigID == "origin") {
			t.Errorf("%s: %+v %q %q", name, in.From, in.Attest, in.OrigID)
		}
		box := signalling.NewInbox(name, discard())
		in.Leg(box).Hangup(signalling.Reason{Cause: signalling.Busy})
		b.response("486")
	}
}

// RFC 8224 §6.2.2: how calls are refused that have to be signed.
func TestCallsHaveToBeSigned(t *testing.T) {
	r := newRegistry(t)
	b := r.bed(t, "require", r)
	for name, c := range map[string]struct{ header, want string }{
		"not signed": {"X-None: 1", "428 Use Identity Header"},
		"stale":      {r.identity(t, "+4940111", "+4930555", "A", 2*time.Minute), "403 Stale Date"},
		"another":    {r.identity(t, "+4940222", "+4930555", "A", 0), "438 Invalid Identity Header"},
		"stranger":   {newRegistry(t).identity(t, "+4940111", "+4930555", "A", 0), "438 Invalid Identity Header"},
	} {
		b.id = newTag()
		b.send(b.text("INVITE", "+4930555", nil, c.header))
		if got := statusLine(b.response(c.want[:3])); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	b.nobodyRings()
	b.id, b.tag = newTag(), newTag()
	b.send(b.text("INVITE", "+4930555", nil, r.identity(t, "+4940111", "+4930555", "C", 0)))
	b.rung().Hangup(signalling.Reason{Cause: signalling.Busy})
	b.response("486")
	b.gone()
}

// Our calls are signed: fully with a number of the trunk's, else partially, and
// not at all where there is nothing to say.
func TestWeSign(t *testing.T) {
	r := newRegistry(t)
	for _, c := range []struct {
		name string
		from signalling.Party
		to   string
		want string
	}{
		{"from a room", signalling.Party{User: "@alice:example.org"}, "+4930123", "A"},
		{"passed on", signalling.Party{Number: "+4940777"}, "+4930123", "B"},
		{"our number, as the caller says", signalling.Party{Number: "+4930555", Assured: signalling.Unverified}, "+4930123", "B"}, // S13
		{"our number, as its network says", signalling.Party{Number: "+4930555"}, "+4930123", "A"},
		{"our number, forged", signalling.Party{Number: "+4930555", Assured: signalling.Doubtful}, "+4930123", "B"},
		{"hidden", signalling.Party{User: "@alice:example.org", Hidden: true}, "+4930123", ""},
		{"to an extension", signalling.Party{}, "600", ""},
	} {
		b := r.bed(t, "off", r)
		d, _ := b.agent.Trunk("carrier")
		d.Dial(signalling.Target{To: signalling.Party{Number: c.to}, From: c.from}, []media.Format{media.PCMU}, b.box)
		invite := b.request("INVITE")
		h := invite.GetHeader("Identity")
		if (h != nil) != (c.want != "") {
			t.Errorf("%s: Identity %v", c.name, h)
		}
		if h != nil {
			pool := x509.NewCertPool()
			pool.AddCert(r.cert)
			from := c.from.Number
			if from == "" {
				from = "+4930555"
			}
			got, err := shaken.Verifier{Anchors: pool, Library: r}.Verify(t.Context(), []string{h.Value()}, shaken.Call{From: from, To: []string{c.to}})
			if err != nil || got.Attest != c.want {
				t.Errorf("%s: %+v %v", c.name, got, err)
			}
			if d := invite.GetHeader("Date"); d == nil || !strings.HasSuffix(d.Value(), " GMT") {
				t.Errorf("%s: Date %v", c.name, d)
			}
		}
		b.reply(invite, 486, "Busy Here", nil)
		b.ended(signalling.Busy)
	}
}

// A caller who hangs up while the certificate is fetched is no call.
func TestCancelledWhileVerified(t *testing.T) {
	r := newRegistry(t)
	slow := &slowLibrary{Library: r, asked: make(chan struct{}), open: make(chan struct{})}
	b := r.bed(t, "on", slow)
	invite := b.text("INVITE", "+4930555", nil, r.identity(t, "+4940111", "+4930555", "A", 0))
	b.send(invite)
	<-slow.asked
	b.send(strings.NewReplacer("INVITE sip", "CANCEL sip", "10 INVITE", "10 CANCEL").Replace(invite))
	b.response("200 CANCEL")
	b.response("487 INVITE")
	close(slow.open)
	for late, released := time.Now().Add(patience), false; !released; runtime.Gosched() {
		select {
		case in := <-b.board.calls: // the library was not done with its 487: the call ends as it begins
			in.Leg(b.box)
			b.event(signalling.HungUp)
			b.gone()
			return
		default:
		}
		b.agent.mu.Lock()
		released = len(b.agent.fresh) == 0
		b.agent.mu.Unlock()
		if time.Now().After(late) {
			t.Fatal("the INVITE is kept")
		}
	}
}

type slowLibrary struct {
	shaken.Library
	asked, open chan struct{}
}

// Find implements shaken.Library.
func (s *slowLibrary) Find(ctx context.Context, url string) ([]*x509.Certificate, error) {
	close(s.asked)
	<-s.open
	return s.Library.Find(ctx, url)
}

func TestSTIRConfig(t *testing.T) {
	for want, c := range map[string]STIR{
		"stir.verify: ":  {Verify: "maybe"},
		"stir.anchors: ": {Verify: "require"},
		"stir: ":         {Certificate: "c", Key: "k"},
		"stir.x5u: ":     {Certificate: "c", Key: "k", X5U: "http://h"},
	} {
		err := TrunkConfig{Host: "h", CallerID: "1", STIR: c}.Validate()
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", c, err, want)
		}
	}
	for want, c := range map[string]STIR{
		"no-such-anchors": {Verify: "on", Anchors: "no-such-anchors"},
		"no-such-key":     {Certificate: "no-such-certificate", Key: "no-such-key", X5U: certificateAt},
	} {
		a, err := New(Config{Listen: []string{"udp://127.0.0.1:0"}}, map[string]TrunkConfig{"pbx": {Host: "127.0.0.1", CallerID: "1", STIR: c}},
			newPorts(t), &board{}, nil, discard())
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Start(t.Context()); err == nil || !strings.Contains(err.Error(), `trunk "pbx"`) || !strings.Contains(err.Error(), "stir") {
			t.Errorf("%s: %v", want, err)
		}
	}
}
