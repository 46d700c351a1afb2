//go:build interop

package interop

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"roomline/test/interop/rig"
)

// TestStory: with story: full, one notice follows the call and is edited in place.
func TestStory(t *testing.T) {
	s := open(t, with{changes: []string{"dialing:\n", "rooms: {\"*\": {story: full}}\ndialing:\n"}})
	call, err := s.alice.Dial(s.ctx, "030 23125608", 0) // rings for 3 s
	ok(t, err)
	s.says(call.Room, "Ringing")
	ok(t, call.WaitState(s.ctx, "connected"))
	s.says(call.Room, "Talking")
	ok(t, call.Hangup(s.ctx))
	s.says(call.Room, "ended after 0:0")
	events, err := s.alice.Timeline(s.ctx, call.Room)
	ok(t, err)
	if all := s.alice.Told(events); len(all) != 1 {
		t.Errorf("the room was told %q, want one notice", all)
	}
	for _, e := range events {
		if e.Type == "m.room.message" && e.Sender != s.alice.ID && e.Text("msgtype") != "m.notice" {
			t.Errorf("a notice is %q", e.Text("msgtype"))
		}
	}
	if lines, err := s.alice.Timeline(s.ctx, s.line); err != nil || len(lines) != 0 {
		t.Errorf("a room that the call does not concern has %+v (%v)", lines, err)
	}
}

// TestStoryOff: nothing is written.
func TestStoryOff(t *testing.T) {
	s := open(t, with{changes: []string{"dialing:\n", "rooms: {\"*\": {story: \"off\"}}\ndialing:\n"}})
	call, err := s.alice.Dial(s.ctx, "030 23125610", 0)
	ok(t, err)
	ok(t, call.WaitState(s.ctx, "ended"))
	s.record(s.ctx, 0)
	pause(s.ctx, time.Second)
	if events, err := s.alice.Timeline(s.ctx, call.Room); err != nil || len(s.alice.Told(events)) != 0 {
		t.Errorf("the room was told %q (%v)", s.alice.Told(events), err)
	}
}

// TestMissedCallIsCounted: a missed call raises the room's badge, as its ringing
// has done. Dendrite has no rule for mentions, so there it is no highlight.
func TestMissedCallIsCounted(t *testing.T) {
	s := open(t, with{})
	before := s.badge()
	call, phone := s.ring()
	ok(t, phone.Hangup(s.ctx))
	ok(t, call.WaitState(s.ctx, "ended"))
	if got := s.notice(s.line); !strings.HasPrefix(got, "Missed call from Carol") {
		t.Errorf("the room was told %q", got)
	}
	var now badge
	s.until(s.ctx, "the badge", func() bool { // Dendrite counts a moment later
		now = s.badge()
		return now.Notifications >= before.Notifications+2
	})
	if want := map[bool]int{false: 1, true: 0}[bed.Dendrite]; now.Highlights != want {
		t.Errorf("%+v, want %d highlights", now, want)
	}
}

// badge is what a client shows beside a room that nobody has read.
type badge struct {
	Notifications int `json:"notification_count"`
	Highlights    int `json:"highlight_count"`
}

// badge is that of alice's line.
func (s *scene) badge() badge {
	s.t.Helper()
	var sync struct {
		Rooms struct {
			Join map[string]struct {
				Unread badge `json:"unread_notifications"`
			}
		}
	}
	// Synapse remembers its answer to the same question for two minutes; a first sync never waits
	path := fmt.Sprintf("/_matrix/client/v3/sync?timeout=%d", time.Now().UnixMilli()%10000)
	ok(s.t, s.alice.Client(s.ctx, "GET", path, nil, &sync))
	return sync.Rooms.Join[s.line].Unread
}

// TestPowerLevel: rooms.who_can_dial asks for a power level; who has less is told so.
func TestPowerLevel(t *testing.T) {
	s := open(t, with{changes: []string{"dialing:\n", "rooms: {\"*\": {who_can_dial: 50}}\ndialing:\n"}})
	found, err := s.alice.Lookup(s.ctx, "030 23125606")
	ok(t, err)
	low := map[string]any{"power_level_content_override": map[string]any{"users_default": 0, "events_default": 0,
		"users": map[string]int{s.alice.ID: 100}}}
	bob := s.join(rig.Login{Name: "bob", Tone: bobTone})
	room, err := s.alice.CreateRoom(s.ctx, low, found.UserID, bob.ID)
	ok(t, err)
	s.until(s.ctx, "all to be in the room", func() bool {
		members, err := s.alice.Members(s.ctx, room)
		ok(t, err)
		return len(members) == 3
	})
	refused, err := bob.PlaceTo(s.ctx, room, found.UserID)
	ok(t, err)
	ok(t, refused.WaitState(s.ctx, "ended"))
	call, err := s.alice.PlaceTo(s.ctx, room, found.UserID)
	ok(t, err)
	phone, err := bed.WaitCall(s.ctx, "+493023125606")
	ok(t, err)
	ok(t, call.WaitState(s.ctx, "connected"))
	ok(t, call.Hangup(s.ctx))
	_, _, err = phone.WaitEnded(s.ctx)
	ok(t, err)
}
