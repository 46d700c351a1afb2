package sip

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"strconv"
	"time"
)

// Write implements net.Conn: what is written at once is one message.
func (s *webSocket) Write(b []byte) (int, error) {
	if err := s.put(frameText, b); err != nil {
		return 0, err
	}
	return len(b), nil
}

// ping asks the far end for a sign of life (RFC 6455 §5.5.2).
func (s *webSocket) ping() error { return s.put(framePing, nil) }

// put writes one frame.
func (s *webSocket) put(kind byte, data []byte) error {
	out := append(make([]byte, 0, len(data)+14), kind|frameLast, 0)
	switch n := len(data); {
	case n < 126:
		out[1] = byte(n)
	case n <= 0xFFFF:
		out[1], out = 126, binary.BigEndian.AppendUint16(out, uint16(n))
	default:
		out[1], out = 127, binary.BigEndian.AppendUint64(out, uint64(n))
	}
	var key [4]byte
	if s.client {
		rand.Read(key[:]) // never fails since Go 1.24
		out[1] |= frameMasked
		out = append(out, key[:]...)
	}
	body := len(out)
	out = append(out, data...)
	mask(out[body:], key)
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.SetWriteDeadline(time.Now().Add(streamWrite)) // fails where Write does; that of the last write is over
	_, err := s.Conn.Write(out)
	return err
}

// sized gives a message that came alone the Content-Length that it needs among
// others. One that says another length than it has is refused: it would hide a
// second message, or a part of the next.
func sized(msg []byte) ([]byte, error) {
	if len(bytes.Trim(msg, "\r\n")) == 0 {
		return msg, nil // it keeps the connection open (RFC 5626 §3.5.1)
	}
	head, body, ok := bytes.Cut(msg, []byte("\r\n\r\n"))
	if !ok {
		return nil, errFrame
	}
	start, fields, _ := bytes.Cut(head, []byte("\r\n"))
	for line := range bytes.SplitSeq(fields, []byte("\r\n")) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		if name = bytes.TrimSpace(name); !bytes.EqualFold(name, []byte("Content-Length")) && !bytes.EqualFold(name, []byte("l")) {
			continue
		}
		if n, err := strconv.ParseUint(string(bytes.TrimSpace(value)), 10, 31); err != nil || int(n) != len(body) {
			return nil, errFrame
		}
		return msg, nil
	}
	out := append(bytes.Clone(start), "\r\nContent-Length: "+strconv.Itoa(len(body))...)
	return append(out, msg[len(start):]...), nil
}
