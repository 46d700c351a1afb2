package sip

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// openTimeout is how long a far end may take for TLS and WebSocket.
const openTimeout = 5 * time.Second

// accept takes connections of a listener until its close. A far end that takes
// its time for TLS holds up nobody else.
func (fs *flows) accept(l *listener) error {
	for {
		raw, err := l.streams.Accept()
		if err != nil {
			return err
		}
		fs.wg.Go(func() { fs.welcome(l, raw) }) // ends within openTimeout; awaited by shut
	}
}

// welcome goes through the layers of the listener's transport.
func (fs *flows) welcome(l *listener, raw net.Conn) {
	ctx, cancel := context.WithTimeout(fs.agent.ctx, openTimeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	f, err := fs.dress(ctx, l, raw)
	if !stop() || err != nil {
		raw.Close()
		if err != nil {
			fs.agent.log.Warn("a SIP connection was refused", "listen", l.String(), "from", raw.RemoteAddr().String(), "error", short(err))
		}
		return
	}
	fs.adopt(fs.agent.ctx, f)
}

func (fs *flows) dress(ctx context.Context, l *listener, raw net.Conn) (*flow, error) {
	row, ear := l.row(), newHearing(raw)
	conn, trunks := net.Conn(ear), []*trunk(nil)
	if row.secure {
		secured, named, err := fs.agent.server.handshake(ctx, conn, fs.agent.speakers(remoteOf(raw).Addr(), true))
		if err != nil {
			return nil, err
		}
		conn, trunks = secured, named
	}
	if row.websocket {
		ws, err := acceptSocket(conn)
		if err != nil {
			return nil, err
		}
		conn = ws
	}
	f := fs.flow(conn, row, ear)
	f.listener, f.trunks = l, trunks
	return f, nil
}

// flow puts the reader of messages on a connection.
func (fs *flows) flow(conn net.Conn, row transportRow, ear *hearing) *flow {
	remote := remoteOf(conn)
	local, _ := addrPort(conn.LocalAddr().String())
	return &flow{Conn: newStream(conn, fs.agent.gate(row), row.network, remote), row: row, remote: remote, local: local, heard: &ear.at, all: fs, born: time.Now(),
		adopted: make(chan struct{}), lost: make(chan struct{})}
}

func remoteOf(c net.Conn) netip.AddrPort {
	addr, _ := addrPort(c.RemoteAddr().String())
	return addr
}

// ping is that of RFC 5626 §3.5.1.
func ping(c net.Conn) error {
	_ = c.SetWriteDeadline(time.Now().Add(streamWrite)) // fails where Write does
	_, err := fmt.Fprint(c, "\r\n\r\n")
	return err
}
