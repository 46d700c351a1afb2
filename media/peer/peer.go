package peer

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/webrtc/v4"

	"roomline/media"
)

// Peer is one connection to a browser. Its methods may be called from any
// goroutine, but not from the State callback.
type Peer struct {
	factory *Factory
	pc      *webrtc.PeerConnection
	track   *track
	tally   *tally
	status  *status
	sink    atomic.Pointer[media.Sink]

	payloads atomic.Pointer[payloads] // as negotiated last

	done   chan struct{}            // closed by Close
	hear   chan *webrtc.TrackRemote // what to read next; holds one
	digits chan byte                // that wait to be played
	wg     sync.WaitGroup           // reader, digits and RTCP drains; Close waits
	ending sync.Once

	mu      sync.Mutex // guards what follows, and one negotiation at a time
	closed  bool
	offer   []codec // what we offered first; nil where we answer
	terms           // as settled last
	own     own     // what we said last
	pending []Candidate
	given   int // candidates taken in this generation of ICE
	checked int // of these, handed to ICE
	reading *webrtc.TrackRemote
}

// terms are what a description of the far end settles.
type terms struct {
	audio  codec
	codecs []codec // audio first, then its events
	print  string  // the far end's fingerprint, for the peer's life
	ssrc   string  // the source it declared last
	remote *description
}

var _ media.Endpoint = (*Peer)(nil)

// newPeer makes a connection for these codecs with one audio track. Its reader
// ends in Close.
func (f *Factory) newPeer(list []codec, on func(State)) (*Peer, error) {
	pc, err := f.connection(list)
	if err != nil {
		return nil, err
	}
	counts := &tally{}
	p := &Peer{
		factory: f, pc: pc, track: newTrack(counts), tally: counts, status: &status{on: on},
		done: make(chan struct{}), hear: make(chan *webrtc.TrackRemote, 1), digits: make(chan byte, maxDigits),
	}
	t, err := pc.AddTransceiverFromTrack(p.track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendrecv})
	if err == nil {
		err = f.add(p)
	}
	if err != nil {
		return nil, errors.Join(err, pc.GracefulClose())
	}
	grace := min(closeGrace, f.cfg.ICETimeout)
	pc.OnConnectionStateChange(func(webrtc.PeerConnectionState) { p.status.changed(pc, grace) })
	pc.OnTrack(p.heard)
	p.wg.Go(p.read)
	p.wg.Go(p.play)
	p.wg.Go(func() { drain(t.Sender().Read) })
	return p, nil
}

// StreamID is the stream id in our descriptions' a=msid, the same for the
// peer's life.
func (p *Peer) StreamID() string { return p.track.stream }

// Format is the negotiated encoding; the zero Format before Accept.
func (p *Peer) Format() media.Format {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.audio.Format
}

// SendTo implements media.Endpoint.
func (p *Peer) SendTo(sink media.Sink) {
	if sink == nil {
		p.sink.Store(nil)
		return
	}
	p.sink.Store(&sink)
}

// WritePacket implements media.Sink. What the far end does not want, or cannot
// get yet, is dropped; the only error is ErrClosed.
func (p *Peer) WritePacket(packet *media.Packet) error { return p.track.write(packet, time.Now()) }

// Stats implements media.Endpoint.
func (p *Peer) Stats() media.Stats { return p.tally.stats() }

// Close ends the connection and every goroutine of it before it returns; the
// State callback is silent from its first moment on. It may be called twice.
func (p *Peer) Close() error {
	var err error
	p.ending.Do(func() {
		p.status.end()
		p.track.close()
		close(p.done)
		err = p.pc.GracefulClose()
		p.mu.Lock()
		p.closed = true
		p.mu.Unlock()
		p.wg.Wait()
		p.factory.forget(p)
	})
	return err
}
