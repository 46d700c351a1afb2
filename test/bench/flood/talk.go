package main

import (
	"encoding/binary"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// talk is the audio of all calls, at both of their ends.
type talk struct {
	sent, heard atomic.Int64
	quiet       atomic.Bool
	done        chan struct{}

	mu   sync.Mutex
	ends []*end
}

func newTalk() *talk { return &talk{done: make(chan struct{})} }

// end is one end of a call.
type end struct {
	conn *net.UDPConn
	to   atomic.Pointer[net.UDPAddr]
	n    uint16
	id   uint32
}

// open makes an end, which hears from now on.
func (t *talk) open() (*end, error) {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	e := &end{conn: c, id: uint32(c.LocalAddr().(*net.UDPAddr).Port)}
	t.mu.Lock()
	t.ends = append(t.ends, e)
	t.mu.Unlock()
	go func() { // ends with the socket
		buf := make([]byte, 2048)
		for {
			if n, err := c.Read(buf); err != nil {
				return
			} else if n == 172 {
				t.heard.Add(1)
			}
		}
	}()
	return e, nil
}

func (e *end) describe() string {
	return fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio %d RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n",
		e.conn.LocalAddr().(*net.UDPAddr).Port)
}

// towards reads where the other end is.
func (e *end) towards(msg string) {
	if m := regexp.MustCompile(`m=audio (\d+) `).FindStringSubmatch(msg); m != nil {
		port, _ := strconv.Atoi(m[1]) // digits
		e.to.Store(&net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
	}
}

// speak sends a packet from each end every 20 ms, until close.
func (t *talk) speak() {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-t.done:
			return
		case <-tick.C:
		}
		if t.quiet.Load() {
			continue
		}
		t.mu.Lock()
		ends := t.ends
		t.mu.Unlock()
		for _, e := range ends {
			if to := e.to.Load(); to != nil {
				e.n++
				_, _ = e.conn.WriteToUDP(e.packet(), to) // counted as sent: it may be lost here as well
				t.sent.Add(1)
			}
		}
	}
}

// packet is 20 ms of µ-law (RFC 3551 §4.5.14).
func (e *end) packet() []byte {
	b := make([]byte, 172)
	b[0] = 0x80
	binary.BigEndian.PutUint16(b[2:], e.n)
	binary.BigEndian.PutUint32(b[4:], uint32(e.n)*160)
	binary.BigEndian.PutUint32(b[8:], e.id)
	return b
}

func (t *talk) counts() (sent, heard int) { return int(t.sent.Load()), int(t.heard.Load()) }

// settled counts when nothing is on its way.
func (t *talk) settled() (sent, heard int) {
	t.quiet.Store(true)
	defer t.quiet.Store(false)
	<-time.After(300 * time.Millisecond)
	return t.counts()
}

func (t *talk) close() {
	close(t.done)
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range t.ends {
		e.conn.Close()
	}
}
