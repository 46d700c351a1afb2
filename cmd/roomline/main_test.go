package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"roomline/configs"
)

var update = flag.Bool("update", false, "write the golden files anew")

// canary stands in every place of a secret, and must stand nowhere else.
const canary = "canary-4711"

const good = `
matrix: {homeserver: "http://127.0.0.1:8008", domain: example.org}
trunks: {pbx: {host: 127.0.0.1:5070, numbers: [+4930555000], username: u, password: ` + canary + `}}
`

// outcome is what a command line did.
type outcome struct {
	status   int
	out, err string
}

func roomline(t *testing.T, args ...string) outcome {
	t.Helper()
	var out, err bytes.Buffer
	status := run(args, &out, &err)
	if strings.Contains(out.String()+err.String(), canary) {
		t.Errorf("%v shows a secret:\n%s%s", args, &out, &err)
	}
	return outcome{status, out.String(), err.String()}
}

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "roomline.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestUsage(t *testing.T) {
	path := file(t, good)
	for _, c := range []struct {
		args   []string
		status int
		says   string
	}{
		{nil, exitUsage, "expected a command"},
		{[]string{"dial"}, exitUsage, `"dial"`},
		{[]string{"check"}, exitUsage, "expected -c FILE"},
		{[]string{"check", "-c", ""}, exitUsage, "expected -c FILE"},
		{[]string{"chekc"}, exitUsage, "Did you mean"},
		{[]string{"run", "-c"}, exitUsage, "needs an argument"},
		{[]string{"run", "--nonsense"}, exitUsage, "unknown flag"},
		{[]string{"check", "-c", path, "more"}, exitUsage, "more"},
		{[]string{"config"}, exitUsage, "config show"},
		{[]string{"check", "-c", path + ".none"}, exitProblem, "no such file"},
		{[]string{"run", "-c", path + ".none"}, exitProblem, "no such file"},
		{[]string{"registration", "-c", path + ".none"}, exitProblem, "no such file"},
	} {
		got := roomline(t, c.args...)
		if got.status != c.status || !strings.Contains(got.err, c.says) {
			t.Errorf("%v: status %d, %q; want %d, %q", c.args, got.status, got.err, c.status, c.says)
		}
	}
	if got := roomline(t, "--help"); got.status != exitOK || !strings.Contains(got.out, "registration") || got.err != "" {
		t.Errorf("help: %+v", got)
	}
}

func TestCheckGolden(t *testing.T) {
	for name, args := range map[string][]string{"broken.txt": nil, "broken.json": {"--json"}} {
		got := roomline(t, append([]string{"check", "-c", "testdata/broken.yaml"}, args...)...)
		golden := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(golden, []byte(got.out), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if got.status != exitProblem || got.out != string(want) {
			t.Errorf("%s: status %d, got\n%s\nwant\n%s", name, got.status, got.out, want)
		}
	}
}

func TestCheckGood(t *testing.T) {
	path := file(t, good)
	if got := roomline(t, "check", "--offline", "-c", path); got.status != exitOK || !strings.Contains(got.out, "no mistakes") || got.err != "" {
		t.Errorf("got %+v", got)
	}
	for path, ok := range map[string]bool{path: true, path + ".none": false} {
		var said struct {
			OK       bool
			Problems []configs.Problem
		}
		got := roomline(t, "check", "--json", "--offline", "-c", path)
		if err := json.Unmarshal([]byte(got.out), &said); err != nil || said.OK != ok || len(said.Problems) == 0 != ok || (got.status == exitOK) != ok {
			t.Errorf("%v: got %+v", err, got)
		}
	}
}

func TestExampleChecks(t *testing.T) {
	got := roomline(t, "example")
	if got.status != exitOK {
		t.Fatalf("got %+v", got)
	}
	if checked := roomline(t, "check", "--offline", "-c", file(t, got.out)); checked.status != exitOK {
		t.Errorf("the example has mistakes: %+v", checked)
	}
}

func TestConfigShow(t *testing.T) {
	got := roomline(t, "config", "show", "--effective", "-c", file(t, good))
	if got.status != exitOK || !strings.Contains(got.out, "drain_timeout: 30s") || !strings.Contains(got.out, "password: ••••") {
		t.Errorf("got %+v", got)
	}
}

func TestRegistration(t *testing.T) {
	path := file(t, good)
	want := filepath.Join(filepath.Dir(path), "registration.yaml")
	for _, verb := range []string{"wrote " + want, "updated, with its tokens kept, " + want} {
		got := roomline(t, "registration", "-c", path)
		if got.status != exitOK || !strings.HasPrefix(got.out, verb+"\n") || !strings.Contains(got.out, "app_service_config_files:\n  - \""+want+`"`) {
			t.Errorf("got %+v", got)
		}
	}
}

// With encryption the homeserver needs more, and a restart, and is told so.
func TestRegistrationForEncryption(t *testing.T) {
	path := file(t, strings.Replace(good, "domain: example.org}", "domain: example.org, encryption: {enabled: true}}", 1))
	got := roomline(t, "registration", "-c", path)
	if got.status != exitOK || !strings.Contains(got.out, "only when it starts") || !strings.Contains(got.out, "experimental_features:\n  msc2409_to_device_messages_enabled: true\n  msc3202_transaction_extensions: true\n") {
		t.Errorf("got %+v", got)
	}
}

// An ordinary account needs none.
func TestRegistrationOfAnAccount(t *testing.T) {
	path := file(t, strings.Replace(good, "domain: example.org}", `domain: example.org, account: {user: "@telephone:example.org", token: `+canary+`}}`, 1))
	got := roomline(t, "registration", "-c", path)
	if got.status != exitOK || !strings.Contains(got.out, "logs in as @telephone:example.org, and needs no registration") || strings.Contains(got.out, canary) {
		t.Errorf("got %+v", got)
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(path), "registration.yaml")); err == nil {
		t.Error("a registration was written")
	}
}

