// Package rig turns the interop bed's peers into things a Go test can hold: a
// homeserver, a telephone exchange, browsers with users in them.
package rig

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Bed is the set of peers that `bed up` has started, seen from inside `bed exec`.
type Bed struct {
	Homeserver string // URL of its client API
	Dendrite   bool   // that is what the homeserver is; else it is Synapse
	Domain     string // server part of Matrix ids
	Gateway    string // address the gateway has to itself: SIP, media, HTTP
	Health     string // URL of the gateway's HTTP listener
	ready      string // path under which it says that it can be used
	Page       string // URL of the page that browsers load
	Run        string // folder with the bed's logs
	Recordings string // folder with what Asterisk heard

	script string
	ami    *ami
	page   *http.Server
}

// Main opens the bed, hands it over, runs a package's tests and closes it again.
// It is what a TestMain calls; the result is the exit status.
func Main(m *testing.M, use func(*Bed)) int {
	b, err := Open(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, "interop:", err)
		return 1
	}
	defer b.Close()
	use(b)
	return m.Run()
}

// Open reads the bed's addresses from the environment, begins to serve the
// browsers' page and logs in to Asterisk.
func Open(ctx context.Context) (*Bed, error) {
	if os.Getenv("BED_RUN") == "" {
		return nil, errors.New("there is no bed here: run this by `test/interop/bed/bed exec`, after `bed up`")
	}
	b := &Bed{
		Homeserver: os.Getenv("BED_HS"), Dendrite: os.Getenv("BED_HS_KIND") == "dendrite", Domain: os.Getenv("BED_HS_NAME"), Gateway: os.Getenv("BED_GW_ADDR"),
		Health: "http://" + os.Getenv("BED_GW_ADDR") + ":" + os.Getenv("BED_HTTP_PORT"), ready: "/readyz",
		Run: os.Getenv("BED_RUN"), Recordings: os.Getenv("BED_REC"), script: filepath.Join(os.Getenv("BED"), "bed"),
	}
	if err := b.servePage(os.Getenv("BED_WEB_ADDR")+":"+os.Getenv("BED_WEB_PORT"), os.Getenv("BED_DIST")); err != nil {
		return nil, err
	}
	if err := b.connect(ctx); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// At is the same bed for a gateway at another address, which has no homeserver
// and joins trunks only.
func (b *Bed) At(addr string) *Bed {
	other := *b
	other.Gateway, other.Health, other.ready = addr, "http://"+addr+":"+os.Getenv("BED_HTTP_PORT"), "/healthz"
	return &other
}

// Close ends what Open began; the servers stay up.
func (b *Bed) Close() {
	if b.page != nil {
		_ = b.page.Close()
		b.page = nil
	}
	b.disconnect()
}

// Sh runs the bed's own script: Sh(ctx, "up", "asterisk").
func (b *Bed) Sh(ctx context.Context, args ...string) error {
	out, err := exec.CommandContext(ctx, b.script, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("bed %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// StopHomeserver ends the homeserver; its rooms and users stay on disk.
func (b *Bed) StopHomeserver(ctx context.Context) error { return b.Sh(ctx, "down", "homeserver") }

// StartHomeserver starts it again, and returns when it answers.
func (b *Bed) StartHomeserver(ctx context.Context) error { return b.Sh(ctx, "up", "homeserver") }

// StopAsterisk ends Asterisk, which hangs up its calls first.
func (b *Bed) StopAsterisk(ctx context.Context) error {
	b.disconnect()
	return b.Sh(ctx, "down", "asterisk")
}

// KillAsterisk ends Asterisk as a crash would: nothing is sent any more.
func (b *Bed) KillAsterisk() error {
	pid, err := b.Pid("asterisk")
	if err != nil {
		return err
	}
	b.disconnect()
	return syscall.Kill(pid, syscall.SIGKILL)
}

// StartAsterisk starts Asterisk, and returns when it takes calls.
func (b *Bed) StartAsterisk(ctx context.Context) error {
	if err := b.Sh(ctx, "up", "asterisk"); err != nil {
		return err
	}
	return b.connect(ctx)
}

// Pid is the process id of one of the bed's servers.
func (b *Bed) Pid(name string) (int, error) {
	raw, err := os.ReadFile(filepath.Join(b.Run, name+".pid"))
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(raw), " ")
	return strconv.Atoi(first)
}
