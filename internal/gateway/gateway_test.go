package gateway

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"roomline/configs"
	"roomline/signalling/matrix"
)

// freePort is a port of 127.0.0.1 that nobody uses at this moment.
func freePort(t *testing.T, network string) int {
	t.Helper()
	if network == "udp" {
		c, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.LocalAddr().(*net.UDPAddr).Port
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// load reads a configuration whose homeserver and trunk do not exist.
func load(t *testing.T) *configs.Config {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "roomline.yaml")
	text := fmt.Sprintf(`
matrix: {homeserver: "http://127.0.0.1:1", domain: example.org, listen: "127.0.0.1:%d"}
trunks: {pbx: {host: "127.0.0.1:9", numbers: ["+493023125701"]}}
routes: {inbound: [{to: "+493023125701", user: "@alice:example.org"}]}
sip: {listen: ["udp://127.0.0.1:%d"]}
media: {address: 127.0.0.1, webrtc_port: %d}
http: {listen: "127.0.0.1:%d"}
cdr: {jsonl: cdr.jsonl}
`, freePort(t, "tcp"), freePort(t, "udp"), freePort(t, "udp"), freePort(t, "tcp"))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := configs.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := matrix.WriteRegistration(cfg.Matrix); err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestStartAndStopLeaveNothing(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	cfg := load(t)
	g, err := New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if g.ready() == nil {
		t.Error("ready before it listens")
	}
	if err := g.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get("http://" + cfg.HTTP.Listen + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("ready without a homeserver: %d", resp.StatusCode)
	}
	g.Drain(t.Context())
	for range 2 {
		if err := g.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestTakenAddressIsNamed(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	cfg := load(t)
	l, err := net.Listen("tcp", cfg.HTTP.Listen)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	g, err := New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "http.listen") {
		t.Errorf("a taken address gave %v", err)
	}
	if err := g.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}
