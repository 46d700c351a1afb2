package sip

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
)

// attempt is a connection that is being made. All who need it wait for the one.
type attempt struct {
	done chan struct{}
	flow *flow // after done, with err
	err  error
}

// to is the connection on which a trunk's requests go to an address: one that
// there is, or a new one from the local address, if that is valid. Nobody waits
// for another's connection: each is made in a goroutine of its own, and under no
// lock (S3).
func (fs *flows) to(ctx context.Context, t *trunk, row transportRow, to netip.AddrPort, local netip.Addr) (*flow, error) {
	key := flowKey{to: to, transport: row.name}
	if row.secure || row.websocket {
		key.who = t.flowIdentity()
	}
	fs.mu.Lock()
	if f := fs.shared[key]; f.alive() {
		fs.mu.Unlock()
		return f, nil
	}
	one := fs.dialing[key]
	if one == nil {
		one = &attempt{done: make(chan struct{})}
		fs.dialing[key] = one
		fs.wg.Go(func() { fs.dial(one, t, row, key, local) }) // ends within connect_timeout; awaited by shut
	}
	fs.mu.Unlock()
	select {
	case <-one.done:
		return one.flow, one.err
	case <-ctx.Done():
		return nil, errors.New("it was not connected in time")
	}
}

// dial makes the connection for all who wait.
func (fs *flows) dial(one *attempt, t *trunk, row transportRow, key flowKey, local netip.Addr) {
	ctx, cancel := context.WithTimeout(context.Background(), t.ConnectTimeout)
	defer cancel()
	one.flow, one.err = fs.connect(ctx, t, row, key, local)
	if one.err == nil && !fs.adopt(ctx, one.flow) {
		one.flow, one.err = nil, net.ErrClosed
	}
	fs.mu.Lock()
	delete(fs.dialing, key)
	fs.mu.Unlock()
	close(one.done)
}

// connect goes through the layers of the transport: TCP, TLS, WebSocket. Every
// error is one that can be told to whoever wanted to call.
func (fs *flows) connect(ctx context.Context, t *trunk, row transportRow, key flowKey, local netip.Addr) (*flow, error) {
	dialer := net.Dialer{}
	if local.IsValid() && !local.IsUnspecified() {
		dialer.LocalAddr = &net.TCPAddr{IP: net.IP(local.AsSlice())}
	}
	raw, err := dialer.DialContext(ctx, "tcp", key.to.String())
	if err != nil {
		return nil, inTime(ctx, err)
	}
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	f, err := fs.wrap(ctx, raw, t, row, key)
	if !stop() || err != nil {
		raw.Close()
		return nil, inTime(ctx, errors.Join(err, ctx.Err()))
	}
	return f, nil
}

func inTime(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errors.New("it was not connected in time")
	}
	return err
}

// wrap puts on what the transport has above TCP.
func (fs *flows) wrap(ctx context.Context, raw net.Conn, t *trunk, row transportRow, key flowKey) (*flow, error) {
	ear := newHearing(raw)
	conn, err := net.Conn(ear), error(nil)
	if row.secure {
		if conn, err = t.clientAt(key.to.Addr()).handshake(ctx, conn); err != nil {
			return nil, err
		}
	}
	signal := func() error { return ping(conn) }
	if row.websocket {
		ws, err := openSocket(conn, net.JoinHostPort(t.clientAt(key.to.Addr()).name, strconv.Itoa(int(key.to.Port()))), t.WSPath)
		if err != nil {
			return nil, err
		}
		conn, signal = ws, ws.ping
	}
	f := fs.flow(conn, row, ear)
	f.key, f.trunks, f.owner, f.ping = key, fs.alike(t, key), t, signal
	f.Conn.(*stream).trunk = true // it may be silent for as long as it likes
	return f, nil
}

// alike are the trunks that share a connection; nil: all of its address.
func (fs *flows) alike(t *trunk, key flowKey) []*trunk {
	if key.who == (flowIdentity{}) {
		return nil
	}
	all := []*trunk{t}
	for _, name := range fs.agent.names {
		if other := fs.agent.trunks[name]; other != t && other.Transport == t.Transport && other.flowIdentity() == key.who {
			all = append(all, other)
		}
	}
	return all
}

func (t *trunk) flowIdentity() flowIdentity { return flowIdentity{t.identity(), t.TLS, t.WSPath} }
