package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"
	"sync"
	"time"
)

// phone is a trunk's end: one socket, and what came for whom.
type phone struct {
	conn *net.UDPConn

	mu    sync.Mutex
	waits map[string]chan string // for the answers to a request, by its Call-ID
	calls map[string]string      // that are up: the To header, by the Call-ID
}

func listen(ip string) (*phone, error) {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(ip)})
	if err != nil {
		return nil, err
	}
	return &phone{conn: c, waits: map[string]chan string{}, calls: map[string]string{}}, nil
}

func (p *phone) addr() string { return p.conn.LocalAddr().String() }
func (p *phone) close()       { p.conn.Close() }

func header(msg, name string) string {
	m := regexp.MustCompile(`(?mi)^` + name + `: *(.*?)\r$`).FindStringSubmatch(msg)
	if m == nil {
		return ""
	}
	return m[1]
}

func (p *phone) request(method, to, id, toHeader string, body string) string {
	kind := ""
	if body != "" {
		kind = "Content-Type: application/sdp\r\n"
	}
	seq := map[string]int{"INVITE": 1, "ACK": 1, "OPTIONS": 1, "BYE": 2}[method]
	return fmt.Sprintf("%s sip:+4930222@%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s;rport\r\nMax-Forwards: 70\r\nFrom: <sip:+4930111@%s>;tag=%s\r\nTo: %s\r\n"+
		"Call-ID: %s\r\nCSeq: %d %s\r\nContact: <sip:%s>\r\n%sContent-Length: %d\r\n\r\n%s",
		method, to, p.addr(), rand.Text(), p.addr(), id, toHeader, id, seq, method, p.addr(), kind, len(body), body)
}

// ask sends a request until it is answered for good, and returns the answer and
// how long it took.
func (p *phone) ask(to, text string) (string, time.Duration, error) {
	id, begun := header(text, "Call-ID"), time.Now()
	got := make(chan string, 10)
	p.mu.Lock()
	p.waits[id] = got
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.waits, id)
		p.mu.Unlock()
	}()
	for late, wait := time.After(8*time.Second), 500*time.Millisecond; ; wait *= 2 {
		p.send(to, text)
		again := time.After(wait)
		for waiting := true; waiting; {
			select {
			case msg := <-got:
				if !strings.HasPrefix(msg, "SIP/2.0 1") {
					return msg, time.Since(begun), nil
				}
			case <-again:
				waiting = false
			case <-late:
				return "", time.Since(begun), errors.New("no answer to " + text[:20])
			}
		}
	}
}

func (p *phone) send(to, text string) {
	if addr, err := net.ResolveUDPAddr("udp4", to); err == nil {
		_, _ = p.conn.WriteToUDP([]byte(text), addr) // what is lost is sent again
	}
}

// take hands an answer to whoever waits for it.
func (p *phone) take(msg string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case p.waits[header(msg, "Call-ID")] <- msg:
	default:
	}
}

// call sets a call up.
func (p *phone) call(to string, t *talk) error {
	p.once(t)
	s, err := t.open()
	if err != nil {
		return err
	}
	id := rand.Text()
	res, _, err := p.ask(to, p.request("INVITE", to, id, "<sip:+4930222@"+to+">", s.describe()))
	if err != nil || !strings.HasPrefix(res, "SIP/2.0 200") {
		return fmt.Errorf("a call was not answered: %.40s %w", res, err)
	}
	s.towards(res)
	p.mu.Lock()
	p.calls[id] = header(res, "To")
	p.mu.Unlock()
	p.send(to, p.request("ACK", to, id, header(res, "To"), ""))
	return nil
}

// once begins to read when the first call is made.
func (p *phone) once(t *talk) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.calls) == 0 && len(p.waits) == 0 {
		go p.read(func(msg string, _ *net.UDPAddr) { p.take(msg) }) // ends with the socket
	}
}

func (p *phone) read(on func(string, *net.UDPAddr)) {
	buf := make([]byte, 65536)
	for {
		n, from, err := p.conn.ReadFromUDP(buf)
		if err != nil {
			return
		}
		on(string(buf[:n]), from)
	}
}

// answerCalls answers whatever comes.
func (p *phone) answerCalls(t *talk) {
	answers := map[string]string{}
	p.read(func(msg string, from *net.UDPAddr) {
		id, body := header(msg, "Call-ID"), ""
		switch {
		case strings.HasPrefix(msg, "INVITE ") && answers[id] != "":
			p.send(from.String(), answers[id])
			return
		case strings.HasPrefix(msg, "INVITE "):
			s, err := t.open()
			if err != nil {
				return
			}
			s.towards(msg)
			body = s.describe()
		case strings.HasPrefix(msg, "ACK "), strings.HasPrefix(msg, "SIP/2.0 "):
			return
		}
		answers[id] = p.okay(msg, body)
		p.send(from.String(), answers[id])
	})
}

func (p *phone) okay(msg, body string) string {
	to := header(msg, "To")
	if !strings.Contains(to, ";tag=") {
		to += ";tag=" + rand.Text()
	}
	return fmt.Sprintf("SIP/2.0 200 OK\r\nVia: %s\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %s\r\nContact: <sip:%s>\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s",
		header(msg, "Via"), header(msg, "From"), to, header(msg, "Call-ID"), header(msg, "CSeq"), p.addr(), len(body), body)
}

// observe asks by OPTIONS, for a while, and counts the audio meanwhile.
func (p *phone) observe(ctx context.Context, to string, t *talk, d time.Duration) (f figures) {
	tick, end := time.NewTicker(50*time.Millisecond), time.After(d)
	defer tick.Stop()
	sent, heard := t.counts()
	for {
		select {
		case <-tick.C:
			_, took, _ := p.ask(to, p.request("OPTIONS", to, rand.Text(), "<sip:"+to+">", "")) // what was not answered took long
			f.options = append(f.options, took)
			continue
		case <-end:
		case <-ctx.Done():
		}
		s, h := t.settled()
		f.sent, f.lost = s-sent, (s-sent)-(h-heard)
		return f
	}
}

// hangUp ends every call.
func (p *phone) hangUp(to string) (all []time.Duration) {
	p.mu.Lock()
	calls := p.calls
	p.calls = map[string]string{}
	p.mu.Unlock()
	for id, toHeader := range calls {
		_, took, _ := p.ask(to, p.request("BYE", to, id, toHeader, ""))
		all = append(all, took)
	}
	return all
}
