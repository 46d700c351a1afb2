//go:build interop

package trunk

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"roomline/signalling"
	"roomline/test/interop/rig"
)

// places counts the networks that tests have been given.
var places atomic.Int32

// gate is a gateway without a homeserver, in a network of its own, 127.8.N.0/24:
// the gateway is .2, and all other addresses are the test's. Tests may run side
// by side, as long as they call different numbers at Asterisk.
type gate struct {
	*rig.Gateway
	t   *testing.T
	ctx context.Context
	net string // "127.8.N"
	dir string
}

// with names what a gate may differ in. "@NET@" stands for the gate's network
// everywhere, "@TLS@" for the folder with the bed's certificates.
type with struct {
	account bool          // Asterisk does not know its address, only its user name ("any-VARIANT" in the bed's pjsip.conf)
	trunks  string        // YAML below "trunks:", indented by two
	routes  string        // YAML below "routes: inbound:", indented by four; "" passes calls between a and b, both ways
	sip     string        // YAML below "sip:", indented by two; "" listens on UDP and TCP
	more    string        // further sections
	limit   time.Duration // of the whole test; 0 is 60 s
}

// open runs a gateway.
func open(t *testing.T, w with) *gate {
	t.Helper()
	n := int(places.Add(1))
	if w.account {
		n += 128
	}
	if w.limit == 0 {
		w.limit = time.Minute
	}
	ctx, cancel := context.WithTimeout(t.Context(), w.limit)
	t.Cleanup(cancel)
	g := &gate{t: t, ctx: ctx, net: fmt.Sprintf("127.8.%d", n), dir: t.TempDir()}
	ok(t, os.WriteFile(g.config(), []byte(g.fill(w.yaml())), 0o600))
	registration(t, g)
	t.Cleanup(g.finish)
	g.start()
	return g
}

func (w with) yaml() string {
	if w.routes == "" {
		w.routes = "    - {to: \"*\", trunk: a, via: b}\n    - {to: \"*\", trunk: b, via: a}\n"
	}
	if w.sip == "" {
		w.sip = "  listen: [\"udp://@NET@.2:5060\", \"tcp://@NET@.2:5060\"]\n"
	}
	return `matrix: {homeserver: "http://@NET@.99:8008", domain: matrix.test, listen: "@NET@.2:29500", registration: registration.yaml}
log: {level: debug, format: json}
dialing: {country: DE}
media: {address: @NET@.2, ports: 20000-20999, webrtc_port: 19999}
http: {listen: "@NET@.2:` + os.Getenv("BED_HTTP_PORT") + `"}
cdr: {jsonl: cdr.jsonl}
database: roomline.db
` + w.more + "\nsip:\n" + w.sip + "trunks:\n" + w.trunks + "routes:\n  inbound:\n" + w.routes + "  outbound: [{match: \"*\", trunk: a}]\n"
}

func (g *gate) config() string { return filepath.Join(g.dir, "roomline.yaml") }

func (g *gate) fill(text string) string {
	return strings.NewReplacer("@NET@", g.net, "@TLS@", filepath.Join(bed.Run, "tls")).Replace(text)
}

// at is an address of the gate's network: at(4) is 127.8.N.4.
func (g *gate) at(host int) string { return fmt.Sprintf("%s.%d", g.net, host) }

// number is one at Asterisk that answers and plays a tone of hz, a multiple of
// 50, and that no other test calls.
func (g *gate) number(hz int) string {
	n, _ := strconv.Atoi(g.net[strings.LastIndexByte(g.net, '.')+1:])
	return fmt.Sprintf("+4930231258%04d%03d", hz, n)
}

// carrier opens a scripted trunk at host .N:5060 of the gate's network.
func (g *gate) carrier(host int) *rig.Carrier {
	g.t.Helper()
	c, err := rig.NewCarrier(g.at(host)+":5060", g.at(2)+":5060")
	ok(g.t, err)
	g.t.Cleanup(c.Close)
	return c
}

func (g *gate) start() {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.ctx, 30*time.Second)
	defer cancel()
	var err error
	runs := func() int {
		text, _ := os.ReadFile(filepath.Join(g.dir, "roomline.log"))
		return bytes.Count(text, []byte(`"msg":"roomline runs"`))
	}
	before := runs()
	if g.Gateway, err = bed.At(g.at(2)).StartGateway(ctx, "", g.config()); err != nil {
		text, _ := os.ReadFile(filepath.Join(g.dir, "roomline.log"))
		g.t.Fatalf("%v:\n%s", err, tail(text, 4000))
	}
	g.until("the gateway to listen", func() bool { return runs() > before }) // it is healthy before it speaks SIP
}

// finish ends the gateway if the test has not, and looks through its log.
func (g *gate) finish() {
	if g.Gateway == nil {
		return
	}
	_ = g.Signal(syscall.SIGTERM) // it may have ended already, both times
	_ = g.Signal(syscall.SIGTERM)
	select {
	case <-g.Done():
	case <-time.After(30 * time.Second):
		g.t.Error("the gateway did not end")
		g.Kill()
	}
	text, _ := os.ReadFile(g.Log())
	for _, bad := range []string{os.Getenv("BED_SIP_SECRET"), "panic:", `"fault":`, "inline:", "Digest "} {
		if at := bytes.Index(text, []byte(bad)); at >= 0 {
			g.t.Errorf("the log has %q: %.2000s", bad, text[at:])
		}
	}
	if g.t.Failed() {
		g.keep(text)
	}
}

// keep saves the gateway's folder, and shows the end of its log.
func (g *gate) keep(text []byte) {
	dir := filepath.Join(bed.Run, "failed", strings.ReplaceAll(g.t.Name(), "/", "_"))
	_ = os.RemoveAll(dir)
	if err := os.CopyFS(dir, os.DirFS(g.dir)); err != nil {
		g.t.Log(err)
	}
	g.t.Logf("the gateway's folder is kept as %s; its log ends:\n%s", dir, tail(text, 4000))
}

func tail(b []byte, n int) []byte { return b[max(0, len(b)-n):] }

// record waits for the next call to end, and returns what was kept of it.
func (g *gate) record(n int) signalling.Record {
	g.t.Helper()
	all, err := g.WaitRecords(g.ctx, n)
	ok(g.t, err)
	return all[n-1]
}

// until looks again and again; each look is one request or one file.
func (g *gate) until(what string, f func() bool) {
	g.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !f() {
		select {
		case <-tick.C:
		case <-g.ctx.Done():
			g.t.Fatalf("waited in vain for %s", what)
		}
	}
}

// registration makes the file that names the application service; no
// homeserver will read it.
func registration(t *testing.T, g *gate) {
	t.Helper()
	out, err := g.roomline("registration", "-c", g.config())
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// hears fails unless a tone was there without a break for as long as that.
func hears(t *testing.T, who string, s rig.Sound, hz float64, least time.Duration) {
	t.Helper()
	if tone := s.Tone(hz); tone.Onset < 0 || tone.Present < least {
		t.Errorf("%s heard %v of %g Hz in %v, want %v", who, tone, hz, s.Length(), least)
	}
}
