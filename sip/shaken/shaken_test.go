package shaken

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"
)

const at = "https://cert.example.org/shaken.pem"

// authorityOf is a test's certificate authority.
type authorityOf struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newCA(t *testing.T) *authorityOf {
	t.Helper()
	a := &authorityOf{t: t, key: newKey(t)}
	a.cert = &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "STI-CA"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	a.cert = a.sign(a.cert, &a.key.PublicKey)
	return a
}

func (a *authorityOf) sign(c *x509.Certificate, key any) *x509.Certificate {
	a.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, c, a.cert, key, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return made
}

// leaf is a signer's certificate, good for from now on to that later.
func (a *authorityOf) leaf(key any, life time.Duration, extensions ...pkix.Extension) *x509.Certificate {
	return a.sign(&x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "SHAKEN 1234"}, KeyUsage: x509.KeyUsageDigitalSignature,
		NotBefore: time.Now().Add(-30 * time.Minute), NotAfter: time.Now().Add(life), ExtraExtensions: extensions}, key)
}

func (a *authorityOf) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// shelf is a Library that holds certificates by URL.
type shelf map[string][]*x509.Certificate

func (s shelf) Find(_ context.Context, url string) ([]*x509.Certificate, error) {
	if c, ok := s[url]; ok {
		return c, nil
	}
	return nil, errors.New("nothing there")
}

// tnList is the extension of RFC 8226 with entries made by entry.
func tnList(t *testing.T, entries ...asn1.RawValue) pkix.Extension {
	t.Helper()
	der, err := asn1.Marshal(entries)
	if err != nil {
		t.Fatal(err)
	}
	return pkix.Extension{Id: tnAuthList, Critical: true, Value: der}
}

func entry(t *testing.T, tag int, v any) asn1.RawValue {
	t.Helper()
	der, err := asn1.MarshalWithParams(v, "ia5")
	if s, ok := v.(struct {
		Start string `asn1:"ia5"`
		Count int
	}); ok {
		der, err = asn1.Marshal(s)
	}
	if err != nil {
		t.Fatal(err)
	}
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, IsCompound: true, Bytes: der}
}

func numbers(t *testing.T, first string, count int) asn1.RawValue {
	return entry(t, 1, struct {
		Start string `asn1:"ia5"`
		Count int
	}{first, count})
}

var call = Call{From: "+12155550112", To: []string{"+12125550113"}}

func signed(t *testing.T, key *ecdsa.PrivateKey, age time.Duration) string {
	t.Helper()
	s, err := NewSigner(key, at, NewOrigID())
	if err != nil {
		t.Fatal(err)
	}
	value, ok := s.Sign("+1 (215) 555-0112", "+12125550113", "A", time.Now().Add(-age))
	if !ok {
		t.Fatal("not signed")
	}
	return value
}

func want(t *testing.T, name string, err error, status int) {
	t.Helper()
	var f *Failure
	got := 0
	if errors.As(err, &f) {
		got = f.Status
	}
	if got != status {
		t.Errorf("%s: %d (%v), want %d", name, got, err, status)
	}
}

// What we sign holds, and every statement of it does.
func TestSignAndVerify(t *testing.T) {
	ca, key := newCA(t), newKey(t)
	v := Verifier{Anchors: ca.pool(), Library: shelf{at: {ca.leaf(&key.PublicKey, time.Hour)}}}
	value := signed(t, key, 0)
	if !strings.HasSuffix(value, `;info=<`+at+`>;alg=ES256;ppt="shaken"`) {
		t.Error(value)
	}
	r, err := v.Verify(t.Context(), []string{"garbage", value}, call)
	if err != nil || r.Attest != "A" || len(r.OrigID) != 36 {
		t.Errorf("%+v %v", r, err)
	}
	first, _ := base64.RawURLEncoding.DecodeString(strings.Split(value, ".")[0])
	if string(first) != `{"alg":"ES256","ppt":"shaken","typ":"passport","x5u":"`+at+`"}` { // RFC 8225 §9
		t.Errorf("%s", first)
	}
	second, _ := base64.RawURLEncoding.DecodeString(strings.Split(value, ".")[1])
	if !strings.HasPrefix(string(second), `{"attest":"A","dest":{"tn":["12125550113"]},"iat":`) || !strings.Contains(string(second), `,"orig":{"tn":"12155550112"},"origid":"`) {
		t.Errorf("%s", second)
	}
	for name, c := range map[string]Call{
		"another caller": {From: "+12155550999", To: call.To}, "no caller": {To: call.To}, "no number": {From: call.From, To: []string{"alice"}},
		"another called": {From: call.From, To: []string{"+12125550999"}},
	} {
		_, err := v.Verify(t.Context(), []string{value}, c)
		want(t, name, err, 438)
	}
	if _, err := v.Verify(t.Context(), []string{value}, Call{call.From, []string{"600", "12125550113"}}); err != nil {
		t.Error("one of several numbers:", err)
	}
}

