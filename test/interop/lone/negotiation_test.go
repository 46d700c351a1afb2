//go:build interop

package lone

import (
	"errors"
	"strings"
	"testing"
	"time"

	"roomline/media"
	"roomline/media/peer"
)

// offers has the browser offer again, and gives it our answer.
func (s *scene) offers(args ...any) (answer string, held bool) {
	s.Helper()
	answer, held, err := s.p.Renegotiate(s.offer(args...))
	if err != nil {
		s.Fatal(err)
	}
	s.js(nil, "accept", answer)
	return answer, held
}

func (s *scene) is(directions ...string) {
	s.Helper()
	got := s.stats()
	if len(got.Current) != len(directions) || got.Signaling != "stable" {
		s.Fatalf("transceivers %v", got)
	}
	for i, want := range directions {
		if c := got.Current[i]; c == nil && want != "" || c != nil && *c != want {
			s.Errorf("transceiver %d of %d is %v, want %q", i, len(directions), *c, want)
		}
	}
}

// TestBrowserHolds: T40.
func TestBrowserHolds(t *testing.T) {
	each(t, func(t *testing.T, s *scene) {
		s.browserCalls(0, media.Opus)
		for _, c := range []struct {
			offer, answer string
			held, back    bool
		}{{"sendonly", "recvonly", true, true}, {"inactive", "inactive", true, false}, {"sendonly", "recvonly", true, true}, {"sendrecv", "sendrecv", false, true}} {
			s.js(nil, "direction", c.offer)
			answer, held := s.offers()
			if !strings.Contains(answer, "\r\na="+c.answer+"\r\n") || held != c.held {
				t.Errorf("%s: held %v, answer\n%s", c.offer, held, answer)
			}
			s.is(c.offer)
			s.flows(!c.held, c.back)
		}
	})
}

// TestWeHold: T42, the caller's half: the browser sees that it is on hold, and
// hears the music.
func TestWeHold(t *testing.T) {
	each(t, func(t *testing.T, s *scene) {
		s.peerCalls(0, media.PCMU)
		for _, hold := range []bool{true, false, true, false} {
			offer, err := s.p.Reoffer(hold)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.p.Accept(s.answer(offer)); err != nil {
				t.Fatal(err)
			}
			s.is(map[bool]string{true: "recvonly", false: "sendrecv"}[hold])
			s.flows(true, !hold)
		}
	})
}

// TestOffersCollide: T42. The browser takes its own offer back and answers ours.
func TestOffersCollide(t *testing.T) {
	each(t, func(t *testing.T, s *scene) {
		s.peerCalls(0, media.PCMU)
		theirs := s.offer()
		ours, err := s.p.Reoffer(true)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.p.Renegotiate(theirs); !errors.Is(err, peer.ErrCollision) {
			t.Fatalf("their offer: %v", err)
		}
		if err := s.p.Accept(s.answer(ours)); err != nil {
			t.Fatal(err)
		}
		s.is("recvonly")
		s.flows(true, false)
		if _, _, err := s.p.Renegotiate(s.offer()); err != nil { // what it wanted, once more
			t.Fatal(err)
		}
	})
}

// TestAnOfferWithoutAnAnswer: the browser never got it, or its answer was lost.
func TestAnOfferWithoutAnAnswer(t *testing.T) {
	each(t, func(t *testing.T, s *scene) {
		s.peerCalls(0, media.PCMU)
		for _, lost := range []bool{true, false} {
			offer, err := s.p.Reoffer(true)
			if err != nil {
				t.Fatal(err)
			}
			if !lost {
				s.answer(offer)
			}
			s.p.Abandon()
			if offer, err = s.p.Reoffer(false); err != nil {
				t.Fatal(err)
			}
			if err := s.p.Accept(s.answer(offer)); err != nil {
				t.Fatal(err)
			}
			s.is("sendrecv")
			s.flows(true, true)
		}
	})
}

// TestVideoIsRefused: T43 and T44. A camera, a shared screen or another
// microphone are offered and not taken; the call goes on, and so does what is
// negotiated after it, by either side.
func TestVideoIsRefused(t *testing.T) {
	for _, add := range []string{"video", "secondAudio"} {
		t.Run(add, func(t *testing.T) {
			each(t, func(t *testing.T, s *scene) {
				s.peerCalls(0, media.PCMU)
				s.js(nil, add)
				answer, _ := s.offers()
				if strings.Count(answer, "\r\nm=") != 2 || !strings.Contains(answer[strings.LastIndex(answer, "\r\nm="):], " 0 UDP/TLS") {
					t.Errorf("answer\n%s", answer)
				}
				s.flows(true, true)
				s.js(nil, add) // another one, in the refused section or after it
				s.offers()
				s.flows(true, true)
				s.js(nil, "direction", "sendonly")
				if _, held := s.offers(); !held {
					t.Error("not held")
				}
				s.js(nil, "direction", "sendrecv")
				s.offers()
				for _, hold := range []bool{true, false} {
					offer, err := s.p.Reoffer(hold)
					if err != nil {
						t.Fatal(err)
					}
					if err := s.p.Accept(s.answer(offer)); err != nil {
						t.Fatal(err)
					}
				}
				s.flows(true, true)
			})
		})
	}
}

// TestVideoFirst: T43, with a call that begins with video.
func TestVideoFirst(t *testing.T) {
	each(t, func(t *testing.T, s *scene) {
		s.js(nil, "make", 0)
		s.js(nil, "video")
		p, answer, err := s.peers.Answer(s.offer(), media.Opus, s.on)
		s.adopt(p, err)
		s.js(nil, "accept", answer)
		s.connected()
		s.flows(true, true)
	})
}

// restartGap is how long audio may pause on a busy machine while ICE restarts on a path that
// stays as it was.
const restartGap = time.Second

// TestICERestarts: T41, with and without the candidate pool of Element Web.
func TestICERestarts(t *testing.T) {
	for name, pool := range map[string]int{"plain": 0, "pool": 20} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, s *scene) {
				s.browserCalls(pool, media.Opus)
				s.flows(true, true)
				for range 2 {
					s.js(nil, "watch", 5000) // Chromium leaves its old path after three or four
					s.heard.gap.Store(0)
					s.offers(map[string]any{"iceRestart": true})
					var there int
					if err := s.b.evaluate(s.ctx, "lone.watched", &there); err != nil {
						t.Fatal(err)
					}
					back := time.Duration(s.heard.gap.Load())
					t.Logf("no audio for %v to the browser, %v from it", time.Duration(there)*time.Millisecond, back.Round(time.Millisecond))
					if max(back, time.Duration(there)*time.Millisecond) > restartGap {
						t.Errorf("longer than %v", restartGap)
					}
					s.flows(true, true)
				}
			})
		})
	}
}

// TestSilentBrowser: a microphone that is off, and a browser that sends nothing
// at all, are not a lost call.
func TestSilentBrowser(t *testing.T) {
	each(t, func(t *testing.T, s *scene) {
		s.browserCalls(0, media.PCMU)
		s.flows(true, true)
		s.js(nil, "enable", false)
		s.flows(true, true)
		s.js(nil, "direction", "inactive")
		s.offers()
		select {
		case st := <-s.states:
			t.Errorf("the peer is %v", st)
		case <-time.After(15 * time.Second): // three times what counts as interrupted
		}
		s.js(nil, "enable", true)
		s.js(nil, "direction", "sendrecv")
		s.offers()
		s.flows(true, true)
	})
}
