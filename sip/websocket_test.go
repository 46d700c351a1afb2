package sip

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"roomline/signalling"
)

// upgraded is a peer's side of a WebSocket.
func upgraded(c net.Conn) (net.Conn, error) {
	c.SetDeadline(time.Now().Add(patience))
	defer c.SetDeadline(time.Time{})
	return acceptSocket(c)
}

// Calls go both ways over a WebSocket that we opened (RFC 7118), plain and within
// TLS; a Contact that nobody could connect to does no harm.
func TestCallsOverWebSocket(t *testing.T) {
	ca := newAuthority(t)
	cert, _, _ := ca.issue("pbx", named("pbx.test"))
	for via, dress := range map[string]func(net.Conn) (net.Conn, error){"ws": upgraded, "wss": func(c net.Conn) (net.Conn, error) {
		s, err := secured(serverOf(cert))(c)
		if err != nil {
			return nil, err
		}
		return upgraded(s)
	}} {
		t.Run(via, func(t *testing.T) {
			b := newDressedBed(t, newDressedPeer(t, via, dress), Config{}, func(c *TrunkConfig, _ *timing) {
				if c.WSPath = "/ws"; via == "wss" {
					c.TLS.CA = ca.file
				}
			})
			leg := b.dial("+4930123")
			invite := b.request("INVITE")
			if c := invite.Contact().Address; invite.Via().Transport != strings.ToUpper(via) || c.UriParams.GetOr("transport", "") != "ws" {
				t.Errorf("INVITE\n%s", invite)
			}
			b.reply(invite, 200, "OK", b.sdp("sendrecv", "0"), "Contact: <sip:127.0.0.1:9;transport=ws>")
			b.request("ACK")
			b.event(signalling.Answered)
			leg.Hangup(signalling.Reason{})
			b.reply(b.request("BYE"), 200, "OK", nil)
			b.gone()
			b.calledBack()
		})
	}
}

// A trunk may connect to us by WebSocket.
func TestTrunkConnectsByWebSocket(t *testing.T) {
	b := newDressedBed(t, newDressedPeer(t, "ws", upgraded), Config{Listen: []string{"ws://127.0.0.1:0"}}, unchanged)
	c, err := net.Dial("tcp", b.to.String())
	if err != nil {
		t.Fatal(err)
	}
	ws, err := openSocket(c, "gateway.test", "/")
	if err != nil {
		t.Fatal(err)
	}
	b.take(ws)
	b.calledBack()
	if err := ws.ping(); err != nil {
		t.Fatal(err)
	}
	b.id, b.far = newTag(), ""
	b.send(b.text("OPTIONS", "x", nil))
	b.response("200 OPTIONS")
}

func TestWebSocketIsRefused(t *testing.T) {
	for want, request := range map[string]string{
		"no HTTP":             "INVITE sip:x SIP/2.0\r\n\r\n",
		"a WebSocket for SIP": "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"version 13":          "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 8\r\n\r\n",
		"speaks sip": "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
			"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: xmpp\r\n\r\n",
		"is no HTTP": "GET / HTTP/1.1\r\nX: " + strings.Repeat("x", 2*maxOpening) + "\r\n\r\n",
	} {
		ours, theirs := net.Pipe()
		go func() { // ends with the pipe
			_, _ = io.WriteString(theirs, request)
			_, _ = io.Copy(io.Discard, theirs)
		}()
		if _, err := acceptSocket(ours); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
		ours.Close()
		theirs.Close()
	}
	if got := acceptance("dGhlIHNhbXBsZSBub25jZQ=="); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" { // RFC 6455 §1.3
		t.Errorf("acceptance %s", got)
	}
}

func TestWebSocketServerIsChecked(t *testing.T) {
	good := http.Header{"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "Sec-Websocket-Protocol": {"sip"}}
	for want, answer := range map[string]func(key string) string{
		"does not speak WebSocket":   func(string) string { return "SIP/2.0 400 Bad\r\n\r\n" },
		"refused the WebSocket: 404": func(string) string { return "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n" },
		"opened no WebSocket":        func(string) string { return "HTTP/1.1 101 X\r\nSec-WebSocket-Accept: x\r\n\r\n" },
		"does not speak sip": func(key string) string {
			return "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: " + acceptance(key) + "\r\n\r\n"
		},
	} {
		ours, theirs := net.Pipe()
		go func() { // ends when it has answered
			req, err := http.ReadRequest(bufio.NewReader(theirs))
			if err == nil && mentions(req.Header, "Upgrade", good.Get("Upgrade")) {
				_, _ = io.WriteString(theirs, answer(req.Header.Get("Sec-WebSocket-Key")))
			}
		}()
		if _, err := openSocket(ours, "h", "/"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
		ours.Close()
		theirs.Close()
	}
}

// held is a connection that was read before it began.
type held struct {
	net.Conn
	out bytes.Buffer
}

func (h *held) Write(b []byte) (int, error)        { return h.out.Write(b) }
func (h *held) SetWriteDeadline(_ time.Time) error { return nil }

// A ping, ours or the answer to theirs, leaves long after the last message; and
// a far end that takes nothing holds nobody up.
func TestWebSocketPingAfterSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer ours.Close()
		go func() { // ends with ours
			_, _ = io.CopyN(io.Discard, theirs, 6+7+6) // a message, a ping; then it takes nothing any more
		}()
		ws := newSocket(ours, bufio.NewReader(ours), true)
		s := newStream(ws, &gate{}, "tcp", netip.AddrPort{})
		if _, err := s.put([]byte("message")); err != nil {
			t.Fatal(err)
		}
		<-time.After(2 * streamWrite)
		if err := ws.ping(); err != nil {
			t.Errorf("a ping after a silence: %v", err)
		}
		if err := ws.ping(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a ping that nobody takes: %v", err)
		}
	})
}

