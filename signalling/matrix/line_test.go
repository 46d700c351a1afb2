package matrix

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"roomline/signalling"
)

const (
	line  = "@tel_line_alice:example.org"
	made1 = "!made1:example.org"
	made2 = "!made2:example.org"
)

func stranger(number string) signalling.Target {
	return signalling.Target{To: signalling.Party{User: alice}, From: signalling.Party{Number: number}}
}

// lined is a rig whose alice has a line, and is on it.
func lined(t *testing.T) *rig {
	r := newRig(t, func(_ *Config, c *Client) {
		if c != nil {
			c.users = []string{alice}
		}
	})
	r.until("the line is known", func() bool { g, _ := r.c.store.ghostOf(context.Background(), made1); return g == line })
	r.hs.set(func() { r.hs.members[made1] = []string{line, alice} })
	return r
}

// unreached calls alice in vain and returns why.
func (r *rig) unreached() string {
	r.t.Helper()
	in := signalling.NewInbox("test", r.c.log)
	r.c.Dial(stranger("+4989555"), nil, in)
	e := r.follow(in, signalling.HungUp)
	r.follow(in, signalling.Gone)
	if e.Reason.Cause != signalling.Unavailable {
		r.t.Errorf("ended with %v", e.Reason)
	}
	return e.Reason.Detail
}

// hourLater lets lines be made again.
func (r *rig) hourLater() {
	r.t.Helper()
	if err := r.c.lines.turn.take(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	defer r.c.lines.turn.give()
	clear(r.c.lines.rests)
}

func (r *rig) roomsMade() int {
	r.hs.mu.Lock()
	defer r.hs.mu.Unlock()
	return len(r.hs.rooms)
}

// A caller without a room of its own rings the user's line, under its name.
func TestLine(t *testing.T) {
	t.Parallel()
	r := lined(t)
	var raw string
	r.hs.set(func() { raw = string(r.hs.rooms[0]) })
	if !strings.Contains(raw, `"is_direct":true`) || !strings.Contains(raw, `"invite":["`+alice+`"]`) ||
		!strings.Contains(raw, `"preset":"private_chat"`) || !strings.Contains(raw, `"org.matrix.msc3401.call.member":100`) || !strings.Contains(raw, `"invite":100`) {
		t.Errorf("createRoom %s", raw)
	}
	r.hs.set(func() { r.hs.members[made1] = []string{line} })
	if why := r.unreached(); !strings.Contains(why, "accept the invitation") {
		t.Errorf("%q", why)
	}
	r.hs.set(func() { r.hs.members[made1] = []string{line, alice} })
	in := signalling.NewInbox("after", r.c.log)
	eve := stranger("+4989555")
	eve.From.Name = "Eve\u202e\n"
	leg := r.c.Dial(eve, nil, in)
	if invite := r.expect(typeInvite); invite.Room != made1 || invite.As != line {
		t.Errorf("rang %s as %s", invite.Room, invite.As)
	}
	if !r.hs.said("PUT profile/" + line + "/displayname Eve (+49 89555)") {
		t.Errorf("asked %v", r.hs.calls)
	}
	r.follow(in, signalling.Ringing)
	leg.Hangup(signalling.Reason{})
	r.follow(in, signalling.Gone)
}

// A line on which there are others is replaced by a fresh one, but a homeserver
// is not filled with rooms of no use.
func TestLineIsRenewed(t *testing.T) {
	t.Parallel()
	r := lined(t)
	r.hs.set(func() { r.hs.members[made1] = []string{line, alice, "@bob:example.org"} })
	r.hourLater()
	if why := r.unreached(); !strings.Contains(why, "accept the invitation") || r.roomsMade() != 2 {
		t.Errorf("%q, %d rooms", why, r.roomsMade())
	}
	if why := r.unreached(); !strings.Contains(why, "accept the invitation") || r.hs.said("POST rooms/"+made2+"/invite") {
		t.Errorf("asked again at once: %q", why)
	}
	r.c.store.setAsked(t.Context(), made2, alice, time.Now().Add(-askAgain))
	if why := r.unreached(); !strings.Contains(why, "accept the invitation") || !r.hs.said("POST rooms/"+made2+"/invite") {
		t.Errorf("not asked after a week: %q", why)
	}
	r.push(with(with(r.event("m.room.encryption", alice, map[string]any{"algorithm": "m.megolm.v1.aes-sha2"}), "state_key", ""), "room_id", made2))
	if why := r.unreached(); !strings.Contains(why, "it is encrypted, or others are in it") || r.roomsMade() != 2 {
		t.Errorf("%q, %d rooms", why, r.roomsMade())
	}
}

// A room that cannot be made is not tried with every call.
func TestLineCannotBeMade(t *testing.T) {
	t.Parallel()
	r := lined(t)
	r.hs.set(func() { r.hs.members[made1] = nil; r.hs.refuse = http.StatusForbidden })
	r.hourLater()
	for range 3 {
		if why := r.unreached(); strings.Contains(why, "accept") {
			t.Errorf("%q", why)
		}
	}
	if r.roomsMade() != 2 {
		t.Errorf("asked for %d rooms", r.roomsMade())
	}
}

// Whoever calls while the line is in use does not put a name on it, and is
// mentioned in the room.
func TestLineIsBusy(t *testing.T) {
	t.Parallel()
	r := lined(t)
	first := signalling.NewInbox("first", r.c.log)
	r.c.Dial(stranger("+4989555"), nil, first)
	r.follow(first, signalling.Ringing)
	r.expect(typeInvite)
	r.expect(typeCandidates)
	second := signalling.NewInbox("second", r.c.log)
	r.c.Dial(stranger("+4940777"), nil, second)
	r.ends(second, signalling.Busy)
	r.notice("+49 40777 called while you were busy.")
	if r.hs.said("PUT profile/" + line + "/displayname +49 40777") {
		t.Error("the second caller's name is shown to the first")
	}
}

// A telephone that gives up is released at once, whoever has the turn to make a line.
func TestHangupWhileALineIsMade(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if err := r.c.lines.turn.take(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer r.c.lines.turn.give()
	in := signalling.NewInbox("test", r.c.log)
	leg := r.c.Dial(stranger("+4989555"), nil, in)
	leg.Hangup(signalling.Reason{Cause: signalling.Cancelled})
	r.follow(in, signalling.Gone)
}

// A call that came while the homeserver was down is a missed call: the line is
// told when the homeserver is back.
func TestMissedWhileHomeserverDown(t *testing.T) {
	t.Parallel()
	r := lined(t)
	r.hs.set(func() { r.hs.down = true })
	if why := r.unreached(); why != "the homeserver does not answer" {
		t.Errorf("not rung because %q", why)
	}
	r.hs.set(func() { r.hs.down = false })
	if n := r.expect(typeNotice); n.Room != made1 || n.As != line || !strings.HasPrefix(oclock.ReplaceAllString(n.Body["body"].(string), ""), "Missed call from +49 89555: you could not be reached") {
		t.Errorf("told %+v", n)
	}
}
