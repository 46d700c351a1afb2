package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"roomline/test/bench/local"
)

// gateway is the program under the flood, on one core.
type gateway struct {
	addr string
	cmd  *exec.Cmd
	log  string
	over chan struct{} // closed when it has ended
	done chan struct{} // closed by stop
	peak chan int64    // holds the most memory that was seen
}

func start(ctx context.Context, program, dir, caller, callee string) (*gateway, error) {
	g := &gateway{addr: local.Free("udp"), log: filepath.Join(dir, "log"), over: make(chan struct{}), done: make(chan struct{}), peak: make(chan int64, 1)}
	health := local.Free("tcp")
	text := fmt.Sprintf(`matrix: {homeserver: "http://127.9.0.99:8008", domain: example.org, listen: %q}
sip: {listen: ["udp://%s"]}
trunks:
  a: {host: %q, numbers: ["+4930111"], keepalive: 0s}
  b: {host: %q, numbers: ["+4930222"], keepalive: 0s}
  c: {host: 127.8.7.4, numbers: ["+4930333"], keepalive: 0s}
routes:
  inbound: [{to: "*", trunk: a, via: b}]
  outbound: [{match: "*", trunk: b}]
dialing: {country: DE}
media: {address: 127.0.0.1, ports: 20000-21999, webrtc_port: 19999}
calls: {max: 1000}
http: {listen: %q}
database: roomline.db
`, local.Free("tcp"), g.addr, caller, callee, health)
	config := filepath.Join(dir, "roomline.yaml")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	if _, err := local.Register(ctx, program, config); err != nil {
		return nil, err
	}
	return g, g.run(ctx, program, config, health)
}

// run starts the program and waits until it can be used.
func (g *gateway) run(ctx context.Context, program, config, health string) error {
	log, err := os.Create(g.log)
	if err != nil {
		return err
	}
	g.cmd = exec.CommandContext(ctx, program, "run", "-c", config)
	g.cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	g.cmd.Stdout, g.cmd.Stderr = log, log
	if err := errors.Join(g.cmd.Start(), log.Close()); err != nil {
		return err
	}
	go func() { // ends with the process; stop waits
		defer close(g.over)
		_ = g.cmd.Wait()
	}()
	for late := time.Now().Add(30 * time.Second); time.Now().Before(late); <-time.After(100 * time.Millisecond) {
		if res, err := http.Get("http://" + health + "/healthz"); err == nil {
			res.Body.Close()
			go g.watch() // ends with stop
			return nil
		}
	}
	said, _ := os.ReadFile(g.log)
	g.stop()
	return fmt.Errorf("the gateway is not ready:\n%s", said)
}

func (g *gateway) stop() {
	select {
	case <-g.done:
		return
	default:
		close(g.done)
	}
	_ = g.cmd.Process.Kill() // fails where it has ended
	<-g.over
}

// watch notes the most memory.
func (g *gateway) watch() {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	most := int64(0)
	for {
		select {
		case <-tick.C:
			if now, err := g.resident(); err == nil {
				most = max(most, now)
			}
			select {
			case <-g.peak:
			default:
			}
			g.peak <- most
		case <-g.done:
			return
		}
	}
}

// most is the most memory so far, in bytes.
func (g *gateway) most() int64 { return <-g.peak }

// logged is how long the log is, in bytes.
func (g *gateway) logged() int64 {
	info, err := os.Stat(g.log)
	if err != nil {
		return 0
	}
	return info.Size()
}

// resident is the program's memory, in bytes (proc(5), /proc/pid/statm).
func (g *gateway) resident() (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", g.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	pages, err := strconv.ParseInt(string(bytes.Fields(text)[1]), 10, 64)
	return pages * int64(os.Getpagesize()), err
}
