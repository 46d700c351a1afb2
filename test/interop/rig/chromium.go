package rig

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
)

// errBrowserGone says that the browser has ended or was killed.
var errBrowserGone = errors.New("the browser is gone")

// chromium is one headless Chromium, spoken to by the DevTools protocol over a
// pair of pipes: JSON messages, each ended by a NUL.
type chromium struct {
	cmd     *exec.Cmd
	profile string
	out     io.WriteCloser
	done    chan struct{} // closed once the process is gone

	mu      sync.Mutex
	next    int
	waiting map[int]chan reply
	console map[string]func(string) // by session
}

type reply struct {
	Result json.RawMessage
	Error  *struct{ Message string }
}

// Why each flag is there. The microphone is granted to each user's context.
var chromiumFlags = []string{
	"--headless", "--remote-debugging-pipe",
	"--no-sandbox", // the bed runs as root
	"--disable-gpu", "--disable-dev-shm-usage",
	"--use-fake-device-for-media-stream", // there is no sound card; without any device the SDK sends no audio
	"--use-fake-ui-for-media-stream",
	"--autoplay-policy=no-user-gesture-required",
	"--disable-features=WebRtcHideLocalIpsWithMdns,ChromeWideEchoCancellation",
	"--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run", "--no-default-browser-check",
	"--disable-background-timer-throttling", "--disable-renderer-backgrounding", "--disable-backgrounding-occluded-windows",
}

func startChromium(log io.Writer, flags ...string) (*chromium, error) {
	profile, err := os.MkdirTemp("", "roomline-browser-")
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
	args := append(append([]string{"--user-data-dir=" + profile}, chromiumFlags...), flags...)
	cmd := exec.Command("chromium", append(args, "about:blank")...)
	cmd.ExtraFiles = []*os.File{theirIn, theirOut} // 3 and 4
	cmd.Stderr = log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that its helpers can be killed with it
	err = cmd.Start()
	_, _ = theirIn.Close(), theirOut.Close()
	if err != nil {
		return nil, fmt.Errorf("start chromium: %w", err)
	}
	c := &chromium{cmd: cmd, profile: profile, out: out, done: make(chan struct{}), waiting: map[int]chan reply{}, console: map[string]func(string){}}
	go c.read(in) // ends with the process, which Kill ends
	return c, nil
}

func (c *chromium) read(in *os.File) {
	defer close(c.done)
	r := bufio.NewReader(in)
	for {
		raw, err := r.ReadBytes(0)
		if err != nil {
			break
		}
		c.take(raw[:len(raw)-1])
	}
	_ = in.Close()
	_ = c.out.Close()
	_ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL)
	_ = c.cmd.Wait()
	_ = os.RemoveAll(c.profile)
}

// take hands a reply to whoever waits, and a console line to its user.
func (c *chromium) take(raw []byte) {
	var m struct {
		reply
		ID        int
		Method    string
		SessionID string
		Params    json.RawMessage
	}
	if json.Unmarshal(raw, &m) != nil {
		return
	}
	c.mu.Lock()
	ch, console := c.waiting[m.ID], c.console[m.SessionID]
	delete(c.waiting, m.ID)
	c.mu.Unlock()
	switch {
	case ch != nil:
		ch <- m.reply // has room for one
	case console != nil && (m.Method == "Runtime.consoleAPICalled" || m.Method == "Runtime.exceptionThrown"):
		console(string(m.Params))
	}
}

// call sends one command and unmarshals its result into out, which may be nil.
func (c *chromium) call(ctx context.Context, session, method string, params, out any) error {
	ch := make(chan reply, 1)
	c.mu.Lock()
	c.next++
	id := c.next
	c.waiting[id] = ch
	msg := map[string]any{"id": id, "method": method, "params": params}
	if session != "" {
		msg["sessionId"] = session
	}
	raw, err := json.Marshal(msg)
	if err == nil {
		_, err = c.out.Write(append(raw, 0))
	}
	c.mu.Unlock()
	if err != nil {
		return errors.Join(errBrowserGone, err)
	}
	select {
	case r := <-ch:
		if r.Error != nil {
			return fmt.Errorf("%s: %s", method, r.Error.Message)
		}
		if out == nil {
			return nil
		}
		return json.Unmarshal(r.Result, out)
	case <-c.done:
		return errBrowserGone
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", method, ctx.Err())
	}
}
