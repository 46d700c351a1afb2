package lone

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
)

// chromium is one headless Chromium, spoken to by the DevTools protocol over a
// pair of pipes: JSON, ended by a NUL.
type chromium struct {
	*process
	out     io.Writer
	in      *bufio.Reader
	next    int
	session string
}

func startChromium(_ context.Context, log io.Writer) (browser, error) {
	home, err := os.MkdirTemp("", "roomline-chromium-")
	if err != nil {
		return nil, err
	}
	theirIn, out, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	in, theirOut, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p, err := start(home, log, []*os.File{theirIn, theirOut}, "chromium", "--user-data-dir="+home, "--headless", "--remote-debugging-pipe",
		"--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
		"--autoplay-policy=no-user-gesture-required", "--disable-features=WebRtcHideLocalIpsWithMdns", "--allow-loopback-in-peer-connection",
		"--disable-background-networking", "--disable-component-update", "--no-first-run", "about:blank")
	if err != nil {
		return nil, err
	}
	_, _ = theirIn.Close(), theirOut.Close()
	return &chromium{process: p, out: out, in: bufio.NewReader(in)}, nil
}

func (c *chromium) command(name string, params, out any) error {
	c.next++
	raw, err := json.Marshal(map[string]any{"id": c.next, "method": name, "params": params, "sessionId": c.session})
	if c.session == "" {
		raw, err = json.Marshal(map[string]any{"id": c.next, "method": name, "params": params})
	}
	if err != nil {
		return err
	}
	if _, err := c.out.Write(append(raw, 0)); err != nil {
		return err
	}
	for {
		raw, err := c.in.ReadBytes(0)
		if err != nil {
			return err
		}
		var m struct {
			ID     int
			Error  *struct{ Message string }
			Result json.RawMessage
		}
		if err := json.Unmarshal(bytes.TrimSuffix(raw, []byte{0}), &m); err != nil {
			return err
		}
		switch {
		case m.ID != c.next: // an event
		case m.Error != nil:
			return fmt.Errorf("%s: %s", name, m.Error.Message)
		case out == nil:
			return nil
		default:
			return json.Unmarshal(m.Result, out)
		}
	}
}

func (c *chromium) open(ctx context.Context, url string) error {
	var made struct{ TargetID, SessionID string }
	if err := c.command("Target.createTarget", map[string]any{"url": url}, &made); err != nil {
		return err
	}
	if err := c.command("Target.attachToTarget", map[string]any{"targetId": made.TargetID, "flatten": true}, &made); err != nil {
		return err
	}
	c.session = made.SessionID
	// What is evaluated before the page is there dies with the blank one.
	for ctx.Err() == nil {
		if c.evaluate(ctx, `(async () => lone.ready)()`, nil) == nil {
			return nil
		}
	}
	return ctx.Err()
}

func (c *chromium) evaluate(_ context.Context, expression string, out any) error {
	var r struct {
		Result struct {
			Value struct {
				V json.RawMessage
				E string
			}
		}
	}
	script := "(" + expression + ").then(v => ({v: v ?? null}), e => ({e: String(e)}))"
	if err := c.command("Runtime.evaluate", map[string]any{"expression": script, "awaitPromise": true, "returnByValue": true}, &r); err != nil {
		return err
	}
	return decode(r.Result.Value.V, r.Result.Value.E, out)
}
