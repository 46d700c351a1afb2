//go:build interop

package trunk

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"roomline/sip/shaken"
	"roomline/test/interop/rig"
)

// wary has Asterisk as trunk b, and believes its address as little as its word.
const wary = "  a: {host: \"@NET@.3:5060\", numbers: [\"+4930111\"]}\n" +
	"  b: {host: \"127.7.0.1:5060\", numbers: [\"+4930222\"], challenge: {username: pbx, password: \"${BED_SIP_SECRET}\"}}\n"

// S17: what comes from the PBX's address has to prove that it is the PBX, by
// whichever algorithm it is asked for; a wrong password, and none, is no call.
func TestAsteriskProvesItself(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{"sha-256", "md5"} {
		t.Run(algorithm, func(t *testing.T) {
			t.Parallel()
			g := open(t, with{trunks: strings.Replace(wary, "username: pbx", "username: pbx, algorithms: ["+algorithm+"]", 1)})
			c := g.carrier(3)
			mark := bed.Mark()
			phone, err := bed.Originate(g.ctx, rig.Call{To: "+4930111", From: g.number(700), Do: "700", Via: "any-proves", At: g.at(2) + ":5060"})
			ok(t, err)
			line, err := c.Wait(g.ctx)
			ok(t, err)
			line.Answer()
			_, err = phone.WaitAnswered(g.ctx)
			ok(t, err)
			ok(t, phone.Hangup(g.ctx))
			ok(t, line.WaitEnded(g.ctx))
			g.until("Asterisk's proof by "+algorithm, func() bool { // its log comes later
				said, err := bed.SIPValues(mark, g.number(700), "Authorization")
				ok(t, err)
				return strings.Contains(strings.ToLower(strings.Join(said, "\n")), "algorithm="+algorithm)
			})
			for _, account := range []string{"any", "any-proves-wrong"} {
				phone, err := bed.Originate(g.ctx, rig.Call{To: "+4930111", From: g.number(750), Do: "700", Via: account, At: g.at(2) + ":5060"})
				ok(t, err)
				_, _, err = phone.WaitEnded(g.ctx)
				ok(t, err)
			}
			if all, err := g.WaitRecords(g.ctx, 1); err != nil || len(all) != 1 {
				t.Errorf("%d calls came through (%v)", len(all), err)
			}
		})
	}
}

// SIPp proves itself as its own implementation of digest does.
func TestSIPpProvesItself(t *testing.T) {
	t.Parallel()
	g := open(t, with{trunks: strings.Replace(wary, "127.7.0.1:5060", "@NET@.4:5060", 1)})
	c := g.carrier(3)
	caller := g.sipp(4, "auth-uac", "-m", "1", "-s", "+4930111", "-au", "pbx", "-ap", os.Getenv("BED_SIP_SECRET"), "@NET@.2:5060")
	line, err := c.Wait(g.ctx)
	ok(t, err)
	line.Answer()
	ok(t, line.WaitEnded(g.ctx))
	caller.wait()
	g.record(1)
}

// Of Asterisk's challenges, SHA-256 and MD5, the strongest is answered.
func TestStrongestChallengeOfAsterisk(t *testing.T) {
	t.Parallel()
	g := open(t, with{account: true, trunks: trunksOf("any-plain")})
	c := g.carrier(3)
	mark := bed.Mark()
	line, err := c.Dial(g.number(650), "+493012345")
	ok(t, err)
	ok(t, line.WaitAnswered(g.ctx))
	ok(t, line.Hangup(g.ctx))
	g.record(1)
	g.until("our proof by SHA-256", func() bool {
		said, err := bed.SIPValues(mark, g.number(650), "Authorization")
		ok(t, err)
		if all := strings.Join(said, "\n"); strings.Contains(all, "algorithm=MD5") {
			t.Fatalf("we proved ourselves by\n%s", all)
		}
		return strings.Contains(strings.Join(said, "\n"), "algorithm=SHA-256")
	})
}

// S13: who calls, and who forwarded, is believed of a trusted trunk, and is the
// caller's own word at any other; neither is passed on.
func TestWhoseWordCounts(t *testing.T) {
	t.Parallel()
	g := open(t, with{trunks: "  a: {host: \"@NET@.3:5060\", numbers: [\"+4930111\"], trust_identity: true}\n  b: {host: \"@NET@.4:5060\", numbers: [\"+4930222\"]}\n"})
	a, b := g.carrier(3), g.carrier(4)
	headers := []string{`P-Asserted-Identity: "Bank" <tel:+493023125998;verstat=TN-Validation-Passed>`, "Diversion: <sip:+493023125997@x>;reason=no-answer"}
	for i, way := range []struct {
		from, to                     *rig.Carrier
		number                       string
		caller, forwarder, assurance string
	}{
		{a, b, "+4930222", "+493023125998", "+493023125997", "TN-Validation-Passed"},
		{b, a, "+4930111", "+493012345", "", "No-TN-Validation"},
	} {
		line, err := way.from.Dial(way.number, "+493012345", headers...)
		ok(t, err)
		far, err := way.to.Wait(g.ctx)
		ok(t, err)
		far.Answer()
		ok(t, line.WaitAnswered(g.ctx))
		ok(t, line.Hangup(g.ctx))
		ok(t, far.WaitEnded(g.ctx))
		if r := g.record(i + 1); r.From != way.caller || r.Forwarder != way.forwarder || r.Verstat != way.assurance {
			t.Errorf("record %+v", r)
		}
		for _, name := range []string{"P-Asserted-Identity", "Diversion", "History-Info"} {
			if v := far.Invite().Get(name); v != "" {
				t.Errorf("%s: %s is passed on", name, v)
			}
		}
	}
}

