package sip

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
)

// The parts of a WebSocket frame that SIP needs (RFC 6455 §5.2).
const (
	frameContinues = 0x0
	frameText      = 0x1
	frameBinary    = 0x2
	frameClose     = 0x8
	framePing      = 0x9
	framePong      = 0xA

	frameLast   = 0x80 // in the first byte
	frameMasked = 0x80 // in the second
)

// maxControl is the most that a control frame may hold (RFC 6455 §5.5).
const maxControl = 125

var errFrame = errors.New("a WebSocket frame that makes no sense")

// webSocket is a WebSocket as a stream of SIP messages: what is written at once is
// one message, and what is read is messages only, each with a Content-Length,
// which over WebSocket it need not have (RFC 7118 §5.3).
type webSocket struct {
	net.Conn
	in     *bufio.Reader
	client bool   // we dialled, so what we send is masked (RFC 6455 §5.3)
	rest   []byte // of the message that is being read

	mu sync.Mutex // of writing
}

func newSocket(c net.Conn, in *bufio.Reader, client bool) *webSocket {
	return &webSocket{Conn: c, in: in, client: client}
}

// Read implements net.Conn, for one reader.
func (s *webSocket) Read(b []byte) (int, error) {
	for len(s.rest) == 0 {
		msg, err := s.message()
		if err != nil {
			return 0, err
		}
		if s.rest, err = sized(msg); err != nil {
			return 0, err
		}
	}
	n := copy(b, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// message reads the frames of one, and answers those of control in between.
func (s *webSocket) message() ([]byte, error) {
	var msg []byte
	for begun := false; ; {
		kind, last, data, err := s.frame(maxMessage - len(msg))
		if err != nil {
			return nil, err
		}
		switch kind {
		case framePing:
			err = s.put(framePong, data)
		case framePong:
		case frameClose:
			_ = s.put(frameClose, data[:min(2, len(data))]) // the far end has left already
			return nil, io.EOF
		case frameText, frameBinary, frameContinues:
			if begun != (kind == frameContinues) {
				return nil, errFrame
			}
			if begun, msg = true, append(msg, data...); last {
				return msg, nil
			}
		default:
			return nil, errFrame
		}
		if err != nil {
			return nil, err
		}
	}
}

// frame reads one of at most so many bytes.
func (s *webSocket) frame(most int) (kind byte, last bool, data []byte, err error) {
	var head [2]byte
	if _, err = io.ReadFull(s.in, head[:]); err != nil {
		return 0, false, nil, err
	}
	kind, last = head[0]&0x0F, head[0]&frameLast != 0
	masked, size := head[1]&frameMasked != 0, uint64(head[1]&0x7F)
	control := kind >= frameClose
	if head[0]&0x70 != 0 || masked == s.client || control && (!last || size > maxControl) {
		return 0, false, nil, errFrame
	}
	if size, err = s.size(size); err != nil {
		return 0, false, nil, err
	}
	if !control && size > uint64(most) {
		return 0, false, nil, errFrame
	}
	data, err = s.payload(int(size), masked)
	return kind, last, data, err
}

// size is the length that 126 and 127 stand for (RFC 6455 §5.2).
func (s *webSocket) size(short uint64) (uint64, error) {
	var long [8]byte
	switch short {
	case 126:
		_, err := io.ReadFull(s.in, long[6:])
		return binary.BigEndian.Uint64(long[:]), err
	case 127:
		_, err := io.ReadFull(s.in, long[:])
		return binary.BigEndian.Uint64(long[:]), err
	}
	return short, nil
}

func (s *webSocket) payload(size int, masked bool) ([]byte, error) {
	var key [4]byte
	if masked {
		if _, err := io.ReadFull(s.in, key[:]); err != nil {
			return nil, err
		}
	}
	data := make([]byte, size)
	_, err := io.ReadFull(s.in, data)
	mask(data, key)
	return data, err
}

func mask(data []byte, key [4]byte) {
	for i := range data {
		data[i] ^= key[i%4]
	}
}
