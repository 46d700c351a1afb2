package rig

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os"
	"strconv"
	"sync"
	"time"
)

// errDisconnected says that Asterisk's manager went away.
var errDisconnected = errors.New("not connected to Asterisk")

// ami is one login at Asterisk's manager interface. A reader goroutine keeps the
// channels' state as its events tell it.
type ami struct {
	conn net.Conn
	done chan struct{} // closed by the reader when it ends

	mu      sync.Mutex
	next    int
	calls   map[string]*channel    // by unique id
	order   []*channel             // in order of appearance
	answers map[string]chan header // by action id
	changed chan struct{}          // closed and replaced at each event
}

type header = textproto.MIMEHeader

// channel is one channel of Asterisk as the manager's events describe it.
type channel struct {
	id, name, exten, caller string
	up, taken, gone         bool
	began, answered, ended  time.Time
	cause                   int
	digits                  []Digit
}

func (b *Bed) connect(ctx context.Context) error {
	b.disconnect()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", os.Getenv("BED_PBX_ADDR")+":"+os.Getenv("BED_AMI_PORT"))
	if err != nil {
		return fmt.Errorf("reach Asterisk's manager: %w", err)
	}
	a := &ami{conn: conn, done: make(chan struct{}), calls: map[string]*channel{}, answers: map[string]chan header{}, changed: make(chan struct{})}
	go a.read() // ends with conn.Close in disconnect, which waits for it
	b.ami = a
	_, err = a.action(ctx, "Login", "Username", os.Getenv("BED_AMI_USER"), "Secret", os.Getenv("BED_AMI_SECRET"))
	return err
}

func (b *Bed) disconnect() {
	if b.ami != nil {
		_ = b.ami.conn.Close()
		<-b.ami.done
		b.ami = nil
	}
}

func (a *ami) read() {
	defer close(a.done)
	in := textproto.NewReader(bufio.NewReader(a.conn))
	_, _ = in.ReadLine() // the banner
	for {
		h, err := in.ReadMIMEHeader()
		if err != nil && (len(h) == 0 || errors.Is(err, io.EOF)) {
			break
		}
		a.mu.Lock()
		a.take(h)
		close(a.changed)
		a.changed = make(chan struct{})
		a.mu.Unlock()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range a.order {
		c.end(0)
	}
	close(a.changed)
	a.changed = make(chan struct{})
}

// take notes one response or event.
func (a *ami) take(h header) {
	if h.Get("Response") != "" {
		if ch := a.answers[h.Get("ActionID")]; ch != nil {
			delete(a.answers, h.Get("ActionID"))
			ch <- h // has room for one
		}
		return
	}
	id := h.Get("Uniqueid")
	c := a.calls[id]
	if h.Get("Event") == "Newchannel" && c == nil {
		c = &channel{id: id, name: h.Get("Channel"), exten: h.Get("Exten"), caller: h.Get("CallerIDNum"), began: time.Now()}
		a.calls[id], a.order = c, append(a.order, c)
	}
	if c == nil {
		return
	}
	if h.Get("ChannelStateDesc") == "Up" && !c.up {
		c.up, c.answered = true, time.Now()
	}
	switch h.Get("Event") {
	case "DTMFEnd":
		ms, _ := strconv.Atoi(h.Get("DurationMs"))
		if h.Get("Direction") == "Received" && h.Get("Digit") != "" {
			c.digits = append(c.digits, Digit{h.Get("Digit")[0], time.Duration(ms) * time.Millisecond})
		}
	case "Hangup":
		cause, _ := strconv.Atoi(h.Get("Cause"))
		c.end(cause)
	}
}

func (c *channel) end(cause int) {
	if !c.gone {
		c.gone, c.ended, c.cause = true, time.Now(), cause
	}
}

// action sends one action with its key, value pairs and returns the response.
func (a *ami) action(ctx context.Context, name string, pairs ...string) (header, error) {
	if a == nil {
		return nil, errDisconnected
	}
	answer := make(chan header, 1)
	a.mu.Lock()
	a.next++
	id := strconv.Itoa(a.next)
	a.answers[id] = answer
	text := "Action: " + name + "\r\nActionID: " + id + "\r\n"
	for i := 0; i+1 < len(pairs); i += 2 {
		text += pairs[i] + ": " + pairs[i+1] + "\r\n"
	}
	_, err := io.WriteString(a.conn, text+"\r\n")
	a.mu.Unlock()
	if err != nil {
		return nil, fmt.Errorf("asterisk: %s: %w", name, err)
	}
	select {
	case h := <-answer:
		if h.Get("Response") == "Error" {
			return nil, fmt.Errorf("asterisk: %s: %s", name, h.Get("Message"))
		}
		return h, nil
	case <-a.done:
		return nil, errDisconnected
	case <-ctx.Done():
		return nil, fmt.Errorf("asterisk: %s: %w", name, ctx.Err())
	}
}

// wait returns once f, called with the lock held at each event, says true.
func (a *ami) wait(ctx context.Context, what string, f func() bool) error {
	if a == nil {
		return errDisconnected
	}
	for {
		a.mu.Lock()
		ok, changed := f(), a.changed
		a.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-a.done:
			return fmt.Errorf("%s: %w", what, errDisconnected)
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, ctx.Err())
		}
	}
}
