package rig

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// Browser is one headless Chromium, with any number of users in it.
type Browser struct {
	bed  *Bed
	c    *chromium
	log  *os.File
	once sync.Once
}

// Browser starts a Chromium. Flags are added to its command line.
func (b *Bed) Browser(flags ...string) (*Browser, error) {
	log, err := os.OpenFile(filepath.Join(b.Run, "chromium.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	// ICE host candidates on 127/8: where only loopback exists there are no others
	c, err := startChromium(log, append([]string{"--allow-loopback-in-peer-connection"}, flags...)...)
	if err != nil {
		return nil, err
	}
	return &Browser{bed: b, c: c, log: log}, nil
}

// FakeMicrophone is the flag that makes every user's microphone play a WAV file,
// over and over, where the user's tone is 0.
func FakeMicrophone(wav string) string { return "--use-file-for-fake-audio-capture=" + wav }

// Kill ends the browser as a crash would: its users send nothing any more.
func (b *Browser) Kill() {
	_ = syscall.Kill(-b.c.cmd.Process.Pid, syscall.SIGKILL)
	<-b.c.done
	b.once.Do(func() { _ = b.log.Close() })
}

// Close ends the browser and whatever its users are doing.
func (b *Browser) Close() { b.Kill() }

// Login says who a User is and how it makes calls.
type Login struct {
	Name     string  // localpart; registered where the homeserver does not know it
	Tone     float64 // Hz of the microphone where a call names none; 0 is Chromium's own fake microphone
	V0       bool    // place and take calls with version 0 events
	Singular bool    // with V0: send m.call.candidate, one at a time
	Crypto   bool    // has a device with keys, signed by keys of the user's own, which are made now
	Unsigned bool    // with Crypto: a device that nobody has signed
	Recovery string  // with Crypto: the user's own keys are those that Recovery of another device has put away
}

// Login logs a user in, in a page of its own, and waits for its first sync.
func (b *Browser) Login(ctx context.Context, l Login) (*User, error) {
	s, err := b.bed.login(ctx, l.Name)
	if err != nil {
		return nil, err
	}
	u := &User{Session: s, browser: b, crypto: l.Crypto}
	if err := u.open(ctx); err != nil {
		return nil, err
	}
	start := map[string]any{"hs": b.bed.Homeserver, "userId": s.ID, "accessToken": s.Token, "deviceId": s.Device,
		"tone": l.Tone, "v0": l.V0, "singular": l.Singular}
	if l.Crypto {
		start["crypto"] = map[string]any{"unsigned": l.Unsigned, "recovery": l.Recovery, "user": l.Name, "password": os.Getenv("BED_PASSWORD")}
	}
	return u, u.do(ctx, nil, "start", start)
}

// open makes a context (cookies and storage of its own), a page in it, and waits
// for the page's script.
func (u *User) open(ctx context.Context) error {
	c := u.browser.c
	var made struct{ BrowserContextID, TargetID, SessionID string }
	if err := c.call(ctx, "", "Target.createBrowserContext", map[string]any{"disposeOnDetach": true}, &made); err != nil {
		return err
	}
	u.context = made.BrowserContextID
	grant := map[string]any{"browserContextId": u.context, "permissions": []string{"audioCapture", "videoCapture"}}
	if err := c.call(ctx, "", "Browser.grantPermissions", grant, nil); err != nil {
		return err
	}
	page := map[string]any{"browserContextId": u.context, "url": "about:blank"}
	if err := c.call(ctx, "", "Target.createTarget", page, &made); err != nil {
		return err
	}
	attach := map[string]any{"targetId": made.TargetID, "flatten": true}
	if err := c.call(ctx, "", "Target.attachToTarget", attach, &made); err != nil {
		return err
	}
	u.session = made.SessionID
	c.mu.Lock()
	c.console[u.session] = u.note
	c.mu.Unlock()
	if err := c.call(ctx, u.session, "Runtime.enable", nil, nil); err != nil {
		return err
	}
	if err := c.call(ctx, u.session, "Page.navigate", map[string]any{"url": u.browser.bed.Page + "bed.html"}, nil); err != nil {
		return err
	}
	return u.evaluate(ctx, nil, `(async () => {
		if (document.readyState !== 'complete') await new Promise(r => addEventListener('load', r)); // the script is a module: it has run by then
		if (!window.bed?.ready) throw new Error('the page has no bed: ' + location.href);
	})()`)
}

// do calls one of the page's functions: bed.NAME(arg).
func (u *User) do(ctx context.Context, out any, name string, arg any) error {
	raw, err := json.Marshal(arg)
	if err != nil {
		return err
	}
	if err := u.evaluate(ctx, out, fmt.Sprintf("Promise.resolve(bed.%s(%s)).then(v => v ?? null)", name, raw)); err != nil {
		return fmt.Errorf("%s: %s: %w", u.ID, name, err)
	}
	return nil
}

func (u *User) evaluate(ctx context.Context, out any, expression string) error {
	var r struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	params := map[string]any{"expression": expression, "awaitPromise": true, "returnByValue": true}
	if err := u.browser.c.call(ctx, u.session, "Runtime.evaluate", params, &r); err != nil {
		return err
	}
	if x := r.ExceptionDetails; x != nil {
		return fmt.Errorf("%s %s", x.Text, x.Exception.Description)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(r.Result.Value, out)
}
