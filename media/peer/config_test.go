package peer

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestConfig(t *testing.T) {
	for name, c := range map[string]struct {
		cfg Config
		ok  bool
	}{
		"address alone": {Config{Address: "192.0.2.1"}, true},
		"v6":            {Config{Address: "2001:db8::1", PublicIP: "2001:db8::2"}, true},
		"behind NAT":    {Config{Address: "10.0.0.2", Port: 20000, PublicIP: "203.0.113.1"}, true},
		"nothing":       {Config{}, false},
		"name":          {Config{Address: "example.org"}, false},
		"wildcard":      {Config{Address: "0.0.0.0"}, false},
		"port":          {Config{Address: "10.0.0.2", Port: 70000}, false},
		"mixed":         {Config{Address: "10.0.0.2", PublicIP: "2001:db8::2"}, false},
		"public name":   {Config{Address: "10.0.0.2", PublicIP: "example.org"}, false},
		"negative":      {Config{Address: "10.0.0.2", ICETimeout: -time.Second}, false},
	} {
		if err := c.cfg.Validate(); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPionLogIsMasked(t *testing.T) {
	var out bytes.Buffer
	l := pionLog{slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))}.NewLogger("ice")
	l.Debugf("Started agent: remoteUfrag: %q, remotePwd: %q", "De2b", "KQHsKAA24BjbpDn02vxR1NhJ")
	l.Tracef("every packet")
	l.Errorf("bad %d", 7)
	if s := out.String(); strings.Contains(s, "KQHs") || !strings.Contains(s, "De2b") || strings.Contains(s, "every") || !strings.Contains(s, "bad 7") {
		t.Error(s)
	}
}