// read as a server reads: each frame is masked by zero.
func framesOf(client bool, frames ...string) *webSocket {
	return newSocket(&held{}, bufio.NewReader(strings.NewReader(strings.Join(frames, ""))), client)
}

func frame(head byte, data string) string {
	return string([]byte{head, byte(len(data)) | frameMasked, 0, 0, 0, 0}) + data
}

func TestFrames(t *testing.T) {
	const msg = "OPTIONS sip:x SIP/2.0\r\nTo: x\r\n\r\nbody"
	const whole = "OPTIONS sip:x SIP/2.0\r\nContent-Length: 4\r\nTo: x\r\n\r\nbody"
	for name, c := range map[string]struct {
		in   *webSocket
		want string
		err  error
	}{
		"text":                {framesOf(false, frame(0x81, msg)), whole, io.EOF},
		"binary":              {framesOf(false, frame(0x82, msg)), whole, io.EOF},
		"parts, and a ping":   {framesOf(false, frame(0x01, msg[:9]), frame(0x89, "a"), frame(0x80, msg[9:])), whole, io.EOF},
		"two":                 {framesOf(false, frame(0x81, msg), frame(0x81, msg)), whole + whole, io.EOF},
		"its length is right": {framesOf(false, frame(0x81, whole)), whole, io.EOF},
		"a ping of RFC 5626":  {framesOf(false, frame(0x81, "\r\n\r\n")), "\r\n\r\n", io.EOF},
		"S6: another length":  {framesOf(false, frame(0x81, strings.Replace(whole, ": 4", ": 9", 1))), "", errFrame},
		"S6: no length":       {framesOf(false, frame(0x81, strings.Replace(whole, ": 4", ": 4x", 1))), "", errFrame},
		"no end of the head":  {framesOf(false, frame(0x81, "OPTIONS")), "", errFrame},
		"not masked":          {framesOf(false, "\x81\x01x"), "", errFrame},
		"masked by a server":  {framesOf(true, frame(0x81, msg)), "", errFrame},
		"reserved bits":       {framesOf(false, frame(0xC1, msg)), "", errFrame},
		"reserved kind":       {framesOf(false, frame(0x83, msg)), "", errFrame},
		"nothing to continue": {framesOf(false, frame(0x80, msg)), "", errFrame},
		"begun twice":         {framesOf(false, frame(0x01, msg), frame(0x81, msg)), "", errFrame},
		"a long ping":         {framesOf(false, "\x89\xFE\x00\x7E\x00\x00\x00\x00"), "", errFrame},
		"S5: 2 GB":            {framesOf(false, "\x81\xFF\x00\x00\x00\x00\x80\x00\x00\x00\x00\x00\x00\x00"), "", errFrame},
		"the end":             {framesOf(false, frame(0x88, "\x03\xe8"), frame(0x81, msg)), "", io.EOF},
		"half a frame":        {framesOf(false, frame(0x81, msg)[:20]), "", io.ErrUnexpectedEOF},
	} {
		got, err := io.ReadAll(c.in)
		if err == nil {
			err = io.EOF
		}
		if string(got) != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// What is written is read as it was, of every size, from both ends.
func TestFramesComeAcross(t *testing.T) {
	for _, client := range []bool{true, false} {
		for _, n := range []int{0, 1, 60, 125, 126, 5000, maxMessage - 100} {
			var out held
			msg := "X\r\n\r\n" + strings.Repeat("y", n)
			w := newSocket(&out, nil, client)
			if _, err := w.Write([]byte(msg)); err != nil {
				t.Fatal(err)
			}
			r := newSocket(nil, bufio.NewReader(&out.out), !client)
			if got, err := r.message(); err != nil || string(got) != msg {
				t.Errorf("%d bytes: %d came, %v", n, len(got), err)
			}
		}
	}
}

func FuzzFrames(f *testing.F) {
	f.Add([]byte(frame(0x81, "OPTIONS sip:x SIP/2.0\r\nl: 2\r\n\r\nab")))
	f.Add([]byte(frame(0x01, "a") + frame(0x89, "x") + frame(0x80, "\r\n\r\n")))
	f.Add([]byte("\x81\xFF\x00\x00\x00\x00\x80\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := framesOf(false, string(b))
		if got, _ := io.ReadAll(s); len(got) > 2*len(b)+64 {
			t.Errorf("%d bytes became %d", len(b), len(got))
		}
		if s.Conn.(*held).out.Len() > len(b)+64 {
			t.Error("it says more than it hears")
		}
	})
}
