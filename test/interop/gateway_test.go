//go:build interop

package interop

import (
	"bytes"
	"cmp"
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"roomline/signalling"
	"roomline/test/interop/rig"
)

// gateway is the real program, run as an operator runs it.
type gateway struct {
	*rig.Gateway
	t       *testing.T
	dir     string // its configuration, database, records and log
	program string
}

// launch writes the bed's configuration, changed by pairs of old and new text,
// and runs the gateway until it is ready.
func launch(t *testing.T, program string, changes ...string) *gateway {
	t.Helper()
	g := &gateway{t: t, program: cmp.Or(program, raceBinary), dir: t.TempDir()}
	changes = append(changes, "trunks:\n", "log: {level: debug}\ntrunks:\n")
	ok(t, bed.Config(t.Context(), g.config(), changes...))
	t.Cleanup(g.finish)
	g.start()
	return g
}

func (g *gateway) config() string { return filepath.Join(g.dir, "roomline.yaml") }

func (g *gateway) start() {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), 30*time.Second)
	defer cancel()
	var err error
	if g.Gateway, err = bed.StartGateway(ctx, g.program, g.config()); err != nil {
		text, _ := os.ReadFile(filepath.Join(g.dir, "roomline.log"))
		g.t.Fatalf("%v:\n%s", err, tail(text, 4000))
	}
}

// finish ends the gateway if the test has not, and looks through its log.
func (g *gateway) finish() {
	if g.Gateway == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_ = g.Signal(syscall.SIGTERM) // it may have ended already, both times
	_ = g.Signal(syscall.SIGTERM)
	select {
	case <-g.Done():
	case <-ctx.Done():
		g.t.Error("the gateway did not end")
		g.Kill()
	}
	g.readLog()
}

func (g *gateway) readLog() {
	text, _ := os.ReadFile(g.Log())
	for _, bad := range append(secrets(g.t), "DATA RACE", "panic:", `"fault":`, "a=ice-pwd", "a=fingerprint", "Digest ") {
		if at := bytes.Index(text, []byte(bad)); at >= 0 {
			g.t.Errorf("the log has %q: %.2000s", bad, text[at:])
		}
	}
	if g.t.Failed() {
		g.keep(text)
	}
}

// secrets are what no log may hold, not even at debug: passwords and the tokens of the registration.
func secrets(t *testing.T) []string {
	list := []string{os.Getenv("BED_SIP_SECRET"), os.Getenv("BED_PASSWORD")}
	for line := range strings.Lines(string(read(t, registrationFile()))) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok && strings.HasSuffix(key, "_token") {
			list = append(list, strings.Trim(value, `"'`))
		}
	}
	if len(list) != 4 {
		t.Errorf("the registration file has %d tokens, want 2", len(list)-2)
	}
	return list
}

// registrationFile is the one by which the homeserver knows the gateway.
func registrationFile() string { return filepath.Join(bed.Run, "registration.yaml") }

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
	}
	return text
}

// keep saves the gateway's folder, and shows what was logged above debug.
func (g *gateway) keep(text []byte) {
	dir := filepath.Join(bed.Run, "failed", strings.ReplaceAll(g.t.Name(), "/", "_"))
	_ = os.RemoveAll(dir)
	if err := os.CopyFS(dir, os.DirFS(g.dir)); err != nil {
		g.t.Log(err)
	}
	var shown []byte
	for line := range bytes.Lines(text) {
		if !bytes.Contains(line, []byte(`"DEBUG"`)) {
			shown = append(shown, line...)
		}
	}
	g.t.Logf("the gateway's folder is kept as %s; its log ends:\n%s", dir, tail(shown, 4000))
}

func tail(b []byte, n int) []byte { return b[max(0, len(b)-n):] }

// until looks again and again; each look is one request or one file.
func (g *gateway) until(ctx context.Context, what string, f func() bool) {
	g.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !f() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			g.t.Fatalf("waited in vain for %s", what)
		}
	}
}

// metric reads one value from /metrics; -1 when it is not there.
func (g *gateway) metric(ctx context.Context, name string) float64 {
	v, err := g.Metric(ctx, name)
	if err != nil {
		return -1
	}
	return v
}

// holdings are what calls take and must give back.
type holdings struct{ calls, ports, goroutines float64 }

func (g *gateway) holdings(ctx context.Context) holdings {
	return holdings{g.metric(ctx, "roomline_calls_live"), g.metric(ctx, "roomline_rtp_ports_free"), g.metric(ctx, "go_goroutines")}
}

// settled waits until everything a call took was given back: the call itself
// and its goroutines (a few may belong to kept-alive connections). Its RTP ports
// come back after their quarantine; the test of a hundred calls waits for that.
func (g *gateway) settled(ctx context.Context, before holdings) {
	g.t.Helper()
	const slack = 6
	var now holdings
	began := time.Now()
	g.until(ctx, "the gateway to settle", func() bool {
		now = g.holdings(ctx)
		return now.calls == 0 && now.goroutines <= before.goroutines+slack
	})
	g.t.Logf("before %+v, after %v %+v", before, time.Since(began).Round(time.Millisecond), now)
}

// record returns the nth call record, once it is written.
func (g *gateway) record(ctx context.Context, n int) signalling.Record {
	g.t.Helper()
	all, err := g.WaitRecords(ctx, n+1)
	ok(g.t, err)
	return all[n]
}

// logged counts the lines at info that say something of one call, or of any.
func (g *gateway) logged(message, call string) (n int) {
	g.t.Helper()
	text, err := os.ReadFile(g.Log())
	ok(g.t, err)
	for line := range bytes.Lines(text) {
		if bytes.Contains(line, []byte(`"INFO"`)) && bytes.Contains(line, []byte(`"msg":"`+message+`"`)) && (call == "" || bytes.Contains(line, []byte(`"`+call+`"`))) {
			n++
		}
	}
	return n
}
