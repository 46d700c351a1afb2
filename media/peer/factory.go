// Package peer turns session descriptions into a WebRTC connection that speaks
// one audio format.
package peer

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v4"
)

// ErrClosed says that the factory or peer was closed before.
var ErrClosed = errors.New("peer is closed")

// socketBuffer is asked of the kernel for the one socket that all peers share.
const socketBuffer = 1 << 20

// Factory makes peers that share one UDP port.
type Factory struct {
	cfg  Config
	log  *slog.Logger
	addr netip.AddrPort
	mux  *ice.UDPMuxDefault
	conn *net.UDPConn

	mu     sync.Mutex
	closed bool
	peers  map[*Peer]struct{}
}

// New opens the UDP port. The caller closes the factory.
func New(cfg Config, log *slog.Logger) (*Factory, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	at := netip.AddrPortFrom(netip.MustParseAddr(cfg.Address).Unmap(), uint16(cfg.Port))
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
	if err != nil {
		return nil, fmt.Errorf("open the WebRTC port: %w", err)
	}
	// The kernel may grant less, which costs packets only in bursts.
	_, _ = conn.SetReadBuffer(socketBuffer), conn.SetWriteBuffer(socketBuffer)
	bound := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	mux := ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: conn, Logger: pionLog{log}.NewLogger("mux")})
	return &Factory{
		cfg: cfg, log: log, conn: conn, mux: mux, peers: map[*Peer]struct{}{},
		addr: netip.AddrPortFrom(bound.Addr().Unmap(), bound.Port()),
	}, nil
}

// Addr is the address and UDP port that the factory is bound to.
func (f *Factory) Addr() netip.AddrPort { return f.addr }

// Close closes what peers are left, then the port. It may be called twice.
func (f *Factory) Close() error {
	f.mu.Lock()
	closed := f.closed
	f.closed = true
	left := make([]*Peer, 0, len(f.peers))
	for p := range f.peers {
		left = append(left, p)
	}
	f.mu.Unlock()
	if closed {
		return nil
	}
	var errs []error
	for _, p := range left {
		errs = append(errs, p.Close())
	}
	return errors.Join(append(errs, f.mux.Close(), notClosed(f.conn.Close()))...)
}

// notClosed forgives the second close of a socket that the mux closed first.
func notClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (f *Factory) add(p *Peer) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return ErrClosed
	}
	f.peers[p] = struct{}{}
	return nil
}

func (f *Factory) forget(p *Peer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.peers, p)
}

// connection makes a pion connection that knows exactly these codecs.
func (f *Factory) connection(list []codec) (*webrtc.PeerConnection, error) {
	engine := &webrtc.MediaEngine{}
	for _, c := range list {
		if err := engine.RegisterCodec(parameters(c), webrtc.RTPCodecTypeAudio); err != nil {
			return nil, fmt.Errorf("register %s: %w", c, err)
		}
	}
	// Of pion's default interceptors only the RTCP reports: retransmission and
	// congestion control serve video, and all together they cost a third of the
	// CPU of a relayed call. Reports feed the browser's loss and delay figures.
	registry := &interceptor.Registry{}
	if err := webrtc.ConfigureRTCPReports(registry); err != nil {
		return nil, fmt.Errorf("configure RTCP reports: %w", err)
	}
	settings, err := f.settings()
	if err != nil {
		return nil, err
	}
	api := webrtc.NewAPI(webrtc.WithMediaEngine(engine), webrtc.WithInterceptorRegistry(registry), webrtc.WithSettingEngine(settings))
	return api.NewPeerConnection(webrtc.Configuration{})
}

const (
	iceDisconnected  = 5 * time.Second // without any packet: State Interrupted
	iceKeepalive     = 2 * time.Second
	iceDirect        = 0                      // that a path through a NAT waits for a better one, where we choose
	iceRelayed       = 500 * time.Millisecond // and one through a relay; pion waits for 1 and 2 seconds
	dtlsResend       = 200 * time.Millisecond // the first flight may come before the browser has our answer
	replayWindow     = 128                    // packets; at least 64 (RFC 3711 §3.3.2)
	dtlsReplayWindow = 64
)

func (f *Factory) settings() (webrtc.SettingEngine, error) {
	var s webrtc.SettingEngine
	s.LoggerFactory = pionLog{f.log}
	s.SetICEUDPMux(f.mux)
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	if f.addr.Addr().Is6() {
		s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP6})
	}
	s.SetIncludeLoopbackCandidate(f.addr.Addr().IsLoopback())
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled) // neither names of ours nor look-ups of theirs
	s.DisableActiveTCP(true)
	s.SetRemoteIPFilter(func(ip net.IP) bool { return f.reachable(ip) })
	s.SetICETimeouts(min(iceDisconnected, f.cfg.ICETimeout), f.cfg.ICETimeout, min(iceKeepalive, f.cfg.ICETimeout/3))
	s.SetSrflxAcceptanceMinWait(iceDirect)
	s.SetPrflxAcceptanceMinWait(iceDirect)
	s.SetRelayAcceptanceMinWait(iceRelayed)
	s.SetDTLSRetransmissionInterval(dtlsResend)
	s.SetSRTPReplayProtectionWindow(replayWindow)
	s.SetSRTCPReplayProtectionWindow(replayWindow)
	s.SetDTLSReplayProtectionWindow(dtlsReplayWindow)
	// A track is wanted as soon as it is negotiated: the reader counts and
	// passes the very first packet.
	s.SetFireOnTrackBeforeFirstRTP(true)
	s.SetHandleUndeclaredSSRCWithoutAnswer(true)
	if f.cfg.PublicIP == "" {
		return s, nil
	}
	return s, s.SetICEAddressRewriteRules(webrtc.ICEAddressRewriteRule{
		External: []string{f.cfg.PublicIP}, AsCandidateType: webrtc.ICECandidateTypeHost, Mode: webrtc.ICEAddressRewriteReplace,
	})
}
