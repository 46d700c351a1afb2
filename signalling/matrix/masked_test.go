package matrix

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"roomline/signalling"
)

func TestMasked(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := slog.New(masked{slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}), numbersIn("tel_"), newFloodgate()}).With("of", "@tel_49301234567:x")
	log.Warn("failed", "error", errors.New(`Put "http://x/profile/%40tel_49301234567%3Ax?user_id=%40tel_s5551234%3Ax"`), "to", "+49301234567", "id", "1234567", "n", 1234567)
	log.Debug("asked", "who", "@tel_49301234567:x")
	log.WithGroup("g").Info("named +49301234567", "nothing", error(nil))
	lines := strings.Split(out.String(), "\n")
	for _, line := range []string{lines[0], lines[2]} {
		if strings.Contains(line, "301234") || strings.Contains(line, "5551234") {
			t.Errorf("readable: %s", line)
		}
	}
	for _, kept := range []string{"tel_493…67", "tel_s555…34", "to=+493…67", "id=1234567", "n=1234567"} {
		if !strings.Contains(lines[0], kept) {
			t.Errorf("lacks %s: %s", kept, lines[0])
		}
	}
	if !strings.Contains(lines[1], "who=@tel_49301234567:x") {
		t.Errorf("a debug line is masked: %s", lines[1])
	}
}

// ledger is a log that may be written by many.
type ledger struct {
	mu sync.Mutex
	bytes.Buffer
}

func (l *ledger) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.Write(b)
}

// L1: nothing that goes wrong with the homeserver brings a number into the log.
func TestNoNumbersInTheLog(t *testing.T) {
	t.Parallel()
	var out ledger
	r := newRig(t)
	r.c.Close()
	r.log = slog.New(slog.NewTextHandler(&out, nil))
	r.begin()
	r.meet()
	r.hs.set(func() { r.hs.down = true })
	r.get(thirdparty + "user/m.protocol.pstn?m.id.phone=%2B49301234567")
	r.push(r.inviteV1())
	r.until("the call is refused", func() bool { return len(r.c.atOnce) == 0 })
	in := signalling.NewInbox("test", r.log)
	r.c.Dial(fromBob, nil, in)
	r.ends(in, signalling.Unavailable)
	r.hs.set(func() { r.hs.down = false })
	r.hs.Close() // connections are refused
	if status, _ := r.get(thirdparty + "user/m.protocol.pstn?m.id.phone=%2B49301234568"); status == http.StatusOK {
		t.Error("a user was made without a homeserver")
	}
	r.c.Close()
	if text := out.String(); strings.Contains(text, "4930123") || !strings.Contains(text, "could not make the user of a number") {
		t.Errorf("logged %s", text)
	}
}

// L2: a flood of one line is cut off and counted, for whatever call; debug
// lines and others are not.
func TestLogFlood(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := slog.New(masked{slog.NewTextHandler(&out, nil), numbersIn("tel_"), newFloodgate()})
		for range 1000 {
			log.With("call", "A").Info("much")
		}
		log.Info("little")
		<-time.After(time.Second)
		log.With("call", "B").Info("much")
		text := out.String()
		if n := strings.Count(text, "msg=much"); n != linesBurst+1 || !strings.Contains(text, "msg=little") || !strings.Contains(text, "call=B left_out=950") {
			t.Errorf("%d lines: %s", n, text[max(0, len(text)-300):])
		}
	})
}
