package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"time"
)

// Where everybody is: addresses of loopback that nobody else uses.
const (
	callerAddr = "127.9.0.3:5060"
	calleeAddr = "127.9.0.4:5060"
	usAddr     = "127.9.0.2:5060"
	pbxAddr    = "127.9.0.5:5060"
	called     = "+4930222"
)

// hold is how long each call lasts: what is measured is set-up, and what is left of it.
const hold = 100 * time.Millisecond

// bed is where SIPp and Asterisk are installed.
type bed struct {
	root   string // of the unpacked programs
	sidrun string // runs one of them as if root were /
}

func findBed() (bed, error) {
	b := bed{os.Getenv("ROOT"), filepath.Join(os.Getenv("BED"), "lib", "sidrun")}
	if _, err := os.Stat(filepath.Join(b.root, "usr/bin/sipp")); b.root == "" || err != nil {
		return b, errors.New("SIPp is not there: run this by `test/interop/bed/bed exec`, after `bed install`")
	}
	return b, nil
}

// sipp is SIPp as the bed has it, on the core that is not measured.
func (b bed) sipp(ctx context.Context, dir string, args ...string) *exec.Cmd {
	lib := filepath.Join(b.root, "usr/lib/x86_64-linux-gnu")
	all := append([]string{filepath.Join(b.root, "usr/lib64/ld-linux-x86-64.so.2"), "--library-path", lib, filepath.Join(b.root, "usr/bin/sipp")}, args...)
	cmd := pinned(ctx, 1, append(all, "-nostdin", "-trace_stat", "-fd", "1")...)
	cmd.Dir = dir
	return cmd
}

// pinned is a program on one core, where there are several.
func pinned(ctx context.Context, core int, args ...string) *exec.Cmd {
	if runtime.NumCPU() > 1 {
		args = append([]string{"taskset", "-c", strconv.Itoa(core)}, args...)
	}
	return exec.CommandContext(ctx, args[0], args[1:]...)
}

// result is how a load went, as the caller saw it.
type result struct {
	good, failed, again int // calls, calls, requests that were sent again
	took                time.Duration
	want                time.Duration
}

// carried tells whether every call went well, in time, and few had to wait: a
// request is sent again when there is no answer for half a second.
func (r result) carried() bool {
	return r.failed == 0 && r.good > 0 && r.again <= r.good/20 && r.took <= r.want+hold+time.Second
}

// load places calls at a rate, and waits for the last to end.
func (b bed) load(ctx context.Context, dir, to string, rate int, during time.Duration) (result, error) {
	run, err := os.MkdirTemp(dir, "load-")
	if err != nil {
		return result{}, err
	}
	n := max(int(float64(rate)*during.Seconds()), 1)
	within, cancel := context.WithTimeout(ctx, 2*during+time.Minute)
	defer cancel()
	callee := b.sipp(within, run, "-sn", "uas", "-i", host(calleeAddr), "-p", "5060", "-mi", host(calleeAddr), "-stf", "uas.csv")
	if err := callee.Start(); err != nil {
		return result{}, err
	}
	defer func() { // it has no end of its own
		_ = callee.Process.Kill()
		_ = callee.Wait()
	}()
	began := time.Now()
	caller := b.sipp(within, run, "-sn", "uac", "-i", host(callerAddr), "-p", "5060", "-mi", host(callerAddr), "-stf", "uac.csv", "-s", called,
		"-r", strconv.Itoa(rate), "-m", strconv.Itoa(n), "-l", "1000000", "-d", strconv.Itoa(int(hold.Milliseconds())), "-recv_timeout", "20000",
		"-timeout", strconv.Itoa(int(during.Seconds())+40), to)
	said, failed := caller.CombinedOutput()
	if ctx.Err() != nil {
		return result{}, ctx.Err()
	}
	text, err := os.ReadFile(filepath.Join(run, "uac.csv"))
	if err != nil {
		return result{}, fmt.Errorf("SIPp: %w\n%s", errors.Join(failed, err), said[max(0, len(said)-2000):])
	}
	r, err := readStatistics(bytes.NewReader(text))
	r.took, r.want = time.Since(began), during
	return r, errors.Join(err, os.RemoveAll(run))
}

// readStatistics takes the last line of SIPp's statistics.
func readStatistics(from io.Reader) (result, error) {
	r := csv.NewReader(from)
	r.Comma, r.FieldsPerRecord = ';', -1
	all, err := r.ReadAll()
	if err != nil || len(all) < 2 {
		return result{}, errors.Join(err, errors.New("SIPp wrote no statistics"))
	}
	last := map[string]string{}
	for i, name := range all[0] {
		if row := all[len(all)-1]; i < len(row) {
			last[name] = row[i]
		}
	}
	var res result
	for name, to := range map[string]*int{"SuccessfulCall(C)": &res.good, "FailedCall(C)": &res.failed, "Retransmissions(C)": &res.again} {
		if *to, err = strconv.Atoi(last[name]); err != nil {
			return res, fmt.Errorf("SIPp's statistics: %s: %w", name, err)
		}
	}
	return res, nil
}
