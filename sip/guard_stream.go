package sip

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"time"
)

// Limits of one connection.
const (
	streamIdle    = 2 * time.Minute // before the first message that makes sense
	streamMessage = 5 * time.Second // for the head of a message, and again for its body
	streamWrite   = 5 * time.Second // for the far end to take what we say
	streamChunk   = 4 << 10         // bytes of one read
)

var errFraming = errors.New("nobody can tell where the next message begins")

// stream is a connection that brings the library whole messages only, each of
// which was judged. Whoever says nothing, or half of something, is hung up on.
type stream struct {
	net.Conn
	*gate
	network string
	from    netip.AddrPort
	idle    time.Duration
	message time.Duration

	got    []byte // not judged yet
	sought int    // bytes of it in which no head ends
	ready  []byte // judged, and not taken yet
	trunk  bool   // it brought a message that made sense
}

func newStream(c net.Conn, g *gate, network string, from netip.AddrPort) *stream {
	return &stream{Conn: c, gate: g, network: network, from: from, idle: streamIdle, message: streamMessage}
}

// Read implements net.Conn.
func (s *stream) Read(b []byte) (int, error) {
	for len(s.ready) == 0 {
		if err := s.next(); err != nil {
			return 0, err
		}
	}
	n := copy(b, s.ready)
	s.ready = s.ready[n:]
	return n, nil
}

// Write implements net.Conn. A far end that takes nothing holds up nobody but
// itself: what was cut off in the middle is of no use to it.
func (s *stream) Write(b []byte) (int, error) {
	n, err := s.put(b)
	if status := finalIn(b); err == nil && status > 0 && !bytes.Contains(b, []byte(" CANCEL\r\n")) {
		return n, kept{status} // nothing is repeated here
	}
	return n, err
}

func (s *stream) put(b []byte) (int, error) {
	_ = s.SetWriteDeadline(time.Now().Add(streamWrite)) // fails where Write does
	n, err := s.Conn.Write(b)
	if err != nil {
		s.Conn.Close()
	}
	return n, err
}

// next brings one message, or what keeps the connection open.
func (s *stream) next() error {
	if err := s.gap(); err != nil || len(s.ready) > 0 {
		return err
	}
	head, err := s.head(time.Now().Add(s.message))
	if err != nil {
		return err
	}
	m, _ := read(s.got[:head])
	size := head
	if !m.lost && m.length > 0 {
		if size += m.length; s.body(size) != nil {
			return io.ErrUnexpectedEOF
		}
	}
	v := s.screen(s.got[:size], s.from, s.network)
	s.got, s.sought = s.got[size:], 0
	s.ready, s.trunk = v.pass, s.trunk || len(v.pass) > 0
	if len(v.reply) > 0 {
		if _, err := s.put(v.reply); err != nil {
			return err
		}
	}
	if v.fatal {
		return errFraming
	}
	return nil
}

// gap takes what stands between two messages: CRLFs are passed over (RFC 3261
// §7.5), two at once are for the library to answer (RFC 5626 §3.5.1).
func (s *stream) gap() error {
	for {
		switch {
		case bytes.HasPrefix(s.got, []byte("\r\n\r\n")):
			s.ready, s.got = s.got[:4:4], s.got[4:]
			return nil
		case bytes.HasPrefix(s.got, []byte("\r\n")) && len(s.got) > 3:
			s.got = s.got[2:]
		case len(s.got) > 0 && !bytes.HasPrefix([]byte("\r\n\r\n"), s.got):
			return nil
		default:
			if err := s.fill(s.patience()); err != nil {
				return err
			}
		}
	}
}

// patience is when silence between two messages becomes too long; a trunk may
// be silent for as long as it likes.
func (s *stream) patience() time.Time {
	if s.trunk {
		return time.Time{}
	}
	return time.Now().Add(s.idle)
}

// head reads up to the empty line, and returns where it ends.
func (s *stream) head(by time.Time) (int, error) {
	for {
		if i := bytes.Index(s.got[s.sought:], []byte("\r\n\r\n")); i >= 0 {
			return s.sought + i + 4, nil
		}
		if s.sought = max(0, len(s.got)-3); s.sought > maxMessage {
			return len(s.got), nil // read says what is wrong with it
		}
		if err := s.fill(by); err != nil {
			return 0, err
		}
	}
}

// body reads until size bytes are there.
func (s *stream) body(size int) error {
	by := time.Now().Add(s.message)
	for len(s.got) < size {
		if err := s.fill(by); err != nil {
			return err
		}
	}
	return nil
}

// fill reads once.
func (s *stream) fill(by time.Time) error {
	if err := s.SetReadDeadline(by); err != nil {
		return err
	}
	var chunk [streamChunk]byte
	n, err := s.Conn.Read(chunk[:])
	s.got = append(s.got, chunk[:n]...)
	if n > 0 {
		return nil
	}
	return err
}
