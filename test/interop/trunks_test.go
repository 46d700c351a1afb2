//go:build interop

package interop

import (
	"slices"
	"strings"
	"testing"
	"time"

	"roomline/signalling"
	"roomline/test/interop/rig"
)

// Changes of the bed's configuration that make its trunk another one.
func overTCP() []string {
	return []string{"    codecs: [pcmu, pcma]\n", "    codecs: [pcmu, pcma]\n    transport: tcp\n",
		`["udp://` + bed.Gateway + `:5060"]`, `["tcp://` + bed.Gateway + `:5060"]`}
}

func onlyCodec(name string) []string { return []string{"[pcmu, pcma]", "[" + name + "]"} }

// TestTrunkOverTCP: the same calls over the other transport, with credentials,
// a re-INVITE and goodbyes from both sides.
func TestTrunkOverTCP(t *testing.T) {
	s := open(t, with{changes: overTCP()})
	call, phone := s.connect("030 23125621", "+493023125621")
	heard, err := call.Record(s.ctx, 3*time.Second)
	ok(t, err)
	hears(t, "alice", heard, phoneTone, 2700*time.Millisecond)
	ok(t, call.Hangup(s.ctx))
	_, cause, err := phone.WaitEnded(s.ctx)
	ok(t, err)
	if cause != 16 {
		t.Errorf("the phone was told cause %d, want 16", cause)
	}
	theirs, err := phone.Heard(s.ctx)
	ok(t, err)
	hears(t, "the phone", theirs, aliceTone, 2700*time.Millisecond)

	phone, err = bed.Originate(s.ctx, rig.Call{To: did, From: caller, Name: "Carol", Via: "gw-tcp"})
	ok(t, err)
	call, err = s.alice.WaitIncoming(s.ctx, "")
	ok(t, err)
	ok(t, call.Answer(s.ctx, 0))
	ok(t, call.WaitState(s.ctx, "connected"))
	heard, err = call.Record(s.ctx, 3*time.Second)
	ok(t, err)
	hears(t, "alice", heard, phoneTone, 2500*time.Millisecond)
	ok(t, phone.Hangup(s.ctx))
	ok(t, call.WaitState(s.ctx, "ended"))
	checkRecord(t, s.record(s.ctx, 1), signalling.PhoneToRoom, did)
}

// TestTrunkOverTCPRecovers: the connection is lost with the exchange; the next
// call makes a new one.
func TestTrunkOverTCPRecovers(t *testing.T) {
	s := open(t, with{changes: overTCP()})
	call, _ := s.connect("030 23125606", "+493023125606")
	ok(t, call.Hangup(s.ctx))
	s.record(s.ctx, 0)
	ok(t, bed.StopAsterisk(s.ctx))
	ok(t, bed.StartAsterisk(s.ctx))
	call, phone := s.connect("030 23125606", "+493023125606")
	ok(t, call.Hangup(s.ctx))
	_, _, err := phone.WaitEnded(s.ctx)
	ok(t, err)
}

// TestTrunkCodecs: whatever single codec a trunk has, the room speaks it too,
// and packets pass through as they are.
func TestTrunkCodecs(t *testing.T) {
	for _, codec := range []string{"PCMA", "G722", "opus"} {
		t.Run(codec, func(t *testing.T) {
			s := open(t, with{changes: onlyCodec(strings.ToLower(codec))})
			call, phone := s.connect("030 23125606", "+493023125606")
			heard, err := call.Record(s.ctx, 3*time.Second)
			ok(t, err)
			hears(t, "alice", heard, phoneTone, 2700*time.Millisecond)
			stats, err := call.Stats(s.ctx)
			ok(t, err)
			if stats.Codec != codec || stats.SentCodec != codec {
				t.Errorf("the browser hears %s and sends %s, want %s", stats.Codec, stats.SentCodec, codec)
			}
			ok(t, call.Hangup(s.ctx))
			theirs, err := phone.Heard(s.ctx)
			ok(t, err)
			hears(t, "the phone", theirs, aliceTone, 2700*time.Millisecond)
			if r := s.record(s.ctx, 0); r.Codec != codec {
				t.Errorf("the record says %s", r.Codec)
			}

			call, phone = s.ring()
			ok(t, call.Answer(s.ctx, 0))
			ok(t, call.WaitState(s.ctx, "connected"))
			heard, err = call.Record(s.ctx, 2*time.Second)
			ok(t, err)
			hears(t, "alice", heard, phoneTone, 1500*time.Millisecond)
			ok(t, phone.Hangup(s.ctx))
			if r := s.record(s.ctx, 1); r.Codec != codec {
				t.Errorf("the record says %s", r.Codec)
			}
		})
	}
}

