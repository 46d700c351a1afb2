//go:build interop

package interop

import (
	"strings"
	"testing"
	"time"

	"roomline/test/interop/rig"
)

// music fails unless a sound is something, and no tone of anybody's.
func music(t *testing.T, who string, s rig.Sound) {
	t.Helper()
	if loud := s.Loudest(aliceTone, phoneTone, bobTone, 700); s.Tone(loud).Present > s.Length()/2 {
		t.Errorf("%s hears %v instead of music", who, s.Tone(loud))
	}
	if silence := s.Silence(); silence > s.Length()/2 {
		t.Errorf("%s hears nothing for %v of %v", who, silence, s.Length())
	}
}

// TestClientHolds: Element's hold button. The telephone's trunk is told by
// sendonly and hears music; nobody hears alice; it comes back.
func TestClientHolds(t *testing.T) {
	both(t, func(t *testing.T, s *scene, call *rig.RoomCall, line *rig.Line, _ bool) {
		s.talks(call, line)
		n := 0
		for _, hold := range []bool{true, false, true, false} {
			ok(t, call.Hold(s.ctx, hold))
			want := map[bool]string{true: "sendonly", false: "sendrecv"}[hold]
			m, next, err := line.Request(s.ctx, "INVITE", max(n, 1))
			ok(t, err)
			if n = next; m.Direction() != want {
				t.Errorf("the trunk was told %s, want %s", m.Direction(), want)
			}
			_, err = call.WaitFacts(s.ctx, rig.Wanted{"holding": hold, "signalling": "stable"})
			ok(t, err)
			if hold {
				line.Listen(s.ctx, 300*time.Millisecond)
				music(t, "the telephone", line.Listen(s.ctx, 2*time.Second))
			} else {
				s.talks(call, line)
			}
		}
		ok(t, call.Hangup(s.ctx))
		ok(t, line.WaitEnded(s.ctx))
	})
}

// TestClientHoldsAtAsterisk: the same with a real exchange, in one recording.
func TestClientHoldsAtAsterisk(t *testing.T) {
	s := open(t, with{})
	call, phone := s.connect("030 23125606", "+493023125606")
	_, err := call.Record(s.ctx, 2*time.Second)
	ok(t, err)
	ok(t, call.Hold(s.ctx, true))
	_, err = call.WaitFacts(s.ctx, rig.Wanted{"holding": true, "signalling": "stable"})
	ok(t, err)
	pause(s.ctx, 3*time.Second)
	ok(t, call.Hold(s.ctx, false))
	_, err = call.WaitFacts(s.ctx, rig.Wanted{"holding": false, "signalling": "stable"})
	ok(t, err)
	s.listens("alice", call, phoneTone)
	ok(t, call.Hangup(s.ctx))
	theirs, err := phone.Heard(s.ctx)
	ok(t, err)
	tone := theirs.Tone(aliceTone)
	if tone.Present < 3*time.Second || tone.Longest < 2*time.Second || tone.Longest > 4500*time.Millisecond {
		t.Errorf("the phone hears %v of %v", tone, theirs.Length())
	}
	if silence := theirs.Silence(); silence > time.Second {
		t.Errorf("the phone hears nothing for %v", silence)
	}
}

// TestPhoneHoldsWith: a hold by the exchange, with music of its own and without.
// Where alice was called, her client shows it.
func TestPhoneHoldsWith(t *testing.T) {
	both(t, func(t *testing.T, s *scene, call *rig.RoomCall, line *rig.Line, alicePlaced bool) {
		s.talks(call, line)
		for _, direction := range []string{"sendonly", "inactive"} {
			line.Play(map[string]float64{"sendonly": 700}[direction])
			m, err := line.Direct(s.ctx, direction)
			ok(t, err)
			if want := answer(direction); m.Direction() != want {
				t.Errorf("%s was answered %s, want %s", direction, m.Direction(), want)
			}
			if !alicePlaced {
				_, err = call.WaitFacts(s.ctx, rig.Wanted{"held": true})
				ok(t, err)
			}
			pause(s.ctx, 300*time.Millisecond)
			heard, err := call.Record(s.ctx, 2*time.Second)
			ok(t, err)
			if direction == "sendonly" {
				hears(t, "alice", heard, 700, 1600*time.Millisecond)
			} else {
				music(t, "alice", heard)
			}
			line.Play(phoneTone)
			_, err = line.Direct(s.ctx, "sendrecv")
			ok(t, err)
			_, err = call.WaitFacts(s.ctx, rig.Wanted{"held": false, "signalling": "stable"})
			ok(t, err)
			s.talks(call, line)
		}
		ok(t, line.Hangup(s.ctx))
		ok(t, call.WaitState(s.ctx, "ended"))
	})
}

// answer is what a hold may be answered with (RFC 3264 §6.1).
func answer(direction string) string {
	return map[string]string{"sendonly": "recvonly", "inactive": "inactive"}[direction]
}

// TestBothHold: alice holds a telephone that holds her; each comes back by itself.
func TestBothHold(t *testing.T) {
	both(t, func(t *testing.T, s *scene, call *rig.RoomCall, line *rig.Line, alicePlaced bool) {
		line.Play(700)
		_, err := line.Direct(s.ctx, "sendonly")
		ok(t, err)
		_, err = call.WaitFacts(s.ctx, rig.Wanted{"held": !alicePlaced, "signalling": "stable"})
		ok(t, err)
		n, err := len(line.Messages()), call.Hold(s.ctx, true)
		ok(t, err)
		_, err = call.WaitFacts(s.ctx, rig.Wanted{"holding": true, "signalling": "stable"})
		ok(t, err)
		m, _, err := line.Request(s.ctx, "INVITE", n)
		ok(t, err)
		if d := m.Direction(); d != "inactive" && d != "sendonly" {
			t.Errorf("the trunk was told %s", d)
		}
		ok(t, call.Hold(s.ctx, false))
		_, err = call.WaitFacts(s.ctx, rig.Wanted{"holding": false, "signalling": "stable"})
		ok(t, err)
		line.Play(phoneTone)
		_, err = line.Direct(s.ctx, "sendrecv")
		ok(t, err)
		_, err = call.WaitFacts(s.ctx, rig.Wanted{"held": false, "signalling": "stable"})
		ok(t, err)
		s.talks(call, line)
		ok(t, call.Hangup(s.ctx))
	})
}

// TestMute: who switches her microphone off is silent, and no trunk hears of it;
// T46 with a real client.
func TestMute(t *testing.T) {
	both(t, func(t *testing.T, s *scene, call *rig.RoomCall, line *rig.Line, _ bool) {
		s.talks(call, line)
		ok(t, call.Mute(s.ctx, true))
		_, err := call.WaitFacts(s.ctx, rig.Wanted{"muted": true})
		ok(t, err)
		s.timeline(call.Room, func(e []rig.Event) bool {
			for _, event := range e {
				if strings.HasSuffix(event.Type, "sdp_stream_metadata_changed") && event.Sender == s.alice.ID {
					return true
				}
			}
			return false
		})
		line.Listen(s.ctx, 300*time.Millisecond)
		if heard := line.Listen(s.ctx, time.Second); heard.Silence() < 900*time.Millisecond {
			t.Errorf("the telephone hears alice: %v", heard.Tone(aliceTone))
		}
		ok(t, call.Mute(s.ctx, false))
		s.talks(call, line)
		for _, m := range line.Messages()[1:] {
			if m.Method() == "INVITE" {
				t.Errorf("the trunk was told of it: %s", m.First)
			}
		}
		ok(t, call.Hangup(s.ctx))
	})
}
