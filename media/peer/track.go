package peer

import (
	"crypto/rand"
	"sync"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"roomline/media"
	"roomline/media/dtmf"
	"roomline/media/line"
)

// track is what we send: audio and telephone-events, on one SSRC and one line
// of sequence numbers and timestamps for the peer's whole life. Pion's own
// tracks know one payload type each; this one writes the header itself.
type track struct {
	id, stream string
	tally      *tally

	mu      sync.Mutex // guards what follows; the far sink and a digit may write at once
	out     webrtc.TrackLocalWriter
	ssrc    uint32
	audio   codec
	event   codec
	events  bool   // telephone-event was negotiated
	held    bool   // the far end does not want to hear us
	hushed  bool   // a digit of ours is being sent
	pauses  uint32 // by either that are over
	closed  bool
	line    *line.Line
	header  rtp.Header
	scratch [dtmf.Size]byte // an event with our duration
}

func newTrack(t *tally) *track { return &track{id: rand.Text(), stream: rand.Text(), tally: t} }

// negotiated fixes what is sent. The line of timestamps begins once.
func (t *track) negotiated(audio codec, list []codec) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.audio = audio
	t.event, t.events = eventFor(audio.Format, list)
	if t.line == nil {
		t.line = line.New(audio.ClockRate)
	}
}

func (t *track) hold(on bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.held && !on {
		t.pauses++
	}
	t.held = on
}

// hush leaves out audio, but not events.
func (t *track) hush(on bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.hushed && !on {
		t.pauses++
	}
	t.hushed = on
}

func (t *track) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
}

// write sends one packet. While the far end holds, or before the connection is
// up, it sends nothing and says nothing.
func (t *track) write(p *media.Packet, now time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return ErrClosed
	}
	if t.out == nil || t.line == nil || t.held || p.Event && !t.events || t.hushed && !p.Event {
		return nil
	}
	from, pt := *p, t.audio.pt
	// After a pause the source counts as another one: what went by unsent is no
	// loss of the far end's.
	from.SSRC += t.pauses
	if p.Event {
		pt = t.event.pt
	}
	own := p.Event && len(p.Payload) == dtmf.Size
	if own {
		from.Payload = t.scratch[:copy(t.scratch[:], p.Payload)]
	}
	seq, ts := t.line.Next(&from, now)
	if own {
		dtmf.Scale(from.Payload, p.Clock, t.event.ClockRate)
	}
	t.send(pt, seq, ts, p.Marker, from.Payload)
	return nil
}

// Bind implements webrtc.TrackLocal: pion calls it when the far end's
// description and ours are both in place.
func (t *track) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range c.CodecParameters() {
		if uint8(p.PayloadType) == t.audio.pt {
			t.out, t.ssrc = c.WriteStream(), uint32(c.SSRC())
			return p, nil
		}
	}
	return webrtc.RTPCodecParameters{}, webrtc.ErrUnsupportedCodec
}

// Unbind implements webrtc.TrackLocal.
func (t *track) Unbind(webrtc.TrackLocalContext) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.out = nil
	return nil
}

// ID implements webrtc.TrackLocal.
func (t *track) ID() string { return t.id }

// RID implements webrtc.TrackLocal: there is no simulcast.
func (t *track) RID() string { return "" }

// StreamID implements webrtc.TrackLocal.
func (t *track) StreamID() string { return t.stream }

// Kind implements webrtc.TrackLocal.
func (t *track) Kind() webrtc.RTPCodecType { return webrtc.RTPCodecTypeAudio }
