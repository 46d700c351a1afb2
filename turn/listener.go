package turn

import (
	"errors"
	"net"
	"sync"
)

// listener remembers the connections that it accepted: the library leaves them
// open when it closes.
type listener struct {
	net.Listener
	mu     sync.Mutex
	closed bool
	open   map[net.Conn]struct{}
}

func newListener(l net.Listener) *listener {
	return &listener{Listener: l, open: map[net.Conn]struct{}{}}
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, errors.Join(net.ErrClosed, c.Close())
	}
	own := &connection{Conn: c, of: l}
	l.open[own] = struct{}{}
	return own, nil
}

// Close implements net.Listener.
func (l *listener) Close() error {
	l.mu.Lock()
	l.closed = true
	open := l.open
	l.open = map[net.Conn]struct{}{}
	l.mu.Unlock()
	errs := []error{l.Listener.Close()}
	for c := range open {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// connection is forgotten when it closes, which it may do twice.
type connection struct {
	net.Conn
	of *listener
}

// Close implements net.Conn.
func (c *connection) Close() error {
	c.of.mu.Lock()
	delete(c.of.open, c)
	c.of.mu.Unlock()
	if err := c.Conn.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
