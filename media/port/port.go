package port

import (
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"roomline/media"
	"roomline/media/line"
)

// Port is one call's RTP end, plain or encrypted. It is a media.Endpoint; its methods may be
// called from any goroutine but its own, which writes into the sink.
type Port struct {
	pair  *pair
	owner *Range
	log   *slog.Logger
	addr  netip.AddrPort
	began time.Time

	deal     atomic.Pointer[media.Negotiated] // nil before Start
	far      atomic.Pointer[netip.AddrPort]   // where to send; nil: nowhere yet
	sink     atomic.Pointer[media.Sink]       // nil discards
	web      atomic.Pointer[web]              // nil: no WebRTC
	toned    atomic.Pointer[func(byte)]       // takes digits that come as tones; nil: nobody does
	digits   chan press
	sounding atomic.Bool // a digit of ours is
	done     chan struct{}

	protection media.Protection // of the latest Start; both sides' locks

	untold atomic.Bool // nobody knows of it

	closed sync.Once
	wait   sync.WaitGroup

	in  incoming
	out outgoing
}

// incoming is what the reading goroutine counts.
type incoming struct {
	sync.Mutex
	guard    guard
	latch    latch
	source   source
	received uint64
	rejected uint64
	first    time.Time
	last     time.Time
	life     time.Time // of RTP or RTCP
	keys     keys
	report   senderReport // the latest of the far end's
}

// outgoing is shared by whoever writes packets and by our own digits.
type outgoing struct {
	sync.Mutex
	closed bool
	line   *line.Line
	seal   *sealer // nil: plain RTP
	must   bool    // nothing leaves in plain: its keys come by a handshake
	buf    [headerSize + maxPayload + maxTag]byte
	sent   uint64
	octets uint64
	told   uint64      // sent at the last report
	keys   *conversion // nil: of no events
}

var _ media.Endpoint = (*Port)(nil)

// heardLately is how fresh a far end must be to be kept over a re-INVITE.
const heardLately = 2 * time.Second

func newPort(pr *pair, owner *Range) *Port {
	p := &Port{
		pair: pr, owner: owner, log: owner.log, began: time.Now(),
		addr:   netip.AddrPortFrom(owner.advertised, uint16(owner.cfg.first()+2*pr.index)),
		digits: make(chan press, maxDigits), done: make(chan struct{}),
	}
	p.in.latch.learn = owner.cfg.Latch
	p.out.line = line.New(8000)
	p.wait.Go(p.read)  // until Close, which waits for both
	p.wait.Go(p.motor) // paces digits and reports
	return p
}

// Addr is the RTP address to put into SDP.
func (p *Port) Addr() netip.AddrPort { return p.addr }

// Start takes what was negotiated; before it nothing is heard or sent. It may
// be called again after a re-INVITE. With keys that cannot be used nothing is
// heard or sent either: it never falls back to plain RTP.
func (p *Port) Start(n media.Negotiated) {
	p.out.Lock()
	defer p.out.Unlock()
	p.in.Lock()
	defer p.in.Unlock()
	if p.web.Load() != nil {
		p.shake(n.Handshake)
	} else if err := p.protect(n.Protection, time.Now()); err != nil {
		p.log.Error("audio cannot be encrypted", "suite", n.Protection.Suite, "error", err)
		p.deal.Store(nil)
		return
	} else {
		p.in.latch.start(n.Remote, time.Since(p.in.last) < heardLately)
	}
	if n.Format.ClockRate > 0 {
		p.out.line.SetClock(n.Format.ClockRate)
	}
	p.deal.Store(&n)
	p.aim()
}

// aim publishes where to send, with the incoming side locked.
func (p *Port) aim() {
	to, ok := p.in.latch.target()
	if !ok {
		p.far.Store(nil)
		return
	}
	p.far.Store(&to)
}

// Format is the encoding of the latest Start, nameless before it.
func (p *Port) Format() media.Format {
	if n := p.deal.Load(); n != nil {
		return n.Format
	}
	return media.Format{}
}

// SendTo passes what the far end says to sink from the next packet on.
func (p *Port) SendTo(sink media.Sink) {
	if sink == nil {
		p.sink.Store(nil)
		return
	}
	p.sink.Store(&sink)
}

// Stats may be called at any time.
func (p *Port) Stats() media.Stats {
	p.out.Lock()
	sent := p.out.sent
	p.out.Unlock()
	p.in.Lock()
	defer p.in.Unlock()
	return media.Stats{
		Received: p.in.received, Rejected: p.in.rejected, Sent: sent,
		Lost: p.in.source.lostBefore + p.in.source.lost(), Jitter: p.in.source.delay(),
		First: p.in.first, Last: p.in.last,
	}
}

// Life is when the far end was last heard of, by RTP or RTCP; zero: never.
func (p *Port) Life() time.Time {
	p.in.Lock()
	defer p.in.Unlock()
	return p.in.life
}

// Close ends both goroutines before it returns and leaves the sockets to the
// range, which drains them. It may be called twice. It always returns nil.
func (p *Port) Close() error {
	p.closed.Do(func() {
		p.out.Lock()
		p.out.closed = true
		p.out.Unlock()
		close(p.done)
		p.pair.wake()
		p.wait.Wait()
		p.owner.retire(p)
	})
	return nil
}

// Untold says that nobody was told of the port, so that nothing comes late: Close
// gives it back at once. It returns the port.
func (p *Port) Untold() *Port {
	p.untold.Store(true)
	return p
}

func (p *Port) over() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// ErrNoEvent says that no telephone-event was negotiated, ErrBusy that too many
// digits wait to be sent.
var (
	ErrNoEvent = errors.New("the far end takes no telephone-event")
	ErrBusy    = errors.New("too many digits are waiting")
)
