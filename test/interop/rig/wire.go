package rig

import (
	"encoding/binary"
	"fmt"
	"net"
	"sync"

	"roomline/media/codec/g711"
)

// Wire reads what one address sends to another over UDP, as somebody on their
// way would who takes it all for plain RTP in PCMU.
type Wire struct {
	conn *net.IPConn
	from net.IP
	done chan struct{} // closed by the reader when it ends

	mu      sync.Mutex
	packets int
	plain   int // of the size that 20 ms of plain G.711 have
	heard   []float64
}

// Tap begins to listen. It needs the right to open raw sockets.
func Tap(from, to string) (*Wire, error) {
	conn, err := net.ListenIP("ip4:udp", &net.IPAddr{IP: net.ParseIP(to)})
	if err != nil {
		return nil, fmt.Errorf("tap the wire to %s: %w", to, err)
	}
	w := &Wire{conn: conn, from: net.ParseIP(from), done: make(chan struct{})}
	go w.read() // ends with Close, which waits for it
	return w, nil
}

// Close ends the listening.
func (w *Wire) Close() {
	_ = w.conn.Close()
	<-w.done
}

func (w *Wire) read() {
	defer close(w.done)
	buf := make([]byte, 65536)
	for {
		n, from, err := w.conn.ReadFromIP(buf)
		if err != nil {
			return
		}
		if from.IP.Equal(w.from) && n > 8 {
			w.take(buf[8:n])
		}
	}
}

// take keeps what looks like a packet of RTP (RFC 3550 §5.1) and neither of RTCP
// (RFC 5761 §4) nor of anything else.
func (w *Wire) take(b []byte) {
	if len(b) < 12 || b[0]>>6 != 2 || b[1] >= 192 && b[1] <= 223 || binary.BigEndian.Uint32(b[8:]) == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.packets++
	if len(b) == 12+160 {
		w.plain++
	}
	pcm := make([]int16, len(b)-12)
	for _, s := range pcm[:g711.DecodeULaw(pcm, b[12:])] {
		w.heard = append(w.heard, float64(s)/32768)
	}
}

// Overheard is how many packets passed, how many of them are plain by their
// size, and what they sound like.
func (w *Wire) Overheard() (packets, plain int, s Sound) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.packets, w.plain, Sound{Samples: append([]float64(nil), w.heard...), Rate: carrierRate}
}
