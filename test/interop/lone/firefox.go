package lone

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// prefs make Firefox call from a page of ours, alone on loopback.
const prefs = `
user_pref("marionette.port", %d);
user_pref("media.navigator.streams.fake", true);
user_pref("media.navigator.permission.disabled", true);
user_pref("media.peerconnection.ice.loopback", true);
user_pref("media.peerconnection.ice.obfuscate_host_addresses", false);
user_pref("media.peerconnection.ice.default_address_only", false);
user_pref("network.manage-offline-status", false);
user_pref("media.autoplay.default", 0);
user_pref("media.cubeb.backend", "none");
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("app.update.enabled", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
`

// firefox is one headless Firefox, spoken to by Marionette: its own protocol,
// JSON after a length on one TCP connection.
type firefox struct {
	*process
	conn net.Conn
	in   *bufio.Reader
	next int
}

func startFirefox(ctx context.Context, log io.Writer) (browser, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	home, err := os.MkdirTemp("", "roomline-firefox-")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(home, "user.js"), fmt.Appendf(nil, prefs, port), 0o600); err != nil {
		return nil, err
	}
	p, err := start(home, log, nil, "firefox-esr", "--headless", "--no-remote", "--marionette", "--profile", home, "about:blank")
	if err != nil {
		return nil, err
	}
	f := &firefox{process: p}
	if err := f.connect(ctx, port); err != nil {
		f.Close()
		return nil, err
	}
	session := map[string]any{"capabilities": map[string]any{"alwaysMatch": map[string]any{"timeouts": map[string]any{"script": 60000}}}}
	if err := f.command("WebDriver:NewSession", session, nil); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// connect waits until Firefox listens, and for its greeting.
func (f *firefox) connect(ctx context.Context, port int) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			f.conn, f.in = conn, bufio.NewReader(conn)
			_, err = f.read()
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("firefox never listened: %w", ctx.Err())
		case <-f.gone:
			return errGone
		case <-tick.C:
		}
	}
}

func (f *firefox) read() ([]byte, error) {
	length, err := f.in.ReadString(':')
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(strings.TrimSuffix(length, ":"))
	if err != nil {
		return nil, err
	}
	b := make([]byte, n)
	_, err = io.ReadFull(f.in, b)
	return b, err
}

// command sends [0, id, name, params] and reads [1, id, error, result].
func (f *firefox) command(name string, params, out any) error {
	f.next++
	raw, err := json.Marshal([]any{0, f.next, name, params})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(f.conn, "%d:%s", len(raw), raw); err != nil {
		return err
	}
	answer, err := f.read()
	if err != nil {
		return err
	}
	var failure *struct{ Error, Message string }
	result := json.RawMessage{}
	if err := json.Unmarshal(answer, &[]any{new(int), new(int), &failure, &result}); err != nil {
		return err
	}
	if failure != nil {
		return fmt.Errorf("%s: %s: %s", name, failure.Error, failure.Message)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(result, out)
}

func (f *firefox) open(_ context.Context, url string) error {
	return f.command("WebDriver:Navigate", map[string]any{"url": url}, nil)
}

func (f *firefox) evaluate(_ context.Context, expression string, out any) error {
	script := "const done = arguments[arguments.length - 1];" +
		"window.wrappedJSObject.eval(" + quote(expression) + ").then(v => done({v: v ?? null}), e => done({e: String(e)}));"
	var r struct {
		Value struct {
			V json.RawMessage
			E string
		}
	}
	if err := f.command("WebDriver:ExecuteAsyncScript", map[string]any{"script": script, "args": []any{}, "sandbox": "default"}, &r); err != nil {
		return err
	}
	return decode(r.Value.V, r.Value.E, out)
}
