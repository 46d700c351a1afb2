//go:build interop

package interop

import (
	"testing"
	"time"

	"roomline/signalling"
)

// heardEarly is the change that lets clients hear the network before the answer.
func heardEarly() []string {
	return []string{"host: 127.7.0.1:5060", "host: 127.7.0.1:5060\n    early_media: connect"}
}

// A network that never answers (livekit/sip 813, 102) is heard by a real client,
// and the room is told why it did not; for the record nobody answered.
func TestAnnouncementIsHeard(t *testing.T) {
	s := open(t, with{changes: heardEarly()})
	before := s.holdings(s.ctx)
	call, err := s.alice.Dial(s.ctx, "030 23125622", 0)
	ok(t, err)
	ok(t, call.WaitState(s.ctx, "connected"))
	heard, err := call.Record(s.ctx, 2*time.Second)
	ok(t, err)
	hears(t, "alice", heard, 425, time.Second)
	ok(t, call.WaitState(s.ctx, "ended"))
	r := s.record(s.ctx, 0)
	if r.Audio != signalling.NotAnswered || r.TalkMS != 0 || r.WaitMS != 0 {
		t.Errorf("%+v", r)
	}
	ending{sent: "hangup(unknown_error)", notice: "+49 30 23125622 is not a number in service (trunk asterisk: 404 Not Found)",
		cause: "unallocated", by: "called", sip: "404 Not Found"}.check(t, s, call.Room, r)
	s.settled(s.ctx, before)
}

// A client hears its telephone's network, and then the telephone, in one call.
func TestToneAndThenTheTelephone(t *testing.T) {
	s := open(t, with{changes: heardEarly()})
	before := s.holdings(s.ctx)
	call, err := s.alice.Dial(s.ctx, "030 23125624", 0)
	ok(t, err)
	ok(t, call.WaitState(s.ctx, "connected"))
	heard, err := call.Record(s.ctx, 7*time.Second)
	ok(t, err)
	hears(t, "alice", heard, 425, 500*time.Millisecond)
	hears(t, "alice", heard, phoneTone, time.Second)
	phone, err := bed.WaitCall(s.ctx, "+493023125624")
	ok(t, err)
	ok(t, call.Hangup(s.ctx))
	_, _, err = phone.WaitEnded(s.ctx)
	ok(t, err)
	theirs, err := phone.Heard(s.ctx)
	ok(t, err)
	hears(t, "the phone", theirs, aliceTone, 800*time.Millisecond)
	if r := s.record(s.ctx, 0); r.Cause != "normal_clearing" || r.TalkMS < 500 || r.WaitMS < 5000 {
		t.Errorf("%+v", r)
	}
	s.settled(s.ctx, before)
}