// RFC 8224 §6.2.2: what is wrong, and how it is answered.
func TestWhatDoesNotHold(t *testing.T) {
	ca, other, key := newCA(t), newCA(t), newKey(t)
	leaf := ca.leaf(&key.PublicKey, time.Hour)
	good := shelf{at: {leaf}}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	value := signed(t, key, 0)
	parts := strings.SplitN(value, ".", 3)
	forge := func(change func(*header, *claims)) string {
		var h header
		var c claims
		_, _ = decode(parts[0], &h), decode(parts[1], &c)
		change(&h, &c)
		return part(h) + "." + part(c) + "." + parts[2]
	}
	for name, c := range map[string]struct {
		value   string
		library shelf
		status  int
	}{
		"nothing":                {"", good, 428},
		"only another extension": {forge(func(h *header, _ *claims) { h.PPT = "div" }), good, 428},
		"compact form":           {parts[0] + ".." + parts[2], good, 438},
		"no signature":           {parts[0] + "." + parts[1] + ".;info=<" + at + ">", good, 438},
		"another algorithm":      {forge(func(h *header, _ *claims) { h.Alg = "none" }), good, 438},
		"another info":           {strings.Replace(value, "info=<https", "info=<http", 1), good, 438},
		"forged attestation":     {forge(func(_ *header, c *claims) { c.Attest = "B" }), good, 438},
		"no attestation":         {forge(func(_ *header, c *claims) { c.Attest = "" }), good, 438},
		"no origid":              {forge(func(_ *header, c *claims) { c.OrigID = "" }), good, 438},
		"origid with a line":     {forge(func(_ *header, c *claims) { c.OrigID = "x\r\ny" }), good, 438},
		"too long":               {value + strings.Repeat(" ", maxHeader), good, 438},
		"stale":                  {signed(t, key, 61*time.Second), good, 403},
		"of tomorrow":            {signed(t, key, -62*time.Second), good, 403},
		"no certificate":         {value, shelf{}, 436},
		"an empty file":          {value, shelf{at: {}}, 437},
		"another authority":      {value, shelf{at: {other.leaf(&key.PublicKey, time.Hour)}}, 437},
		"an expired certificate": {value, shelf{at: {ca.leaf(&key.PublicKey, -time.Minute)}}, 437},
		"a certificate for others": {value, shelf{at: {ca.leaf(&key.PublicKey, time.Hour, tnList(t, entry(t, 2, "12155550999"), numbers(t, "12155550100", 12)))}},
			437},
		"a broken list":        {value, shelf{at: {ca.leaf(&key.PublicKey, time.Hour, pkix.Extension{Id: tnAuthList, Value: []byte{1, 2, 3}})}}, 437},
		"another key":          {value, shelf{at: {ca.leaf(&newKey(t).PublicKey, time.Hour)}}, 438},
		"another kind of key":  {value, shelf{at: {ca.leaf(&rsaKey.PublicKey, time.Hour)}}, 438},
		"the right one":        {value, good, 0},
		"a provider's":         {value, shelf{at: {ca.leaf(&key.PublicKey, time.Hour, tnList(t, entry(t, 0, "1234")))}}, 0},
		"one for that number":  {value, shelf{at: {ca.leaf(&key.PublicKey, time.Hour, tnList(t, entry(t, 2, "12155550112")))}}, 0},
		"one for its range":    {value, shelf{at: {ca.leaf(&key.PublicKey, time.Hour, tnList(t, numbers(t, "12155550100", 13)))}}, 0},
		"parameters with room": {strings.Replace(value, ";info=<", " ; info = <", 1), good, 0},
	} {
		_, err := Verifier{Anchors: ca.pool(), Library: c.library}.Verify(t.Context(), []string{c.value}, call)
		want(t, name, err, c.status)
	}
}

