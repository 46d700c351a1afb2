package rig

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
)

// Carrier is a trunk whose every message a test chooses: for what Asterisk
// cannot be brought to say. It answers by itself only what has one right answer.
type Carrier struct {
	conn    *net.UDPConn
	gateway *net.UDPAddr
	done    chan struct{} // closed by the reader when it ends
	calls   chan *Line    // of the gateway, not yet taken

	mu      sync.Mutex
	lines   map[string]*Line // by Call-ID
	changed chan struct{}    // closed and replaced at each message
}

// Carrier opens one at host:port, for a gateway whose configuration has it as a
// trunk without a password.
func (b *Bed) Carrier(addr string) (*Carrier, error) { return NewCarrier(addr, b.Gateway+":5060") }

// NewCarrier is a carrier for any gateway on UDP.
func NewCarrier(addr, gateway string) (*Carrier, error) {
	at, err := net.ResolveUDPAddr("udp4", addr)
	if err != nil {
		return nil, err
	}
	to, err := net.ResolveUDPAddr("udp4", gateway)
	if err != nil {
		return nil, err
	}
	conn, err := net.ListenUDP("udp4", at)
	if err != nil {
		return nil, fmt.Errorf("open a carrier: %w", err)
	}
	c := &Carrier{conn: conn, gateway: to, done: make(chan struct{}), calls: make(chan *Line, 1000), lines: map[string]*Line{}, changed: make(chan struct{})}
	go c.read() // ends with conn.Close in Close, which waits for it
	return c, nil
}

// Close ends the carrier as a power cut would; nothing is sent.
func (c *Carrier) Close() {
	_ = c.conn.Close()
	<-c.done
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range c.lines {
		l.close()
	}
}

// Addr is where the carrier listens.
func (c *Carrier) Addr() string { return c.conn.LocalAddr().String() }

func (c *Carrier) read() {
	defer close(c.done)
	buf := make([]byte, 65536)
	for {
		n, _, err := c.conn.ReadFromUDP(buf)
		if err != nil {
			return
		}
		if m, ok := parseSIP(buf[:n]); ok {
			c.take(m)
		}
	}
}

// take answers what is plain, and notes everything with the call it belongs to.
func (c *Carrier) take(m Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.lines[m.Get("Call-Id")]
	switch {
	case l != nil:
		l.take(m)
	case m.Method() == "INVITE":
		c.ring(m)
	case m.Method() == "OPTIONS":
		c.send(m.reply("200 OK", rand.Text(), c.Addr(), ""))
	case m.Method() != "" && m.Method() != "ACK":
		c.send(m.reply("481 No Such Call", rand.Text(), c.Addr(), ""))
	}
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *Carrier) ring(m Message) {
	l, err := c.line(m.Get("Call-Id"))
	if err != nil {
		c.send(m.reply("500 No Socket", rand.Text(), c.Addr(), ""))
		return
	}
	l.aim(audioOf(m.Body))
	l.invite = m
	l.ours, l.far, l.contact = m.Get("To")+";tag="+l.tag, m.Get("From"), target(m.Get("Contact"))
	l.seen = append(l.seen, m)
	c.send(m.reply("100 Trying", "", c.Addr(), ""))
	select {
	case c.calls <- l:
	default: // more than a test takes
	}
}

func (c *Carrier) line(id string) (*Line, error) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: c.conn.LocalAddr().(*net.UDPAddr).IP})
	if err != nil {
		return nil, err
	}
	l := &Line{Audio: newAudio(conn), c: c, id: id, tag: rand.Text()}
	c.lines[id] = l
	return l, nil
}

func (c *Carrier) send(text string) { _, _ = c.conn.WriteToUDP([]byte(text), c.gateway) } // on loopback, to a socket or to nobody

// Wait returns the next call that the gateway places.
func (c *Carrier) Wait(ctx context.Context) (*Line, error) {
	select {
	case l := <-c.calls:
		return l, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("a call at the carrier: %w", ctx.Err())
	}
}

// wait returns once f, called with the lock held at each message, says true.
func (c *Carrier) wait(ctx context.Context, what string, f func() bool) error {
	for {
		c.mu.Lock()
		ok, changed := f(), c.changed
		c.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-c.done:
			return errors.New("the carrier is closed")
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, ctx.Err())
		}
	}
}

// Dial places a call: headers are whole lines, such as "Privacy: id". One that
// begins with From: takes the place of the carrier's own.
func (c *Carrier) Dial(to, from string, headers ...string) (*Line, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l, err := c.line(rand.Text())
	if err != nil {
		return nil, err
	}
	l.contact = "sip:" + to + "@" + c.gateway.String()
	l.ours, l.far = fmt.Sprintf("<sip:%s@%s>;tag=%s", from, c.Addr(), l.tag), "<"+l.contact+">"
	for i, h := range headers {
		if value, found := strings.CutPrefix(h, "From: "); found {
			l.ours = value + ";tag=" + l.tag
			headers = append(headers[:i:i], headers[i+1:]...)
			break
		}
	}
	l.invite = l.request("INVITE", l.sdp("sendrecv"), headers...)
	return l, nil
}
