package matrix

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"roomline/signalling"
)

const newer = "!newer:example.org"

func (r *rig) tombstone(of, successor string) map[string]any {
	return with(with(r.event("m.room.tombstone", alice, map[string]any{"replacement_room": successor}), "state_key", ""), "room_id", of)
}

func (r *rig) of(room string) string { g, _ := r.c.store.ghostOf(context.Background(), room); return g }

// settledOr waits until everything pushed so far was taken in, and then until ok.
func (r *rig) settledOr(ok func() bool) {
	r.t.Helper()
	r.c.hs.events <- nil
	r.c.hs.events <- nil // once this one is taken, what came before the first has been handed out
	r.until("all was taken in", func() bool { return len(r.c.hs.events) == 0 })
	r.until("all was looked at", ok)
}

func (r *rig) joined(room, user string) bool {
	r.hs.mu.Lock()
	defer r.hs.mu.Unlock()
	return slices.Contains(r.hs.members[room], user)
}

// T63: an upgraded room is followed where the telephone may go, and calls ring
// in its successor; the mapping moves with it.
func TestRoomUpgradeIsFollowed(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	r.hs.set(func() { r.hs.members[newer] = []string{alice}; r.hs.upgraded = map[string]string{newer: room} })
	r.push(r.tombstone(room, newer))
	r.until("the telephone has moved", func() bool { return r.of(newer) == ghost && r.of(room) == "" && r.hs.said("POST rooms/"+room+"/leave") })
	r.push(with(r.inviteV1(), "room_id", newer))
	if in, _, _ := r.take(); in.To.Number != dialled {
		t.Errorf("called %+v", in.To)
	}
	if room, as, err := r.c.lines.find(t.Context(), fromBob); err != nil || room != newer || as != ghost {
		t.Errorf("rings in %s as %s, %v", room, as, err)
	}
}

// A room that only claims to be the successor is left again; one that is closed
// is joined when the same person invites us.
func TestRoomUpgradeInvited(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	r.push(r.tombstone(room, newer))
	r.until("it leaves both", func() bool {
		return r.hs.said("POST rooms/"+newer+"/leave") && r.hs.said("POST rooms/"+room+"/leave") && r.of(newer) == "" && r.of(room) == ""
	})
	const third = "!third:example.org"
	r.hs.set(func() { r.hs.members[newer] = []string{alice, ghost}; r.hs.closed = map[string]bool{third: true} })
	if err := r.c.store.setRoom(t.Context(), newer, ghost, alice); err != nil {
		t.Fatal(err)
	}
	r.push(r.tombstone(newer, third))
	r.until("it has left", func() bool { return r.of(newer) == "" })
	r.hs.set(func() { r.hs.closed = nil; r.hs.members[third] = []string{alice} })
	r.push(with(r.member(alice, ghost, "invite"), "room_id", third))
	r.until("it is there", func() bool { return r.of(third) == ghost })
}

// A line that its person upgrades goes along, and no second one is made meanwhile.
func TestLineIsUpgraded(t *testing.T) {
	t.Parallel()
	r := lined(t)
	r.hs.set(func() { r.hs.closed = map[string]bool{newer: true} })
	r.push(r.tombstone(made1, newer))
	r.until("it has left", func() bool { return r.of(made1) == "" })
	if why := r.unreached(); why == "" || r.roomsMade() != 1 {
		t.Errorf("%q, %d rooms", why, r.roomsMade())
	}
	r.hs.set(func() { r.hs.closed = nil; r.hs.members[newer] = []string{alice} })
	r.push(with(r.member("@bob:example.org", line, "invite"), "room_id", "!bob:example.org"), with(r.member(alice, line, "invite"), "room_id", newer))
	r.until("it is there", func() bool { return r.of(newer) == line && r.joined(newer, line) })
	if r.of("!bob:example.org") != "" {
		t.Error("a line went to somebody else's room")
	}
	if room, as, err := r.c.lines.find(t.Context(), stranger("+4989555")); err != nil || room != newer || as != line {
		t.Errorf("rings in %s as %s, %v", room, as, err)
	}
}

