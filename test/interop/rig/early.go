package rig

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"time"
)

// Early sends a provisional response with a description, so that what the
// telephone plays is heard before the answer.
func (l *Line) Early(status string, headers ...string) {
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	l.c.send(l.invite.reply(status, l.tag, l.c.Addr(), l.sdp("sendrecv"), headers...))
}

// Cancel gives up a call of ours that rings, and returns when it has ended.
func (l *Line) Cancel(ctx context.Context) error {
	l.c.mu.Lock()
	i := l.invite
	seq, _, _ := strings.Cut(i.Get("Cseq"), " ")
	l.c.send(fmt.Sprintf("CANCEL %s SIP/2.0\r\nVia: %s\r\nMax-Forwards: 70\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %s CANCEL\r\nContent-Length: 0\r\n\r\n",
		i.URI(), i.Get("Via"), i.Get("From"), i.Get("To"), l.id, seq))
	l.c.mu.Unlock()
	return l.WaitEnded(ctx)
}

// Press sends a digit as a telephone-event of 100 ms (RFC 4733), while the
// telephone plays no tone, and returns when it is out.
func (a *Audio) Press(digit byte) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	a.mu.Lock()
	a.at += carrierRate // the press is a second after the one before, by its timestamp
	at := a.at
	a.mu.Unlock()
	code := byte(strings.IndexByte("0123456789*#ABCD", digit))
	for i := range 8 {
		<-tick.C
		b := make([]byte, 16)
		b[0], b[1], b[12], b[13] = 0x80, 101, code, 10
		if i == 0 {
			b[1] |= 0x80 // the marker
		}
		if i >= 5 {
			b[13] |= 0x80 // the end, three times
		}
		binary.BigEndian.PutUint16(b[2:], uint16(at/1000*16+i))
		binary.BigEndian.PutUint32(b[4:], uint32(at))
		binary.BigEndian.PutUint32(b[8:], 0x526f6f6d)
		binary.BigEndian.PutUint16(b[14:], uint16(min(i+1, 5)*160))
		a.mu.Lock()
		if a.to != nil {
			_, _ = a.conn.WriteToUDP(b, a.to) // nobody there is the gateway's affair
		}
		a.mu.Unlock()
	}
}