func TestSigners(t *testing.T) {
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewSigner(p384, at, NewOrigID()); err == nil {
		t.Error("a key on another curve signs")
	}
	for _, x5u := range []string{"", "http://h/c", "https://", "https://u:p@h/c", "https://h/c#f", "h"} {
		if _, err := NewSigner(newKey(t), x5u, NewOrigID()); err == nil {
			t.Errorf("%q is a certificate's place", x5u)
		}
	}
	s, err := NewSigner(newKey(t), at, NewOrigID())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range [][2]string{{"", "+12125550113"}, {"alice", "+12125550113"}, {"+12155550112", "*21#"}, {"+12155550112", "1"}} {
		if _, ok := s.Sign(c[0], c[1], "A", time.Now()); ok {
			t.Errorf("%v was signed", c)
		}
	}
}

// An example of another implementation's spelling: escaped slashes, spaces, keys
// in another order and such as we do not know.
func TestOtherSpellings(t *testing.T) {
	ca, key := newCA(t), newKey(t)
	s, _ := NewSigner(key, at, NewOrigID())
	first := base64.RawURLEncoding.EncodeToString([]byte(`{ "typ":"passport", "x5u":"https:\/\/cert.example.org\/shaken.pem", "ppt":"shaken", "alg":"ES256" }`))
	second := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"iat":%d,"orig":{"tn":"12155550112"},"origid":"123e4567-e89b-12d3-a456-426655440000",`+
		`"dest":{"tn":["12125550113","12125550114"],"uri":["sip:x@y"]},"attest":"C","rcd":{"nam":"x"}}`, time.Now().Unix()))
	token, err := s.seal(first + "." + second)
	if err != nil {
		t.Fatal(err)
	}
	value := token + ";info=<" + at + ">;ppt=shaken"
	r, err := Verifier{Anchors: ca.pool(), Library: shelf{at: {ca.leaf(&key.PublicKey, time.Hour)}}}.Verify(t.Context(), []string{value}, call)
	if err != nil || r != (Result{"C", "123e4567-e89b-12d3-a456-426655440000"}) {
		t.Errorf("%+v %v", r, err)
	}
}

func TestCanonical(t *testing.T) {
	for number, want := range map[string]string{"+49 30-123.4": "49301234", "(0)30123": "030123", "": "", "+": "", "1+2345": "", "alice": "",
		"12": "", "1234567890123456": "", "*21#": "", "911": "911"} {
		if got := Canonical(number); got != want {
			t.Errorf("%q is %q, want %q", number, got, want)
		}
	}
}

// FuzzIdentity: no header makes a caller believed that our key has not signed.
func FuzzIdentity(f *testing.F) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	s, _ := NewSigner(key, at, NewOrigID())
	value, _ := s.Sign(call.From, call.To[0], "A", time.Now())
	f.Add(value)
	f.Add(strings.Replace(value, ".", "..", 1))
	f.Add(`e30.e30.` + strings.Repeat("A", 86) + `;info=<>;alg;ppt="`)
	b, _ := json.Marshal(map[string]any{"iat": 1.5, "dest": []string{}})
	f.Add("e30." + base64.RawURLEncoding.EncodeToString(b) + ".AA;info=<https://x")
	f.Fuzz(func(t *testing.T, value string) {
		v := Verifier{Anchors: x509.NewCertPool(), Library: shelf{at: {{PublicKey: &key.PublicKey}}}}
		if _, err := v.Verify(t.Context(), []string{value}, call); err == nil {
			t.Errorf("believed without an anchor: %q", value)
		}
	})
}

// FuzzAuthority: a certificate's list is hostile too.
func FuzzAuthority(f *testing.F) {
	f.Add([]byte{0x30, 0x08, 0xa0, 0x06, 0x16, 0x04, '1', '2', '3', '4'})
	f.Add([]byte{0x30, 0x10, 0xa1, 0x0e, 0x30, 0x0c, 0x16, 0x07, '1', '2', '3', '4', '5', '6', '7', 0x02, 0x01, 0x09})
	f.Fuzz(func(t *testing.T, der []byte) {
		if a, err := readAuthority(der); err == nil {
			a.covers("12155550112")
		}
	})
}
