package main

import (
	"net"
	"strings"
	"testing"
	"time"
)

func TestPoursAtItsRate(t *testing.T) {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	j, err := pour(c.LocalAddr().String(), 2000)
	if err != nil {
		t.Fatal(err)
	}
	from := map[string]bool{}
	buf := make([]byte, 2048)
	for range 100 {
		c.SetReadDeadline(time.Now().Add(5 * time.Second))
		_, peer, err := c.ReadFromUDP(buf)
		if err != nil {
			t.Fatal(err)
		}
		from[peer.IP.String()] = true
	}
	if n := j.stop(); n < 100 {
		t.Errorf("%d were sent", n)
	}
	if len(from) != 2 {
		t.Errorf("from %v", from)
	}
}

func TestPercentile(t *testing.T) {
	var all []time.Duration
	for i := range 100 {
		all = append(all, time.Duration(100-i)*time.Millisecond)
	}
	if got := p99(all); got != 99*time.Millisecond {
		t.Error(got)
	}
	if p99(nil) != 0 || p99(all[:1]) != 100*time.Millisecond {
		t.Error("of none, or of one")
	}
}

func TestSpamVaries(t *testing.T) {
	kinds := map[string]bool{}
	for n := range 8 {
		first, _, _ := strings.Cut(string(spam(n)), " ")
		kinds[first] = true
	}
	if len(kinds) < 7 {
		t.Errorf("only %v", kinds)
	}
}
