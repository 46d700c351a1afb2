// Package lone puts one browser and one peer together, with nothing between
// them: what each makes of the other's session descriptions.
package lone

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"syscall"
)

var errGone = errors.New("the browser is gone")

// browser is one browser with one page open.
type browser interface {
	open(ctx context.Context, url string) error
	// evaluate awaits a promise in the page and unmarshals what it becomes.
	evaluate(ctx context.Context, expression string, out any) error
	Close()
}

//go:embed page.js
var script string

// servePage serves the page; browsers grant a microphone on loopback.
func servePage() *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, "<!doctype html><title>lone</title><script>%s</script>", script)
	}))
}

// process is a browser's process group and the folder it lives in.
type process struct {
	cmd  *exec.Cmd
	home string
	gone chan struct{}
}

func start(home string, log io.Writer, files []*os.File, name string, args ...string) (*process, error) {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "HOME="+home, "MOZ_CRASHREPORTER_DISABLE=1")
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = log, log, files
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		_ = os.RemoveAll(home)
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p := &process{cmd: cmd, home: home, gone: make(chan struct{})}
	go func() { // ends with the process; Close waits
		_ = cmd.Wait()
		close(p.gone)
	}()
	return p, nil
}

// Close kills the browser and its helpers.
func (p *process) Close() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.gone
	_ = os.RemoveAll(p.home)
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func quote(s string) string {
	b, _ := json.Marshal(s) // of a string, it cannot fail
	return string(b)
}

func decode(value json.RawMessage, failure string, out any) error {
	switch {
	case failure != "":
		return errors.New(failure)
	case out == nil:
		return nil
	}
	return json.Unmarshal(value, out)
}
