package sip

import (
	"bufio"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
)

// maxOpening bounds what either side says before the WebSocket is open.
const maxOpening = 8 << 10

// subprotocol is SIP's among those of WebSocket (RFC 7118 §4.1).
const subprotocol = "sip"

// acceptance proves that a WebSocket was asked for (RFC 6455 §4.2.2).
func acceptance(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// acceptSocket opens a WebSocket on a connection that was accepted. The deadline
// is the caller's.
func acceptSocket(c net.Conn) (*webSocket, error) {
	in := bufio.NewReader(c)
	req, err := http.ReadRequest(bufio.NewReader(bounded(in)))
	if err != nil {
		return nil, errors.New("what came is no HTTP request")
	}
	if why := unwelcome(req); why != "" {
		fmt.Fprintf(c, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", len(why), why)
		return nil, errors.New(why)
	}
	_, err = fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: %s\r\n\r\n",
		acceptance(req.Header.Get("Sec-WebSocket-Key")), subprotocol)
	return newSocket(c, in, false), err
}

// bounded reads a head of HTTP and not a byte more: what follows is frames.
func bounded(in *bufio.Reader) io.Reader { return &head{in: in, left: maxOpening} }

// head ends with the first empty line.
type head struct {
	in   *bufio.Reader
	left int
	done bool
	rest []byte // of the current line
}

// Read implements io.Reader.
func (h *head) Read(b []byte) (int, error) {
	if len(h.rest) == 0 {
		if h.done || h.left <= 0 {
			return 0, io.EOF
		}
		line, err := h.in.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		h.left -= len(line)
		h.rest, h.done = slices.Clone(line), len(strings.TrimSpace(string(line))) == 0
	}
	n := copy(b, h.rest)
	h.rest = h.rest[n:]
	return n, nil
}

// unwelcome says what a request for a WebSocket lacks (RFC 6455 §4.2.1, RFC 7118 §4.1).
func unwelcome(req *http.Request) string {
	switch {
	case req.Method != http.MethodGet || !mentions(req.Header, "Upgrade", "websocket") || !mentions(req.Header, "Connection", "upgrade"):
		return "this is a WebSocket for SIP"
	case req.Header.Get("Sec-WebSocket-Version") != "13" || len(req.Header.Get("Sec-WebSocket-Key")) != 24:
		return "this is a WebSocket of version 13"
	case !mentions(req.Header, "Sec-WebSocket-Protocol", subprotocol):
		return "this WebSocket speaks sip"
	}
	return ""
}

func mentions(h http.Header, name, word string) bool {
	for _, value := range h.Values(name) {
		for one := range strings.SplitSeq(value, ",") {
			if strings.EqualFold(strings.TrimSpace(one), word) {
				return true
			}
		}
	}
	return false
}

// openSocket opens a WebSocket on a connection that we dialled.
func openSocket(c net.Conn, host, path string) (*webSocket, error) {
	var random [16]byte
	rand.Read(random[:]) // never fails since Go 1.24
	key := base64.StdEncoding.EncodeToString(random[:])
	_, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: %s\r\n\r\n",
		path, host, key, subprotocol)
	if err != nil {
		return nil, err
	}
	in := bufio.NewReader(c)
	res, err := http.ReadResponse(bufio.NewReader(bounded(in)), nil)
	switch {
	case err != nil:
		return nil, errors.New("it does not speak WebSocket")
	case res.StatusCode != http.StatusSwitchingProtocols:
		return nil, fmt.Errorf("it refused the WebSocket: %d", res.StatusCode)
	case res.Header.Get("Sec-WebSocket-Accept") != acceptance(key) || !mentions(res.Header, "Upgrade", "websocket"):
		return nil, errors.New("it opened no WebSocket")
	case !mentions(res.Header, "Sec-WebSocket-Protocol", subprotocol):
		return nil, errors.New("its WebSocket does not speak sip")
	}
	return newSocket(c, in, true), nil
}
