package port

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// ErrExhausted says that every pair is in use; one that is closed ends it.
var ErrExhausted = errors.New("no RTP port is free")

// ErrClosed says that the range, or the port, was closed.
var ErrClosed = errors.New("RTP port is closed")

// Range gives out port pairs. Its methods may be called from any goroutine.
type Range struct {
	cfg        Config
	bind       netip.Addr
	advertised netip.Addr
	log        *slog.Logger
	now        func() time.Time
	done       chan struct{}
	swept      sync.WaitGroup

	mu         sync.Mutex
	closed     bool
	free       []int          // indices of pairs that have no sockets
	open       map[*Port]bool // pairs in use
	quarantine quarantine
	buf        []byte // to drain into
}

// NewRange checks the configuration and begins the goroutine that drains closed
// pairs. It opens no port yet.
func NewRange(cfg Config, log *slog.Logger) (*Range, error) {
	r, err := newRange(cfg, log, time.Now)
	if err != nil {
		return nil, err
	}
	r.swept.Go(r.run) // until Close, which waits for it
	return r, nil
}

func newRange(cfg Config, log *slog.Logger, now func() time.Time) (*Range, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("rtp: %w", err)
	}
	if cfg.Drain == 0 {
		cfg.Drain = defaultDrain
	}
	advertised, _ := cfg.advertised()
	r := &Range{
		cfg: cfg, bind: netip.MustParseAddr(cfg.Address).Unmap(), advertised: advertised,
		log: log, now: now, done: make(chan struct{}), open: map[*Port]bool{},
		quarantine: quarantine{drain: cfg.Drain}, buf: make([]byte, maxPacket),
	}
	for i := range cfg.pairs() {
		r.free = append(r.free, i)
	}
	return r, nil
}

func (r *Range) run() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-r.done:
			return
		case <-tick.C:
			r.sweep()
		}
	}
}

// sweep closes the pairs that were silent for long enough.
func (r *Range) sweep() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.quarantine.sweep(r.now(), r.heard) {
		r.release(p.index, p.close())
	}
}

func (r *Range) heard(p *rested) bool { return p.drain(r.buf) }

// release has a pair whose sockets are closed given out again.
func (r *Range) release(index int, failed error) {
	if failed != nil {
		r.log.Debug("close rtp pair", "error", failed)
	}
	r.free = append(r.free, index)
}

// Open takes a pair at random, so that a stranger cannot guess it. It fails
// with ErrExhausted where all are in use or were closed a moment ago.
func (r *Range) Open() (*Port, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, ErrClosed
	}
	p, err := r.take()
	if err != nil {
		return nil, err
	}
	port := newPort(p, r)
	r.open[port] = true
	return port, nil
}

// take prefers a free pair, then the one that is longest in quarantine. It does
// not sweep: that takes long where thousands of calls have just ended.
func (r *Range) take() (*pair, error) {
	p, err := r.unused()
	if err == nil {
		return p, nil
	}
	if old := r.quarantine.early(r.now(), r.heard); old != nil {
		r.release(old.index, old.close())
		return r.unused() // with sockets of its own
	}
	return nil, err
}

// unused opens one of the free pairs. Another program may hold some, so it
// tries them all.
func (r *Range) unused() (*pair, error) {
	failed := ErrExhausted
	for untried := len(r.free); untried > 0; untried-- {
		at := pick(untried)
		index := r.free[at]
		p, err := listen(r.bind, index, r.cfg.first()+2*index)
		if err == nil {
			r.free = append(r.free[:at], r.free[at+1:]...)
			return p, nil
		}
		failed = fmt.Errorf("%w: %w", ErrExhausted, err)
		if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
			break // no other port would be any better
		}
		r.free[at], r.free[untried-1] = r.free[untried-1], index
	}
	return nil, failed
}

// pick is a random number below n, which is above 0.
func pick(n int) int {
	i, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
	if err != nil {
		return 0
	}
	return int(i.Int64())
}

// retire is told by a port that it has closed.
func (r *Range) retire(port *Port) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.open[port] {
		return
	}
	delete(r.open, port)
	if r.closed || port.untold.Load() {
		r.release(port.pair.index, port.pair.close())
		return
	}
	rested, err := port.pair.rest()
	if err != nil {
		r.log.Debug("rest rtp pair", "error", err)
	}
	r.quarantine.add(rested, r.now())
}

// Free is how many pairs are neither in use nor in quarantine.
func (r *Range) Free() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.free)
}

// Close closes every port and socket and ends the draining goroutine before it
// returns. It may be called twice.
func (r *Range) Close() {
	for _, p := range r.shut() {
		_ = p.Close() // never fails
	}
	r.swept.Wait()
}

func (r *Range) shut() (open []*Port) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.closed = true
		close(r.done)
	}
	for p := range r.open {
		open = append(open, p)
	}
	for _, h := range r.quarantine.held {
		r.release(h.index, h.close())
	}
	r.quarantine.held = nil
	return open
}
