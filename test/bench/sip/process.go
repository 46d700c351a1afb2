package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"roomline/test/bench/local"
)

func host(addr string) string {
	h, _, _ := net.SplitHostPort(addr)
	return h
}

// roomline runs the gateway on one core, without a homeserver: nobody of Matrix
// has a part in these calls.
func roomline(ctx context.Context, program, dir string) (*exchange, error) {
	health := local.Free("tcp")
	text := fmt.Sprintf(`matrix: {homeserver: "http://127.9.0.99:8008", domain: example.org, listen: %q}
sip: {listen: ["udp://%s"]}
trunks:
  a: {host: %q, numbers: ["+4930111"], keepalive: 0s}
  b: {host: %q, numbers: ["+4930222"], keepalive: 0s}
routes:
  inbound: [{to: "*", trunk: a, via: b}]
  outbound: [{match: "*", trunk: b}]
dialing: {country: DE}
media: {address: %s, ports: 20000-37999, webrtc_port: 19999}
calls: {max: 10000}
http: {listen: %q}
log: {level: error}
database: roomline.db
`, local.Free("tcp"), usAddr, callerAddr, calleeAddr, host(usAddr), health)
	config := filepath.Join(dir, "roomline.yaml")
	if err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(config, []byte(text), 0o600)); err != nil {
		return nil, err
	}
	if _, err := local.Register(ctx, program, config); err != nil {
		return nil, err
	}
	cmd := pinned(ctx, 0, program, "run", "-c", config)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	return started(ctx, "Roomline", usAddr, cmd, func() bool {
		res, err := http.Get("http://" + health + "/healthz")
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
}

// started runs a program and waits until it can be used.
func started(ctx context.Context, name, addr string, cmd *exec.Cmd, ready func() bool) (*exchange, error) {
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	over := make(chan struct{})
	go func() { // ends with the process
		defer close(over)
		_ = cmd.Wait()
	}()
	x := &exchange{name: name, addr: addr, stop: func() {
		_ = cmd.Process.Signal(syscall.SIGKILL)
		<-over
	}}
	x.cpu = func() (time.Duration, error) { return processorTime(cmd.Process.Pid) }
	x.rss = func() (int64, error) { return resident(cmd.Process.Pid) }
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(30 * time.Second); ; {
		select {
		case <-tick.C:
			if ready() {
				return x, nil
			}
			continue
		case <-over:
		case <-ctx.Done():
		case <-late:
		}
		x.stop()
		return nil, fmt.Errorf("%s is not ready:\n%s", name, &said)
	}
}

// processorTime is what a process has used (proc(5), /proc/pid/stat, fields 14
// and 15, in hundredths of a second).
func processorTime(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	user, err1 := strconv.Atoi(fields[11])
	kernel, err2 := strconv.Atoi(fields[12])
	return time.Duration(user+kernel) * 10 * time.Millisecond, errors.Join(err1, err2)
}

// resident is a process's memory, in bytes.
func resident(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	pages, err := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}
