//go:build interop

package interop

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"roomline/signalling"
)

// gateway is the real program, run as an operator runs it.
type gateway struct {
	t      *testing.T
	binary string
	dir    string // its configuration, database, records and log
	cmd    *exec.Cmd
	done   chan struct{} // closed when the process has ended
	status error
}

// launch writes the bed's configuration, changed by pairs of old and new text,
// and runs the gateway until it is ready.
func launch(t *testing.T, binary string, changes ...string) *gateway {
	t.Helper()
	g := configure(t, binary, changes...)
	g.start()
	g.waitReady()
	return g
}

func configure(t *testing.T, binary string, changes ...string) *gateway {
	t.Helper()
	g := &gateway{t: t, binary: cmp.Or(binary, raceBinary), dir: t.TempDir()}
	file := filepath.Join(g.dir, "roomline.yaml")
	if err := bed.Sh(t.Context(), "config", file); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	own := []string{bed.Run + "/roomline.db", filepath.Join(g.dir, "roomline.db"), bed.Run + "/cdr.jsonl", g.records()}
	out := strings.NewReplacer(append(own, changes...)...).Replace(string(text))
	if err := os.WriteFile(file, []byte(out+"log: {level: debug}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return g
}

func (g *gateway) records() string { return filepath.Join(g.dir, "cdr.jsonl") }
func (g *gateway) log() string     { return filepath.Join(g.dir, "log") }

func (g *gateway) start() {
	g.t.Helper()
	log, err := os.OpenFile(g.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		g.t.Fatal(err)
	}
	defer log.Close()
	g.cmd = exec.Command(g.binary, "run", "-c", filepath.Join(g.dir, "roomline.yaml"))
	g.cmd.Stdout, g.cmd.Stderr = log, log
	if err := g.cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
	g.done = make(chan struct{})
	go func(cmd *exec.Cmd, done chan struct{}) { g.status = cmd.Wait(); close(done) }(g.cmd, g.done)
	g.t.Cleanup(g.finish)
}

// finish ends the gateway if the test has not, and looks through its log.
func (g *gateway) finish() {
	g.signal(syscall.SIGTERM)
	g.signal(syscall.SIGTERM)
	select {
	case <-g.done:
	case <-time.After(60 * time.Second):
		g.signal(syscall.SIGQUIT)
		g.t.Error("the gateway did not end")
		<-g.done
	}
	text, _ := os.ReadFile(g.log())
	for _, bad := range []string{"DATA RACE", "panic:", "broke down", "gwsecret"} {
		if at := strings.Index(string(text), bad); at >= 0 {
			g.t.Errorf("the log has %q: %.2000s", bad, text[at:])
		}
	}
	if g.t.Failed() {
		g.keep(text)
	}
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

func (g *gateway) signal(s syscall.Signal) {
	select {
	case <-g.done:
	default:
		_ = g.cmd.Process.Signal(s)
	}
}

// stop asks the gateway to drain, and returns when it has ended.
func (g *gateway) stop() error {
	g.signal(syscall.SIGTERM)
	<-g.done
	return g.status
}

func (g *gateway) waitReady() {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), 30*time.Second)
	defer cancel()
	g.until(ctx, "the gateway to be ready", func() bool { return get(bed.Health+"/readyz") == http.StatusOK })
}

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
		case <-g.done:
			text, _ := os.ReadFile(g.log())
			g.t.Fatalf("the gateway ended (%v) while waiting for %s:\n%s", g.status, what, tail(text, 4000))
		}
	}
}

func get(url string) int {
	resp, err := http.Get(url)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

// metric reads one value from /metrics; -1 when it is not there.
func (g *gateway) metric(name string) float64 {
	resp, err := http.Get(bed.Health + "/metrics")
	if err != nil {
		return -1
	}
	defer resp.Body.Close()
	for sc := bufio.NewScanner(resp.Body); sc.Scan(); {
		if value, ok := strings.CutPrefix(sc.Text(), name+" "); ok {
			v, err := strconv.ParseFloat(value, 64)
			if err == nil {
				return v
			}
		}
	}
	return -1
}

// holdings are what calls take and must give back.
type holdings struct{ calls, ports, goroutines float64 }

func (g *gateway) holdings() holdings {
	return holdings{g.metric("roomline_calls_live"), g.metric("roomline_rtp_ports_free"), g.metric("go_goroutines")}
}

// settled waits until everything a call took was given back: calls, RTP ports
// and goroutines (a few may belong to keep-alive connections).
func (g *gateway) settled(ctx context.Context, before holdings) {
	g.t.Helper()
	const slack = 6
	var now holdings
	g.until(ctx, "the gateway to settle", func() bool {
		now = g.holdings()
		return now.calls == 0 && now.goroutines <= before.goroutines+slack
	})
	g.t.Logf("before %+v, after %+v", before, now)
}

// record returns the nth call record, once it is written.
func (g *gateway) record(ctx context.Context, n int) signalling.Record {
	g.t.Helper()
	var all []signalling.Record
	g.until(ctx, "call record "+strconv.Itoa(n+1), func() bool { all = g.readRecords(); return len(all) > n })
	return all[n]
}

func (g *gateway) readRecords() []signalling.Record {
	raw, err := os.ReadFile(g.records())
	if err != nil {
		return nil
	}
	var all []signalling.Record
	for line := range strings.Lines(string(raw)) {
		var r signalling.Record
		if json.Unmarshal([]byte(line), &r) == nil {
			all = append(all, r)
		}
	}
	return all
}