func TestVersion(t *testing.T) {
	if got := roomline(t, "version"); got.status != exitOK || !strings.HasPrefix(got.out, "roomline ") {
		t.Errorf("got %+v", got)
	}
	info := &debug.BuildInfo{Main: debug.Module{Version: "(devel)"}, Settings: []debug.BuildSetting{
		{Key: "vcs.revision", Value: "0123456789abcdef"}, {Key: "vcs.modified", Value: "true"}}}
	for want, got := range map[string]string{
		"1.2.3 0123456789ab modified": release("1.2.3", info), "development 0123456789ab modified": release("", info),
		"development": release("", nil),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestLogger(t *testing.T) {
	for format, want := range map[string]string{"auto": `{"time"`, "json": `{"time"`, "text": "time="} {
		var b bytes.Buffer
		log := logger(configs.Log{Level: "warn", Format: format}, &b)
		log.Info("not this")
		log.Warn("this")
		if got := b.String(); !strings.HasPrefix(got, want) || strings.Contains(got, "not") || strings.Count(got, "\n") != 1 {
			t.Errorf("%s: got %q", format, got)
		}
	}
}

// fake is a gateway that notes what is done to it.
type fake struct {
	did      []string
	startErr error
	slow     bool // Start waits for its context
	calls    time.Duration
	started  context.Context
}

func (f *fake) Start(ctx context.Context) error {
	f.did, f.started = append(f.did, "start"), ctx
	if f.slow {
		<-ctx.Done()
		return ctx.Err()
	}
	return f.startErr
}

func (f *fake) Drain(ctx context.Context) {
	f.did = append(f.did, "drain")
	if f.started.Err() != nil {
		f.did = append(f.did, "with its context gone")
	}
	select {
	case <-ctx.Done():
		f.did = append(f.did, "cut short")
	case <-time.After(f.calls):
	}
}

func (f *fake) Stop(context.Context) error {
	f.did = append(f.did, "stop")
	return nil
}

func TestRun(t *testing.T) {
	for _, c := range []struct {
		name    string
		fake    fake
		signals int
		status  int
		did     string
	}{
		{"one signal", fake{calls: time.Second}, 1, exitOK, "start drain stop"},
		{"two signals", fake{calls: time.Hour}, 2, exitOK, "start drain cut short stop"},
		{"cannot start", fake{startErr: errors.New("port taken")}, 0, exitProblem, "start stop"},
		{"while starting", fake{slow: true}, 1, exitProblem, "start stop"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := file(t, good)
			synctest.Test(t, func(t *testing.T) {
				signals := make(chan os.Signal, 2)
				for i := range c.signals {
					time.AfterFunc(time.Duration(i+1)*time.Minute, func() { signals <- syscall.SIGTERM })
				}
				p := program{signals: func() (<-chan os.Signal, func()) { return signals, func() {} },
					start: func(*configs.Config, *slog.Logger) (service, error) { return &c.fake, nil }}
				status := p.run([]string{"run", "-c", path}, io.Discard, io.Discard)
				if did := strings.Join(c.fake.did, " "); did != c.did || status != c.status {
					t.Errorf("status %d, %s; want %d, %s", status, did, c.status, c.did)
				}
			})
		})
	}
}

// TestRunWithoutRegistration: the commonest first mistake is answered with the remedy.
func TestRunWithoutRegistration(t *testing.T) {
	p := program{signals: notify, start: func(cfg *configs.Config, _ *slog.Logger) (service, error) {
		_, err := os.Open(cfg.Matrix.Registration)
		return &fake{startErr: err}, nil
	}}
	var out, err bytes.Buffer
	path := file(t, good)
	if status := p.run([]string{"run", "-c", path}, &out, &err); status != exitProblem || !strings.Contains(err.String(), "roomline registration -c "+path) {
		t.Errorf("status %d, %q", status, &err)
	}
}

func TestRunCannotBuild(t *testing.T) {
	p := program{signals: notify, start: func(*configs.Config, *slog.Logger) (service, error) { return nil, errors.New("no room") }}
	var out, err bytes.Buffer
	if status := p.run([]string{"run", "-c", file(t, good)}, &out, &err); status != exitProblem || !strings.Contains(err.String(), "no room") {
		t.Errorf("status %d, %q", status, &err)
	}
}
