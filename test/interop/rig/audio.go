package rig

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"roomline/media/codec/g711"
)

// Audio is what a telephone at a carrier plays and hears, in PCMU.
type Audio struct {
	conn *net.UDPConn
	stop chan struct{}
	once sync.Once

	mu    sync.Mutex
	to    *net.UDPAddr // where the gateway wants its audio
	hz    float64
	heard []float64
	at    int // samples of the tone played
}

const carrierRate = 8000

func newAudio(conn *net.UDPConn) *Audio {
	a := &Audio{conn: conn, stop: make(chan struct{})}
	go a.listen() // both end with close, which waits for nobody: its caller may hold what they want
	go a.speak()
	return a
}

func (a *Audio) close() {
	a.once.Do(func() {
		close(a.stop)
		_ = a.conn.Close()
	})
}

// Play has the telephone send a tone from now on; 0 sends nothing at all.
func (a *Audio) Play(hz float64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.hz = hz
}

// aim says where the gateway wants its audio; nil changes nothing.
func (a *Audio) aim(to *net.UDPAddr) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if to != nil {
		a.to = to
	}
}

// Listen is what the telephone hears during d, with silence for what was not sent.
func (a *Audio) Listen(ctx context.Context, d time.Duration) Sound {
	a.mu.Lock()
	from := len(a.heard)
	a.mu.Unlock()
	began, t := time.Now(), time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	x := append([]float64(nil), a.heard[from:]...)
	if want := int(d.Seconds() * carrierRate); len(x) < want {
		x = append(x, make([]float64, want-len(x))...)
	}
	return Sound{Samples: x, Rate: carrierRate, Began: began}
}

func (a *Audio) listen() {
	buf, pcm := make([]byte, 2048), make([]int16, 2048)
	for {
		n, _, err := a.conn.ReadFromUDP(buf)
		if err != nil {
			return
		}
		if n < 12 || buf[1]&0x7f != 0 { // PCMU alone
			continue
		}
		n = g711.DecodeULaw(pcm, buf[12:n])
		a.mu.Lock()
		for _, s := range pcm[:n] {
			a.heard = append(a.heard, float64(s)/32768)
		}
		a.mu.Unlock()
	}
}

func (a *Audio) speak() {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-tick.C:
			a.packet(i)
		case <-a.stop:
			return
		}
	}
}

func (a *Audio) packet(i int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.hz == 0 || a.to == nil {
		return
	}
	pcm, b := make([]int16, 160), make([]byte, 172)
	for j := range pcm {
		pcm[j] = int16(0.22 * 32767 * math.Sin(2*math.Pi*a.hz*float64(a.at+j)/carrierRate))
	}
	a.at += len(pcm)
	b[0] = 0x80
	binary.BigEndian.PutUint16(b[2:], uint16(i))
	binary.BigEndian.PutUint32(b[4:], uint32(i*160))
	binary.BigEndian.PutUint32(b[8:], 0x526f6f6d)
	g711.EncodeULaw(b[12:], pcm)
	_, _ = a.conn.WriteToUDP(b, a.to) // nobody there is the gateway's affair
}

// sdp describes the telephone's audio.
func (a *Audio) sdp(direction string) string {
	at := a.conn.LocalAddr().(*net.UDPAddr)
	return fmt.Sprintf("v=0\r\no=- 1 %d IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio %d RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=%s\r\n",
		time.Now().UnixNano(), at.IP, at.IP, at.Port, direction)
}

// audioOf is where a description wants its audio; nil where there is none.
func audioOf(sdp string) *net.UDPAddr {
	var ip net.IP
	port := 0
	for line := range strings.Lines(sdp) {
		f := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, "c=IN IP4 ") && len(f) > 2:
			ip = net.ParseIP(f[2])
		case strings.HasPrefix(line, "m=audio ") && len(f) > 1:
			port, _ = strconv.Atoi(f[1])
		}
	}
	if ip == nil || port == 0 {
		return nil
	}
	return &net.UDPAddr{IP: ip, Port: port}
}

// answering is our direction for theirs, where we hold or do not.
func answering(theirs, ours string) string {
	hears := theirs == "sendrecv" || theirs == "sendonly"
	speaks := theirs == "sendrecv" || theirs == "recvonly"
	if ours == "sendonly" {
		hears = false
	}
	if ours == "inactive" {
		hears, speaks = false, false
	}
	switch {
	case hears && speaks:
		return "sendrecv"
	case hears:
		return "recvonly"
	case speaks:
		return "sendonly"
	}
	return "inactive"
}
