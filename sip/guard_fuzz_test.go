package sip

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// gatekeeper is an agent that only judges.
func gatekeeper(t testing.TB) *Agent {
	t.Helper()
	cfg := TrunkDefaults()
	cfg.Host, cfg.Numbers = "192.0.2.1", []string{"+4930555"}
	a, err := New(Config{Listen: []string{"udp://127.0.0.1:0"}, Product: "roomline/test"}, map[string]TrunkConfig{"carrier": cfg}, nil, &board{}, nil, discard())
	if err != nil {
		t.Fatal(err)
	}
	a.finished = newFinished(realTiming())
	return a
}

// chunks is a connection that brings a text in pieces of one size.
type chunks struct {
	net.Conn
	text []byte
	size int
	said bytes.Buffer
}

func (c *chunks) Read(b []byte) (int, error) {
	if len(c.text) == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), c.size)], c.text)
	c.text = c.text[n:]
	return n, nil
}

func (c *chunks) Write(b []byte) (int, error)      { return c.said.Write(b) }
func (c *chunks) SetReadDeadline(time.Time) error  { return nil }
func (c *chunks) SetWriteDeadline(time.Time) error { return nil }
func (c *chunks) Close() error                     { return nil }

// framed is what the library gets of a text, and what the far end is told.
func framed(a *Agent, text []byte, size int) (passed, said string) {
	a.budgets = newBudgets() // as if the text were the first
	c := &chunks{text: bytes.Clone(text), size: size}
	s := newStream(c, &gate{screen: a.screen, finished: a.finished}, "tcp", netip.MustParseAddrPort("192.0.2.1:5060"))
	all, _ := io.ReadAll(s)
	return string(all), c.said.String()
}

// S1, S5, S6: whatever comes, what passes is one message to every reader, within
// all bounds, and it is the same one however a connection cuts it up.
func FuzzGate(f *testing.F) {
	f.Add([]byte(well), byte(1))
	for _, text := range tortures(f) {
		f.Add(text, byte(7))
	}
	for _, text := range transcripts(f)[:20] {
		f.Add(text, byte(100))
	}
	f.Add([]byte("\r\n\r\n"+well+"\r\n"+well), byte(3))
	f.Add([]byte(strings.Replace(well, "Content-Length: 5", "Content-Length : 5\r\n l", 1)), byte(3))
	a := gatekeeper(f)
	from := netip.MustParseAddrPort("192.0.2.1:5060")
	f.Fuzz(func(t *testing.T, text []byte, size byte) {
		a.budgets = newBudgets()
		v := a.screen(bytes.Clone(text), from, "udp")
		if len(v.pass) > 0 {
			holds(t, a, v.pass)
		}
		if len(v.reply) > 2*len(text)+600 {
			t.Errorf("%d bytes to %d", len(v.reply), len(text))
		}
		passed, said := framed(a, text, 1<<16)
		if p, s := framed(a, text, 1+int(size)); p != passed || s != said {
			t.Errorf("in pieces of %d: %q, %q; at once: %q, %q", 1+int(size), p, s, passed, said)
		}
	})
}

// holds checks a message that the library may read.
func holds(t *testing.T, a *Agent, text []byte) {
	t.Helper()
	msg, err := a.parser.ParseSIP(text)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, h := range msg.(interface{ Headers() []sipmsg.Header }).Headers() {
		name := strings.ToLower(h.Name())
		if singletons[name] && name != "replaces" && seen[name] || strings.TrimSpace(name) != name {
			t.Errorf("%s twice", h.Name())
		}
		seen[name] = true
	}
	if n := len(msg.Body()); n > maxBody {
		t.Errorf("a body of %d bytes", n)
	}
	again := bytes.Clone(text)
	if _, r := read(again); r.status != 0 || !bytes.Equal(again, text) {
		t.Errorf("a second reader reads another message: %d", r.status)
	}
}