// A trunk whose calls have to be signed brings one that is not (RFC 8224
// §6.2.2).
func TestUnsignedCallIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	certificate(t, dir)
	g := open(t, with{trunks: "  a: {host: \"@NET@.3:5060\", numbers: [\"+4930111\"]}\n" +
		"  b: {host: \"@NET@.4:5060\", numbers: [\"+4930222\"], stir: {verify: require, anchors: \"" + dir + "/cert.pem\"}}\n"})
	line, err := g.carrier(4).Dial("+4930111", "+493012345")
	ok(t, err)
	_, _, err = line.WaitFor(g.ctx, "428", 0, func(m rig.Message) bool { return m.Status() == "428" })
	ok(t, err)
}

// What Asterisk signs, we take for signed (RFC 8588); nobody can fetch its
// certificate here, so the gateway says no more than that.
func TestAsteriskSigns(t *testing.T) {
	t.Parallel()
	g := open(t, with{account: true, trunks: "  a: {host: \"@NET@.3:5060\", numbers: [\"+4930111\"]}\n" +
		"  b: {host: \"127.7.0.1:5060\", numbers: [\"+4930222\"], trust_identity: true, stir: {verify: on, anchors: \"@TLS@/ca.crt\"}}\n"})
	c := g.carrier(3)
	mark := bed.Mark()
	phone, err := bed.Originate(g.ctx, rig.Call{To: "+4930111", From: "+493023125991", Do: "700", Via: "any-signs", At: g.at(2) + ":5060"})
	ok(t, err)
	line, err := c.Wait(g.ctx)
	ok(t, err)
	line.Refuse("486 Busy Here")
	_, _, err = phone.WaitEnded(g.ctx)
	ok(t, err)
	if r := g.record(1); r.Verstat != "No-TN-Validation" || line.Invite().Get("Identity") != "" {
		t.Errorf("record %+v, passed on %q", r, line.Invite().Get("Identity"))
	}
	var identity string
	g.until("the signature", func() bool {
		said, err := bed.SIPValues(mark, "+493023125991", "Identity")
		ok(t, err)
		for _, s := range said {
			identity = strings.TrimPrefix(s, "> INVITE ")
		}
		return identity != ""
	})
	anchors := x509.NewCertPool()
	anchors.AppendCertsFromPEM(read(t, "ca.crt"))
	v := shaken.Verifier{Anchors: anchors, Library: shelf(read(t, "pbx.crt"))}
	r, err := v.Verify(g.ctx, []string{identity}, shaken.Call{From: "+493023125991", To: []string{"+4930111"}})
	if err != nil || r.Attest != "B" || r.OrigID == "" {
		t.Errorf("%+v %v of %s", r, err, identity)
	}
}

// A call that we pass on over TCP is signed as one of a caller we know, and no
// more than that.
func TestWeSign(t *testing.T) {
	t.Parallel()
	g := open(t, with{trunks: "  a: {host: \"@NET@.3:5060\", transport: tcp, keepalive: 0s, numbers: [\"+4930111\"], send_identity: true, " +
		"stir: {certificate: \"@TLS@/gateway.crt\", key: \"@TLS@/gateway.key\", x5u: \"https://cert.example.org/ours.crt\"}}\n" +
		"  b: {host: \"@NET@.4:5060\", numbers: [\"+4930222\"]}\n"})
	callee := g.sipp(3, "", "-sn", "uas", "-t", "t1", "-m", "1")
	c := g.carrier(4)
	var line *rig.Line
	g.until("SIPp to listen", func() bool { // it may not yet
		var err error
		line, err = c.Dial("+4930111", "+493012345")
		ok(t, err)
		return line.WaitAnswered(g.ctx) == nil
	})
	ok(t, line.Hangup(g.ctx))
	callee.wait()
	_, after, _ := strings.Cut(callee.messages(), "\nIdentity: ")
	identity, _, _ := strings.Cut(after, "\n")
	anchors := x509.NewCertPool()
	anchors.AppendCertsFromPEM(read(t, "ca.crt"))
	v := shaken.Verifier{Anchors: anchors, Library: shelf(read(t, "gateway.crt"))}
	r, err := v.Verify(g.ctx, []string{identity}, shaken.Call{From: "+493012345", To: []string{"+4930111"}})
	if err != nil || r.Attest != "B" {
		t.Errorf("%+v %v of %q", r, err, identity)
	}
}

// read is a file of the bed's certificates.
func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(bed.Run, "tls", name))
	ok(t, err)
	return b
}

// shelf is a shaken.Library of one file.
type shelf []byte

// Find implements shaken.Library.
func (s shelf) Find(context.Context, string) ([]*x509.Certificate, error) {
	return shaken.Certificates(s)
}

// certificate makes cert.pem in a folder.
func certificate(t *testing.T, dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ok(t, err)
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "STI-CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	ok(t, err)
	ok(t, os.WriteFile(filepath.Join(dir, "cert.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
}
