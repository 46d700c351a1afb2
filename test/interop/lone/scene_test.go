//go:build interop

package lone

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"roomline/media"
	"roomline/media/music"
	"roomline/media/peer"
)

const patience = 60 * time.Second

var browsers = map[string]func(context.Context, io.Writer) (browser, error){"Chromium": startChromium, "Firefox": startFirefox}

// each runs a test in a page of its own in every browser.
func each(t *testing.T, test func(t *testing.T, s *scene)) {
	for name, start := range browsers {
		if only := os.Getenv("LONE"); only != "" && only != name {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			b, err := start(ctx, io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(b.Close)
			page := servePage()
			t.Cleanup(page.Close)
			if err := b.open(ctx, page.URL); err != nil {
				t.Fatal(err)
			}
			test(t, newScene(t, ctx, b))
		})
	}
}

// scene is one browser's page and a factory of peers.
type scene struct {
	*testing.T
	ctx    context.Context
	b      browser
	peers  *peer.Factory
	states chan peer.State
	p      *peer.Peer
	heard  heard
}

func newScene(t *testing.T, ctx context.Context, b browser) *scene {
	level := slog.LevelError
	if os.Getenv("LONE_DEBUG") != "" {
		level = slog.LevelDebug
	}
	f, err := peer.New(peer.Config{Address: "127.0.0.1"}, slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return &scene{T: t, ctx: ctx, b: b, peers: f, states: make(chan peer.State, 32)}
}

// heard counts what comes from the browser, and the longest time without.
type heard struct {
	n    atomic.Int64
	last atomic.Int64 // Unix nanoseconds
	gap  atomic.Int64 // ns
}

func (h *heard) WritePacket(*media.Packet) error {
	now := time.Now().UnixNano()
	if last := h.last.Swap(now); last != 0 {
		h.gap.Store(max(h.gap.Load(), now-last))
	}
	h.n.Add(1)
	return nil
}

// js calls a function of the page.
func (s *scene) js(out any, name string, args ...any) {
	s.Helper()
	if err := s.try(out, name, args...); err != nil {
		s.Fatalf("%s: %v", name, err)
	}
}

func (s *scene) try(out any, name string, args ...any) error {
	list := make([]string, len(args))
	for i, a := range args {
		raw, err := json.Marshal(a)
		if err != nil {
			return err
		}
		list[i] = string(raw)
	}
	return s.b.evaluate(s.ctx, fmt.Sprintf("(async () => await lone.%s(%s))()", name, strings.Join(list, ",")), out)
}

func (s *scene) offer(args ...any) (sdp string) { s.Helper(); s.js(&sdp, "offer", args...); return }

func (s *scene) answer(offer string) (sdp string) { s.Helper(); s.js(&sdp, "answer", offer); return }

func (s *scene) on(st peer.State) { s.states <- st }

// browserCalls connects a call of the browser's.
func (s *scene) browserCalls(pool int, f media.Format) {
	s.Helper()
	s.js(nil, "make", pool)
	p, answer, err := s.peers.Answer(s.offer(), f, s.on)
	s.adopt(p, err)
	s.js(nil, "accept", answer)
	s.connected()
}

// peerCalls connects a call to the browser.
func (s *scene) peerCalls(pool int, f media.Format) {
	s.Helper()
	s.js(nil, "make", pool)
	p, offer, err := s.peers.Offer([]media.Format{f}, s.on)
	s.adopt(p, err)
	if err := p.Accept(s.answer(offer)); err != nil {
		s.Fatal(err)
	}
	s.connected()
}

func (s *scene) adopt(p *peer.Peer, err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
	s.p = p
	s.Cleanup(func() { _ = p.Close() })
	p.SendTo(&s.heard)
}

func (s *scene) connected() {
	s.Helper()
	select {
	case st := <-s.states:
		if st != peer.Connected {
			s.Fatalf("the peer is %v", st)
		}
	case <-s.ctx.Done():
		s.Fatal("the peer never connected")
	}
	set, err := music.New(music.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		s.Fatal(err)
	}
	stop := set.Hold.Play(s.p, s.p.Format())
	s.Cleanup(stop)
}

type stats struct {
	State, ICE, Signaling string
	Current               []*string
	Received, Sent, Lost  int
	Energy                float64
}

func (s *scene) stats() (v stats) { s.Helper(); s.js(&v, "stats"); return }

// took says how long connecting took, once the browser had both descriptions.
func (s *scene) took() {
	s.Helper()
	var ms float64
	if err := s.b.evaluate(s.ctx, "(async () => lone.took)()", &ms); err != nil {
		s.Fatal(err)
	}
	s.Logf("connected after %.0f ms", ms)
}

// flows waits until audio has gone each way that is wanted, and until it is
// heard.
func (s *scene) flows(toBrowser, fromBrowser bool) {
	s.Helper()
	before, heard := s.stats(), s.heard.n.Load()
	for {
		now := s.stats()
		toThem := now.Received > before.Received+20 && now.Energy > before.Energy
		if (toThem || !toBrowser) && (s.heard.n.Load() > heard+20 || !fromBrowser) {
			return
		}
		if s.ctx.Err() != nil {
			s.Fatalf("no audio: %+v, then %+v; heard %d, then %d", before, now, heard, s.heard.n.Load())
		}
		<-time.After(50 * time.Millisecond)
	}
}
