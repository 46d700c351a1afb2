package main

import (
	"fmt"
	"net"
	"strings"
	"sync"
)

// trunk is a carrier that counts calls, by the number called: it rings for
// ever, is busy, or answers, in turn.
type trunk struct {
	conn net.PacketConn
	done sync.WaitGroup

	mu    sync.Mutex
	calls map[string]map[string]bool // number → Call-IDs
}

func newTrunk() (*trunk, error) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	t := &trunk{conn: conn, calls: map[string]map[string]bool{}}
	t.done.Go(t.serve) // ends with close, which awaits it
	return t, nil
}

func (t *trunk) close() { t.conn.Close(); t.done.Wait() }

func (t *trunk) serve() {
	buf := make([]byte, 64<<10)
	for {
		n, from, err := t.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		t.handle(string(buf[:n]), from)
	}
}

func (t *trunk) handle(message string, from net.Addr) {
	method, rest, _ := strings.Cut(message, " ")
	switch method {
	case "INVITE":
		number, _, _ := strings.Cut(strings.TrimPrefix(rest, "sip:"), "@")
		t.reply(message, from, "100 Trying", "")
		switch t.count(number, header(message, "Call-ID")) % 3 {
		case 0:
			t.reply(message, from, "180 Ringing", "")
		case 1:
			t.reply(message, from, "486 Busy Here", "")
		default:
			t.reply(message, from, "200 OK", sdp)
		}
	case "CANCEL", "BYE", "OPTIONS":
		t.reply(message, from, "200 OK", "")
	}
}

const sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"

// count remembers a call, and tells which number it is.
func (t *trunk) count(number, callID string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.calls[number] == nil {
		t.calls[number] = map[string]bool{}
	}
	t.calls[number][callID] = true
	return len(t.calls)
}

// counted are the calls that came, and those of them that came twice.
func (t *trunk) counted() (rang map[string]bool, double int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	rang = map[string]bool{}
	for number, ids := range t.calls {
		rang[number] = true
		if len(ids) > 1 {
			double++
		}
	}
	return rang, double
}

// reply answers as RFC 3261 §8.2.6 has it, with one To tag for all.
func (t *trunk) reply(message string, to net.Addr, status, body string) {
	var b strings.Builder
	fmt.Fprintf(&b, "SIP/2.0 %s\r\n", status)
	for line := range strings.SplitSeq(message, "\r\n") {
		name, _, _ := strings.Cut(line, ":")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "via", "from", "call-id", "cseq":
			b.WriteString(line + "\r\n")
		case "to":
			if b.WriteString(line); !strings.Contains(line, "tag=") && status != "100 Trying" {
				b.WriteString(";tag=trunk")
			}
			b.WriteString("\r\n")
		}
	}
	fmt.Fprintf(&b, "Contact: <sip:trunk@%s>\r\n", t.conn.LocalAddr())
	if body != "" {
		b.WriteString("Content-Type: application/sdp\r\n")
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	t.conn.WriteTo([]byte(b.String()), to) // a lost answer is asked for again
}

func header(message, name string) string {
	for line := range strings.SplitSeq(message, "\r\n") {
		if n, value, ok := strings.Cut(line, ":"); ok && strings.EqualFold(n, name) {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
