package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"roomline/configs"
	"roomline/signalling/matrix"
)

// checked is what check says of a file, with a homeserver that is scripted.
func checked(t *testing.T, found matrix.Findings, args ...string) outcome {
	t.Helper()
	var out, err bytes.Buffer
	p := program{inspect: func(_ context.Context, cfg matrix.Config) matrix.Findings {
		if cfg.Domain != "example.org" {
			t.Errorf("asked about %+v", cfg)
		}
		return found
	}}
	status := p.run(append([]string{"check"}, args...), &out, &err)
	if strings.Contains(out.String()+err.String(), canary) {
		t.Errorf("%v shows a secret:\n%s%s", args, &out, &err)
	}
	return outcome{status, out.String(), err.String()}
}

func TestCheckAsksTheHomeserver(t *testing.T) {
	fine := matrix.Finding{Grade: matrix.OK, About: "homeserver", Reason: "it answers"}
	slow := matrix.Finding{Grade: matrix.Warn, About: "TURN", Reason: "browsers get no relay", Fix: "turn_uris: [x]\nturn_shared_secret: y"}
	bad := matrix.Finding{Grade: matrix.Fail, About: "ping", Reason: "the homeserver cannot reach us"}
	for _, c := range []struct {
		name   string
		found  matrix.Findings
		args   []string
		status int
		out    string
	}{
		{"all is well", matrix.Findings{fine}, nil, exitOK, "ok    homeserver: it answers\n"},
		{"a warning", matrix.Findings{fine, slow}, nil, exitOK,
			"ok    homeserver: it answers\nwarn  TURN: browsers get no relay\n        turn_uris: [x]\n        turn_shared_secret: y\n"},
		{"a failure", matrix.Findings{bad, fine}, nil, exitProblem, "FAIL  ping: the homeserver cannot reach us\nok    homeserver: it answers\n"},
		{"offline", matrix.Findings{bad}, []string{"--offline"}, exitOK, ""},
	} {
		path := file(t, good)
		got := checked(t, c.found, append(c.args, "-c", path)...)
		if want := path + ": no mistakes (trunks: 1, numbers that ring: 0)\n" + c.out; got.status != c.status || got.out != want || (got.err != "") != (c.status != exitOK) {
			t.Errorf("%s: %+v, want\n%s", c.name, got, want)
		}
		var said struct {
			OK       bool
			Problems []configs.Problem
			Findings matrix.Findings
		}
		got = checked(t, c.found, append(c.args, "--json", "-c", path)...)
		if err := json.Unmarshal([]byte(got.out), &said); err != nil || got.status != c.status || said.OK != (c.status == exitOK) || said.Findings == nil ||
			c.out != "" && len(said.Findings) != len(c.found) || len(said.Problems) != 0 {
			t.Errorf("%s: %v in %+v", c.name, err, got)
		}
	}
	if got := checked(t, matrix.Findings{bad}, "-c", "testdata/broken.yaml"); got.status != exitProblem || strings.Contains(got.out, "ping") {
		t.Errorf("a broken file: %+v", got)
	}
}

// What others can read is no secret.
func TestCheckLooksAtTheFilesMode(t *testing.T) {
	for _, c := range []struct {
		text string
		mode os.FileMode
		says string
	}{
		{good, 0o644, "(mode 0644), and trunks.pbx.password stands in it\n        chmod 600 "},
		{good, 0o640, "(mode 0640)"},
		{good, 0o600, ""},
		{strings.Replace(good, canary, `"${CHECKED_PASSWORD}"`, 1), 0o644, ""},
		{strings.Replace(good, canary, "file:pw", 1), 0o644, ""},
		{good + "database: postgres://r:" + canary + "@127.0.0.1/r\n", 0o604, "trunks.pbx.password, database stand"},
		{strings.Replace(good, ", username: u, password: "+canary, "", 1) + "database: postgres://r@127.0.0.1/r\n", 0o644, ""},
	} {
		t.Setenv("CHECKED_PASSWORD", "x")
		path := file(t, c.text)
		if err := os.WriteFile(strings.TrimSuffix(path, "roomline.yaml")+"pw", []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, c.mode); err != nil {
			t.Fatal(err)
		}
		got := checked(t, nil, "--offline", "-c", path)
		if got.status != exitOK || strings.Contains(got.out, "warn") != (c.says != "") || !strings.Contains(got.out, c.says) {
			t.Errorf("%s\nat %v: %+v, want %q", c.text, c.mode, got, c.says)
		}
	}
}

// What the file says is printed even when the homeserver says nothing.
func TestCheckOfADeafHomeserver(t *testing.T) {
	path := file(t, strings.Replace(good, "127.0.0.1:8008", "127.0.0.1:1", 1))
	if got := roomline(t, "check", "-c", path); got.status != exitProblem || !strings.Contains(got.out, "no mistakes") || !strings.Contains(got.out, "FAIL  registration: ") {
		t.Errorf("without a registration: %+v", got)
	}
	if got := roomline(t, "registration", "-c", path); got.status != exitOK {
		t.Fatal(got)
	}
	got := roomline(t, "check", "-c", path)
	if got.status != exitProblem || !strings.Contains(got.out, "no mistakes") || !strings.Contains(got.out, "FAIL  homeserver: http://127.0.0.1:1 does not answer") ||
		!strings.Contains(got.err, "FAIL") {
		t.Errorf("without a homeserver: %+v", got)
	}
}
