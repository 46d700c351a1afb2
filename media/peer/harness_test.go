package peer

import (
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"go.uber.org/goleak"

	"roomline/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is longer than anything on loopback takes.
const patience = 10 * time.Second

func newFactory(t testing.TB, change ...func(*Config)) *Factory {
	t.Helper()
	cfg := Config{Address: "127.0.0.1"}
	for _, f := range change {
		f(&cfg)
	}
	f, err := New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeTwice(t, f) })
	return f
}

type closer interface{ Close() error }

func closeTwice(t testing.TB, c closer) {
	t.Helper()
	for range 2 {
		if err := c.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
}

// states collects what a peer reports.
type states chan State

func newStates() states { return make(states, 32) }

func (s states) on(st State) { s <- st }

func (s states) await(t testing.TB, want State) {
	t.Helper()
	select {
	case got := <-s:
		if got != want {
			t.Fatalf("state is %v, want %v", got, want)
		}
	case <-time.After(patience):
		t.Fatalf("state %v never came", want)
	}
}

// ear is a sink that keeps copies.
type ear chan media.Packet

func newEar() ear { return make(ear, 1024) }

func (e ear) WritePacket(p *media.Packet) error {
	q := *p
	q.Payload = append([]byte(nil), p.Payload...)
	select {
	case e <- q:
	default:
	}
	return nil
}

// next waits for a packet that want accepts.
func (e ear) next(t testing.TB, want func(media.Packet) bool) media.Packet {
	t.Helper()
	limit := time.After(patience)
	for {
		select {
		case p := <-e:
			if want(p) {
				return p
			}
		case <-limit:
			t.Fatal("the packet never came")
		}
	}
}

// voice writes 20 ms frames of one byte value until stopped.
type voice struct {
	stop chan struct{}
	wg   sync.WaitGroup
}

func speak(t testing.TB, to media.Sink, clock int, fill byte) *voice {
	v := &voice{stop: make(chan struct{})}
	v.wg.Go(func() {
		tick := time.NewTicker(5 * time.Millisecond) // four times as fast as life
		defer tick.Stop()
		p := media.Packet{SSRC: 7, Clock: clock, Payload: make([]byte, 160)}
		for i := range p.Payload {
			p.Payload[i] = fill
		}
		for {
			select {
			case <-v.stop:
				return
			case <-tick.C:
				p.Sequence++
				p.Timestamp += uint32(clock / 50)
				if err := to.WritePacket(&p); err != nil {
					return
				}
			}
		}
	})
	t.Cleanup(v.Close)
	return v
}

func (v *voice) Close() {
	select {
	case <-v.stop:
	default:
		close(v.stop)
	}
	v.wg.Wait()
}

func filled(fill byte) func(media.Packet) bool {
	return func(p media.Packet) bool {
		if p.Event || len(p.Payload) != 160 {
			return false
		}
		for _, b := range p.Payload {
			if b != fill {
				return false
			}
		}
		return true
	}
}

// browser is a pion client with a socket and codecs of its own.
type browser struct {
	*webrtc.PeerConnection
	track  *webrtc.TrackLocalStaticRTP
	heard  chan *webrtc.TrackRemote
	socket *net.UDPConn
	up     chan struct{} // closed once the browser's end is connected
}

func newBrowser(t testing.TB, mime string) *browser {
	t.Helper()
	var s webrtc.SettingEngine
	s.SetIncludeLoopbackCandidate(true)
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	mux := ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: socket})
	s.SetICEUDPMux(mux)
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	engine := &webrtc.MediaEngine{}
	if err := engine.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []codec{{event(48000), 110}, {event(8000), 126}} {
		if err := engine.RegisterCodec(parameters(c), webrtc.RTPCodecTypeAudio); err != nil {
			t.Fatal(err)
		}
	}
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(s), webrtc.WithMediaEngine(engine)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{PeerConnection: pc, heard: make(chan *webrtc.TrackRemote, 4), socket: socket, up: make(chan struct{})}
	t.Cleanup(func() { b.leave(); _ = mux.Close(); _ = socket.Close() })
	b.track, err = webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: mime}, "mic", "far")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pc.AddTrack(b.track); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s == webrtc.PeerConnectionStateConnected {
			once.Do(func() { close(b.up) })
		}
	})
	pc.OnTrack(func(t *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { b.heard <- t })
	return b
}

// leave closes the connection in order.
func (b *browser) leave() { _ = b.GracefulClose() }

// vanish takes the network away: not even a farewell gets out.
func (b *browser) vanish() { _ = b.socket.Close() }

// WritePacket speaks as the browser's microphone.
func (b *browser) WritePacket(p *media.Packet) error {
	return b.track.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: p.Sequence, Timestamp: p.Timestamp}, Payload: p.Payload})
}

// listen passes on what the browser hears.
func (b *browser) listen(t testing.TB) chan *rtp.Packet {
	t.Helper()
	out := make(chan *rtp.Packet, 4096)
	select {
	case track := <-b.heard:
		go func() { // ends when the browser leaves
			for {
				p, _, err := track.ReadRTP()
				if err != nil {
					return
				}
				select {
				case out <- p:
				default:
				}
			}
		}()
	case <-time.After(patience):
		t.Fatal("the browser was never sent anything")
	}
	return out
}

// hears waits for a packet that want accepts.
func hears(t testing.TB, from chan *rtp.Packet, want func(*rtp.Packet) bool) *rtp.Packet {
	t.Helper()
	limit := time.After(patience)
	for {
		select {
		case p := <-from:
			if want(p) {
				return p
			}
		case <-limit:
			t.Fatal("the browser never heard it")
		}
	}
}

func says(fill byte) func(*rtp.Packet) bool {
	return func(p *rtp.Packet) bool {
		return len(p.Payload) == 160 && p.Payload[0] == fill && p.Payload[159] == fill
	}
}

// offer is a complete offer of the browser.
func (b *browser) offer(t testing.TB, o *webrtc.OfferOptions) string {
	t.Helper()
	desc, err := b.CreateOffer(o)
	if err != nil {
		t.Fatal(err)
	}
	return b.local(t, desc)
}

func (b *browser) local(t testing.TB, desc webrtc.SessionDescription) string {
	t.Helper()
	gathered := webrtc.GatheringCompletePromise(b.PeerConnection)
	if err := b.SetLocalDescription(desc); err != nil {
		t.Fatal(err)
	}
	<-gathered
	return b.LocalDescription().SDP
}

func (b *browser) remote(t testing.TB, kind webrtc.SDPType, text string) {
	t.Helper()
	if err := b.SetRemoteDescription(webrtc.SessionDescription{Type: kind, SDP: text}); err != nil {
		t.Fatal(err)
	}
}

// answer answers an offer of ours.
func (b *browser) answer(t testing.TB, offer string) string {
	t.Helper()
	b.remote(t, webrtc.SDPTypeOffer, offer)
	desc, err := b.CreateAnswer(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b.local(t, desc)
}