// TestKeysAt48kHz: with Opus a browser's telephone-events run at 48 kHz and the
// trunk's at 8 kHz (RFC 4733 §2.1); all keys arrive in both directions.
func TestKeysAt48kHz(t *testing.T) {
	s := open(t, with{changes: onlyCodec("opus")})
	call, phone := s.connect("030 23125603", "+493023125603")
	stats, err := call.Stats(s.ctx)
	ok(t, err)
	if answer := stats.SDP.Remote; !strings.Contains(answer, "telephone-event/48000") {
		t.Errorf("the browser was answered without telephone-event/48000:\n%s", answer)
	}
	ok(t, call.Press(s.ctx, "159D#0", 120*time.Millisecond))
	if got := pressed(s, phone, 6); got != "159D#0" {
		t.Errorf("the phone heard %q", got)
	}
	ok(t, call.Hangup(s.ctx))
	s.record(s.ctx, 0)
	call, phone = s.connect("030 23125614", "+493023125614")
	_, _, err = phone.WaitEnded(s.ctx)
	ok(t, err)
	heard, err := call.Heard(s.ctx)
	ok(t, err)
	if got := heard.Digits(); got != "0123456789*#ABCD" {
		t.Errorf("the room heard %q", got)
	}
}

// pressed waits for n keys and returns what the phone heard.
func pressed(s *scene, phone *rig.Phone, n int) (keys string) {
	s.t.Helper()
	digits, err := phone.WaitDigits(s.ctx, n)
	ok(s.t, err)
	for _, d := range digits {
		keys += string(d.Key)
	}
	return keys
}

// TestPhoneHolds: a hold by the exchange is a pause, not an end; the audio is
// there again afterwards, both ways.
func TestPhoneHolds(t *testing.T) {
	s := open(t, with{changes: []string{"    codecs:", "    silence_timeout: 1s\n    codecs:"}})
	mark := bed.Mark()
	call, _ := s.connect("030 23125620", "+493023125620")
	s.until(s.ctx, "the hold and its end", func() bool {
		sip, err := bed.SIP(mark, "+493023125620")
		ok(t, err)
		n := 0
		for _, line := range sip {
			if line == "> INVITE" {
				n++
			}
		}
		return n >= 2
	})
	heard, err := call.Record(s.ctx, 2*time.Second)
	ok(t, err)
	hears(t, "alice", heard, phoneTone, 1600*time.Millisecond)
	all, err := call.Heard(s.ctx)
	ok(t, err)
	if tone := all.Tone(phoneTone); tone.Longest < 2*time.Second {
		t.Errorf("there was no pause: %v", tone)
	}
	ok(t, call.Hangup(s.ctx))
	if r := s.record(s.ctx, 0); r.Cause != "normal_clearing" {
		t.Errorf("the call ended for %s", r.Cause)
	}
}

// TestSessionRefresh: a re-INVITE that changes nothing is not heard.
func TestSessionRefresh(t *testing.T) {
	s := open(t, with{})
	mark := bed.Mark()
	call, phone := s.connect("030 23125621", "+493023125621")
	heard, err := call.Record(s.ctx, 5*time.Second)
	ok(t, err)
	hears(t, "alice", heard, phoneTone, 4700*time.Millisecond)
	ok(t, call.Hangup(s.ctx))
	theirs, err := phone.Heard(s.ctx)
	ok(t, err)
	hears(t, "the phone", theirs, aliceTone, 4500*time.Millisecond)
	sip, err := bed.SIP(mark, "+493023125621")
	ok(t, err)
	if !slices.Contains(sip, "> INVITE") || slices.ContainsFunc(sip, func(l string) bool { return strings.HasPrefix(l, "< 4") }) {
		t.Errorf("it went %q", sip)
	}
}
