package local

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

const patience = 20 * time.Second // for the program to start, or for one request

// Gateway is the program that is measured, with a homeserver of its own.
type Gateway struct {
	Said Log // what the program has written

	hs    *Homeserver
	dir   string
	cmd   *exec.Cmd
	url   string // of its listener for the homeserver
	token string

	pushing sync.Mutex // one transaction at a time
	txn     int
}

// NewGateway writes a configuration into a new folder, with nothing that an
// older build would not know, and starts the program: trunk and sip are the
// addresses of the trunk and of the gateway, more is what the section matrix
// has besides.
func NewGateway(ctx context.Context, program, dir string, hs *Homeserver, trunk, sip, more string) (*Gateway, error) {
	g := &Gateway{hs: hs, dir: dir}
	listen := Free("tcp")
	g.url = "http://" + listen
	_, webrtc, _ := net.SplitHostPort(Free("udp"))
	text := fmt.Sprintf("matrix: {homeserver: %q, domain: example.org, listen: %q%s}\ntrunks: {pbx: {host: %q, caller_id: \"+4930555000\"}}\n"+
		"dialing: {country: DE}\nsip: {listen: [\"udp://%s\"]}\nmedia: {address: 127.0.0.1, webrtc_port: %s, ports: 20000-21999}\nhttp: {listen: %q}\nlog: {level: error}\n"+
		"permissions: {limits: {calls_per_user: 0, calls_per_minute: 0, minutes_per_user_day: 0}}\n",
		hs.URL, listen, more, trunk, sip, webrtc, Free("tcp"))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(g.config(), []byte(text), 0o600); err != nil {
		return nil, err
	}
	var err error
	if g.token, err = Register(ctx, program, g.config()); err != nil {
		return nil, err
	}
	hs.Keys.SetDeliver(g.Deliver)
	return g, g.Start(program)
}

func (g *Gateway) config() string { return filepath.Join(g.dir, "roomline.yaml") }

// Start runs the program until it has spoken to its homeserver.
func (g *Gateway) Start(program string) error {
	select {
	case <-g.hs.pinged: // by an earlier run
	default:
	}
	g.cmd = exec.Command(program, "run", "-c", g.config())
	g.cmd.Stdout, g.cmd.Stderr = &g.Said, &g.Said
	if err := g.cmd.Start(); err != nil {
		return err
	}
	select {
	case <-g.hs.pinged:
		return nil
	case <-time.After(patience):
		g.Stop()
		return fmt.Errorf("%s is not ready:\n%s", program, &g.Said)
	}
}

// Stop ends the program and waits for it.
func (g *Gateway) Stop() {
	if g.cmd != nil && g.cmd.Process != nil {
		_ = g.cmd.Process.Signal(syscall.SIGTERM) // it may have ended, both times
		_ = g.cmd.Process.Signal(syscall.SIGTERM)
		_ = g.cmd.Wait()
	}
}

// Transaction sends the gateway what a homeserver would, numbered.
func (g *Gateway) Transaction(ctx context.Context, body func(txn int) map[string]any) error {
	g.pushing.Lock()
	defer g.pushing.Unlock()
	g.txn++
	raw, err := json.Marshal(body(g.txn))
	if err != nil {
		return err
	}
	_, err = g.ask(ctx, http.MethodPut, fmt.Sprintf("%s/_matrix/app/v1/transactions/%d", g.url, g.txn), bytes.NewReader(raw))
	return err
}

// Deliver takes a message to one of the gateway's devices, and tells besides how
// many of its one-time keys are left (MSC3202, MSC4203).
func (g *Gateway) Deliver(user, device string, message map[string]any) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	by := func(what any) map[string]any { return map[string]any{user: map[string]any{device: what}} }
	_ = g.Transaction(ctx, func(int) map[string]any { // it will be missed
		return map[string]any{"events": []any{}, "de.sorunome.msc2409.to_device": []any{message},
			"org.matrix.msc3202.device_one_time_keys_count":       by(map[string]int{"signed_curve25519": g.hs.Keys.Left(user, device)}),
			"org.matrix.msc3202.device_unused_fallback_key_types": by([]string{"signed_curve25519"})}
	})
}

// ErrBusy is the end of a look-up of which there were too many before.
var ErrBusy = errors.New("the gateway answers 429")

// Lookup asks for the user of a number, as a dial pad does.
func (g *Gateway) Lookup(ctx context.Context, number string) error {
	said, err := g.ask(ctx, http.MethodGet, g.url+"/_matrix/app/v1/thirdparty/user/m.protocol.pstn?m.id.phone="+url.QueryEscape(number), nil)
	if err == nil && len(said) < 10 {
		err = fmt.Errorf("nobody is at %s", number)
	}
	return err
}

func (g *Gateway) ask(ctx context.Context, method, address string, body io.Reader) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+g.token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	said, err := io.ReadAll(res.Body)
	switch {
	case err != nil:
	case res.StatusCode == http.StatusTooManyRequests:
		err = ErrBusy
	case res.StatusCode != http.StatusOK:
		err = fmt.Errorf("the gateway answers %s", res.Status)
	}
	return said, err
}

// Memory is what the program has resident, in bytes.
func (g *Gateway) Memory() (int64, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", g.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	var kib int64
	_, rest, _ := strings.Cut(string(raw), "VmRSS:")
	_, err = fmt.Sscan(rest, &kib)
	return kib << 10, err
}
