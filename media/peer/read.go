package peer

import (
	"errors"
	"io"
	"net"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"roomline/media"
)

const (
	readSize = 1500 // bytes; a larger packet is no audio of ours
	// maxReadErrors ends a source that fails again and again without ending.
	maxReadErrors = 1000
)

// payloads tells the payload types of what comes in.
type payloads struct {
	audio codec
	other []codec // telephone-events, and audio that we offered but do not speak
}

// heard hands a source over to the reader, and wakes the reader from the
// source before: the far end has replaced it. It is pion's callback.
func (p *Peer) heard(t *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	if p.reading != nil {
		_ = p.reading.SetReadDeadline(time.Unix(1, 0))
	}
	p.reading = t
	select {
	case <-p.hear: // never begun
	default:
	}
	p.hear <- t
	p.wg.Go(func() { drain(r.Read) })
}

// drain reads RTCP, for the interceptors that learn from it, and discards it.
func drain(read func([]byte) (int, interceptor.Attributes, error)) {
	buf := make([]byte, readSize)
	for failed := 0; failed < maxReadErrors; {
		if _, _, err := read(buf); over(err) {
			return
		} else if err != nil {
			failed++
		}
	}
}

// over tells the end of a source from one packet that was no good.
func over(err error) bool {
	var waited net.Error
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe) || errors.As(err, &waited) && waited.Timeout()
}

// read is the peer's reading goroutine.
func (p *Peer) read() {
	buf := make([]byte, readSize)
	for {
		select {
		case <-p.done:
			return
		case t := <-p.hear:
			p.listen(t, buf)
		}
	}
}

// listen reads one source to its end.
func (p *Peer) listen(t *webrtc.TrackRemote, buf []byte) {
	var header rtp.Header
	var packet media.Packet
	for failed := 0; failed < maxReadErrors; {
		n, _, err := t.Read(buf)
		if n == 0 && over(err) {
			return
		}
		if !p.payloads.Load().decode(buf[:n], &header, &packet) {
			p.tally.rejected.Add(1)
			failed++
			continue
		}
		failed = 0
		p.tally.receive(&packet, time.Now())
		if sink := p.sink.Load(); sink != nil {
			_ = (*sink).WritePacket(&packet) // a sink that closed is replaced by its owner
		}
	}
}

// decode reads one RTP packet of a payload type that was negotiated.
func (k *payloads) decode(b []byte, header *rtp.Header, to *media.Packet) bool {
	n, err := header.Unmarshal(b)
	if err != nil {
		return false
	}
	end := len(b)
	if header.Padding { // RFC 3550 §5.1: the last byte counts the padding
		end -= int(b[end-1])
	}
	if end <= n {
		return false
	}
	c, ok := k.codec(header.PayloadType)
	*to = media.Packet{
		Payload: b[n:end], SSRC: header.SSRC, Sequence: header.SequenceNumber, Timestamp: header.Timestamp,
		Clock: c.ClockRate, Marker: header.Marker, Event: isEvent(c.Format),
	}
	return ok
}

func (k *payloads) codec(pt uint8) (codec, bool) {
	if pt == k.audio.pt {
		return k.audio, true
	}
	for _, c := range k.other {
		if c.pt == pt && isEvent(c.Format) {
			return c, true
		}
	}
	return codec{}, false
}
