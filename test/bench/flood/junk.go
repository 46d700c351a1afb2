package main

import (
	"crypto/rand"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// junk is a flood that is poured out, half of it from each of two addresses.
type junk struct {
	sent atomic.Int64
	done chan struct{}
	wg   sync.WaitGroup
}

// pour begins to send so many packets a second: from an address of no trunk's,
// and from that of one.
func pour(to string, rate int) (*junk, error) {
	j := &junk{done: make(chan struct{})}
	for _, ip := range []string{"127.8.7.5", "127.8.7.4"} {
		c, err := (&net.Dialer{LocalAddr: &net.UDPAddr{IP: net.ParseIP(ip)}}).Dial("udp4", to)
		if err != nil {
			j.stop()
			return nil, err
		}
		j.wg.Go(func() { // ends with stop
			defer c.Close()
			j.from(c, rate/2)
		})
	}
	return j, nil
}

// from sends at a rate, however late the clock is.
func (j *junk) from(c net.Conn, rate int) {
	tick, begun := time.NewTicker(2*time.Millisecond), time.Now()
	defer tick.Stop()
	for n := 0; ; {
		select {
		case <-tick.C:
		case <-j.done:
			return
		}
		for due := int(time.Since(begun).Seconds() * float64(rate)); n < due; n++ {
			_, _ = c.Write(spam(n)) // a full buffer counts as sent
			j.sent.Add(1)
		}
	}
}

// spam is the nth packet: what scanners send, and what nobody would.
func spam(n int) []byte {
	methods := []string{"INVITE", "REGISTER", "OPTIONS", "BYE", "SUBSCRIBE"}
	id := rand.Text()
	switch n % 8 {
	case 5:
		return fmt.Appendf(nil, "\x00\xff%s", id)
	case 6:
		return fmt.Appendf(nil, "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK%s\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\nCall-ID: %s\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n", id, id)
	case 7:
		return fmt.Appendf(nil, "OPTIONS sip:%s SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK%s\r\nContent-Length: 4000000000\r\n\r\n", id, id)
	}
	method := methods[n%8]
	return fmt.Appendf(nil, "%s sip:100%d@gateway SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK%s;rport\r\nMax-Forwards: 70\r\nFrom: <sip:100@h>;tag=%s\r\n"+
		"To: <sip:100@h>\r\nCall-ID: %s\r\nCSeq: 1 %s\r\nContact: <sip:100@192.0.2.1>\r\nUser-Agent: friendly-scanner\r\nContent-Length: 0\r\n\r\n",
		method, n%1000, id, id, id, method)
}

// stop ends the flood, and tells how much it was.
func (j *junk) stop() int {
	close(j.done)
	j.wg.Wait()
	return int(j.sent.Load())
}
