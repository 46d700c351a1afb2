//go:build interop

package trunk

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// roomline runs the shipped binary with other arguments than "run".
func (g *gate) roomline(args ...string) ([]byte, error) {
	return exec.CommandContext(g.ctx, os.Getenv("ROOMLINE_BIN"), args...).CombinedOutput()
}

// sipp is a run of SIPp.
type sipp struct {
	t    *testing.T
	name string
	cmd  *exec.Cmd
	dir  string
	done chan error
}

// sipp starts SIPp at host .N of the gate's network with a scenario of this
// folder ("scenarios/NAME.xml") or one of its own ("-sn uac" among the
// arguments, and name ""). "@NET@" in arguments is filled in. It ends with the
// test at the latest.
func (g *gate) sipp(host int, scenario string, args ...string) *sipp {
	g.t.Helper()
	root := os.Getenv("ROOT")
	s := &sipp{t: g.t, name: scenario, dir: g.t.TempDir(), done: make(chan error, 1)}
	all := []string{"--library-path", root + "/usr/lib/x86_64-linux-gnu", root + "/usr/bin/sipp"}
	if scenario != "" {
		path, err := filepath.Abs("scenarios/" + scenario + ".xml")
		ok(g.t, err)
		all = append(all, "-sf", path)
	}
	all = append(all, "-i", g.at(host), "-mi", g.at(host), "-p", "5060", "-nostdin", "-timeout", "40", "-timeout_error",
		"-trace_msg", "-message_file", "messages.log", "-trace_err", "-error_file", "errors.log")
	for _, a := range args {
		all = append(all, g.fill(a))
	}
	ctx, cancel := context.WithCancel(g.ctx)
	s.cmd = exec.CommandContext(ctx, root+"/usr/lib64/ld-linux-x86-64.so.2", all...)
	s.cmd.Dir = s.dir
	out, err := os.Create(filepath.Join(s.dir, "out.log"))
	ok(g.t, err)
	s.cmd.Stdout, s.cmd.Stderr = out, out
	ok(g.t, s.cmd.Start())
	go func() { s.done <- s.cmd.Wait() }() // ends with the process
	g.t.Cleanup(func() {
		cancel()
		<-s.done
		_ = out.Close()
	})
	return s
}

// wait fails unless every call of the run went as the scenario says.
func (s *sipp) wait() {
	s.t.Helper()
	err := <-s.done
	s.done <- err // for the clean-up
	if err != nil {
		s.t.Fatalf("SIPp %s: %v\n%s\n%s", s.name, err, s.log("errors.log", 2000), s.log("messages.log", 12000))
	}
}

// messages are what was sent and received, as SIPp wrote it.
func (s *sipp) messages() string { return s.log("messages.log", 1<<20) }

func (s *sipp) log(name string, most int) string {
	text, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		return fmt.Sprint(err)
	}
	return string(tail(text, most))
}