// T20, T63: a room that becomes public is told why, and left; its call ends.
func TestRoomBecomesPublic(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	r.push(r.inviteV1())
	_, in, _ := r.take()
	r.push(with(r.event("m.room.join_rules", alice, map[string]any{"join_rule": "public"}), "state_key", ""))
	r.follow(in, signalling.HungUp, signalling.Gone)
	r.until("it leaves", func() bool { return r.of(room) == "" && r.hs.said("POST rooms/"+room+"/leave") })
	said := 0
	for len(r.hs.events) > 0 {
		if e := <-r.hs.events; e.Type == typeNotice && e.Body["body"] == publicNotice {
			said++
		}
	}
	if said != 1 {
		t.Errorf("said %d times", said)
	}
}

// T20: whoever leaves, is thrown out or banned is not in a call any more, and
// neither are we; that somebody else comes or goes ends nothing.
func TestMembersComeAndGo(t *testing.T) {
	t.Parallel()
	for _, who := range []string{alice, ghost} {
		for _, how := range []string{"leave", "ban"} {
			t.Run(who+" "+how, func(t *testing.T) {
				t.Parallel()
				r := newRig(t).meet()
				r.push(r.inviteV1())
				_, in, _ := r.take()
				r.push(r.member(mallet, mallet, "join"), r.member(mallet, mallet, "leave"))
				r.settledOr(func() bool { return true })
				select {
				case <-in.Ready():
					t.Errorf("a third member ended the call: %v", in.Take())
				default:
				}
				r.push(r.member("@admin:example.org", who, how))
				r.follow(in, signalling.HungUp, signalling.Gone)
			})
		}
	}
}

// A third member who joins during a call ends nothing: the two who talk are
// known by user and device. But the room is no telephone any more.
func TestThirdMemberJoins(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	r.push(r.inviteV1())
	_, in, leg := r.take()
	r.hs.set(func() { r.hs.members[room] = append(r.hs.members[room], mallet) })
	r.push(r.member(alice, mallet, "join"), r.v1(typeInvite, map[string]any{"call_id": "second", "offer": map[string]any{"sdp": offer}}))
	r.settledOr(func() bool { return len(r.c.atOnce) == 0 })
	select {
	case call := <-r.board.in:
		t.Errorf("a call was placed from a room of three: %+v", call)
	case <-in.Ready():
		t.Errorf("the call ended: %v", in.Take())
	default:
	}
	leg.Hangup(signalling.Reason{})
	r.follow(in, signalling.Gone)
}

// X11: a thousand invitations from fifty homeservers bring about no more joins
// than each homeserver has in its bucket.
func TestInvitationStorm(t *testing.T) {
	t.Parallel()
	for _, who := range []string{ghost, botUser} {
		t.Run(who, func(t *testing.T) {
			t.Parallel()
			invitationStorm(t, who)
		})
	}
}

func invitationStorm(t *testing.T, who string) {
	r := newRig(t, func(_ *Config, c *Client) {
		if c != nil {
			c.may = everybody{}
			c.Obey(&desk{})
		}
	})
	var all []map[string]any
	for i := range 1000 {
		sender := fmt.Sprintf("@u%d:s%d.org", i, i%50)
		all = append(all, with(r.member(sender, who, "invite"), "room_id", fmt.Sprintf("!r%d:s%d.org", i, i%50)))
	}
	begun := time.Now()
	for batch := range slices.Chunk(all, 100) {
		r.push(batch...)
		r.settledOr(func() bool { return len(r.c.atOnce) == 0 })
	}
	r.hs.mu.Lock()
	defer r.hs.mu.Unlock()
	joins := 0
	for _, line := range r.hs.calls {
		if len(line) > 12 && line[:12] == "POST rooms/!" && line[len(line)-5:] == "/join" {
			joins++
		}
	}
	if most := 50 * (5 + int(time.Since(begun).Seconds())/5 + 1); joins > most || joins < 50 {
		t.Errorf("%d joins, at most %d expected", joins, most)
	}
	if len(r.c.storms.servers) != 50 {
		t.Errorf("%d buckets", len(r.c.storms.servers))
	}
}

// everybody may do everything.
type everybody struct{}

func (everybody) May(string, signalling.Level) bool { return true }
