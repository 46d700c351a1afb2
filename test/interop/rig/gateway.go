package rig

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"roomline/signalling"
)

// Gateway is one running `roomline run`.
type Gateway struct {
	bed     *Bed
	cmd     *exec.Cmd
	dir     string        // with its configuration, log and records
	records int64         // where the call records began when it was started
	done    chan struct{} // closed when the process has ended
	err     error         // of its end; read it after done
}

// Config writes a roomline.yaml for this bed, with pairs of strings, old and new,
// replaced in it. Its database and its call records are in the file's folder.
func (b *Bed) Config(ctx context.Context, path string, pairs ...string) error {
	if err := b.Sh(ctx, "config", path); err != nil {
		return err
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	dir := filepath.Dir(path)
	own := []string{b.Run + "/roomline.db", dir + "/roomline.db", b.Run + "/cdr.jsonl", dir + "/cdr.jsonl"}
	for i := 0; i+1 < len(pairs); i += 2 {
		if !bytes.Contains(raw, []byte(pairs[i])) {
			return fmt.Errorf("the bed's roomline.yaml has no %q", pairs[i])
		}
	}
	text := strings.NewReplacer(append(own, pairs...)...).Replace(string(raw))
	return os.WriteFile(path, []byte(text), 0o600)
}

// StartGateway runs a program (empty: $ROOMLINE_BIN) with a configuration, and
// returns when it says that it is ready. Its log is added to roomline.log in the
// configuration's folder.
func (b *Bed) StartGateway(ctx context.Context, program, config string) (*Gateway, error) {
	g := &Gateway{bed: b, dir: filepath.Dir(config), done: make(chan struct{}),
		cmd: exec.Command(cmp.Or(program, os.Getenv("ROOMLINE_BIN")), "run", "-c", config)}
	log, err := os.OpenFile(g.Log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	if s, err := os.Stat(g.recordFile()); err == nil {
		g.records = s.Size()
	}
	g.cmd.Stdout, g.cmd.Stderr = log, log
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C at the terminal is ours to pass on
	if err := g.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the gateway: %w", err)
	}
	go func() { // ends with the process
		defer close(g.done)
		g.err = g.cmd.Wait()
		_ = log.Close()
	}()
	if err := g.WaitReady(ctx); err != nil {
		g.Kill()
		return nil, fmt.Errorf("%w; see %s", err, g.Log())
	}
	return g, nil
}

// Log is the file with the gateway's log.
func (g *Gateway) Log() string { return filepath.Join(g.dir, "roomline.log") }

func (g *Gateway) recordFile() string { return filepath.Join(g.dir, "cdr.jsonl") }

// Done is closed when the process has ended.
func (g *Gateway) Done() <-chan struct{} { return g.done }

// Ready tells whether the gateway takes new calls now.
func (g *Gateway) Ready(ctx context.Context) bool {
	_, err := g.get(ctx, g.bed.ready)
	return err == nil
}

// WaitReady returns when the gateway says that calls can be taken.
func (g *Gateway) WaitReady(ctx context.Context) error {
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for {
		_, err := g.get(ctx, g.bed.ready)
		if err == nil {
			return nil
		}
		select {
		case <-look.C:
		case <-g.done:
			return fmt.Errorf("the gateway has ended: %w", errors.Join(g.err, errors.New("before it was ready")))
		case <-ctx.Done():
			return fmt.Errorf("the gateway is not ready: %w", errors.Join(ctx.Err(), err))
		}
	}
}

func (g *Gateway) get(ctx context.Context, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.bed.Health+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", path, resp.Status, body)
	}
	return body, err
}

// Get is what the gateway's HTTP listener says under a path: "/trunks".
func (g *Gateway) Get(ctx context.Context, path string) (string, error) {
	body, err := g.get(ctx, path)
	return string(body), err
}

// Metric is one value of /metrics, named with its labels as they are printed
// there: roomline_calls_live, go_goroutines, process_resident_memory_bytes.
func (g *Gateway) Metric(ctx context.Context, name string) (float64, error) {
	body, err := g.get(ctx, "/metrics")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(body)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strconv.ParseFloat(strings.TrimSpace(value), 64)
		}
	}
	return 0, fmt.Errorf("there is no metric %s", name)
}

// Signal sends the process a signal: SIGTERM drains it.
func (g *Gateway) Signal(s os.Signal) error { return g.cmd.Process.Signal(s) }

// Wait returns when the process has ended: nil for exit status 0.
func (g *Gateway) Wait(ctx context.Context) error {
	select {
	case <-g.done:
		return g.err
	case <-ctx.Done():
		return fmt.Errorf("the gateway runs on: %w", ctx.Err())
	}
}

// Stop drains the gateway and waits for its end.
func (g *Gateway) Stop(ctx context.Context) error {
	_ = g.Signal(syscall.SIGTERM) // it may have ended already
	return g.Wait(ctx)
}

// Kill ends the gateway as a crash would.
func (g *Gateway) Kill() {
	_ = g.cmd.Process.Kill() // it may have ended already
	<-g.done
}

// Records are the calls that ended since the gateway was started, oldest first.
func (g *Gateway) Records() ([]signalling.Record, error) {
	f, err := os.Open(g.recordFile())
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if _, err := f.Seek(g.records, io.SeekStart); err != nil {
		return nil, err
	}
	var list []signalling.Record
	in := bufio.NewReader(f)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return list, nil // a line that is still being written is no record yet
		}
		var r signalling.Record
		if err := json.Unmarshal(line, &r); err != nil {
			return list, fmt.Errorf("call record %d: %w", len(list)+1, err)
		}
		list = append(list, r)
	}
}

// WaitRecords returns when n calls have ended since the gateway was started.
func (g *Gateway) WaitRecords(ctx context.Context, n int) ([]signalling.Record, error) {
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for {
		list, err := g.Records()
		if err != nil || len(list) >= n {
			return list, err
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return list, fmt.Errorf("%d of %d call records: %w", len(list), n, ctx.Err())
		}
	}
}
