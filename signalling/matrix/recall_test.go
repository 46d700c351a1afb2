package matrix

import (
	"path/filepath"
	"testing"

	"roomline/internal/database"
	"roomline/signalling"
)

// loseDatabase begins again with nothing remembered.
func (r *rig) loseDatabase(options ...option) {
	r.t.Helper()
	r.c.Close()
	r.path = database.Address(filepath.Join(r.t.TempDir(), "fresh.db"))
	r.begin(options...)
}

// A room from before the database was lost: whoever dials the number again
// calls from it, and the number rings there.
func TestRoomsAreRecalled(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	r.loseDatabase()
	r.get(thirdparty + "user/m.protocol.pstn?m.id.phone=%2B49301234567")
	r.push(r.inviteV1())
	call, in, leg := r.take()
	if call.To.Number != dialled {
		t.Errorf("called %+v", call.To)
	}
	leg.Hangup(signalling.Reason{})
	r.follow(in, signalling.Gone)
	r.expect(typeReject)
	r.expect(typeNotice)
	if list, err := r.c.store.roomsOf(t.Context(), ghost, "@bob:example.org"); err != nil || len(list) != 0 {
		t.Errorf("the room is somebody else's too: %v, %v", list, err)
	}
	if _, _, _, invite := r.rung(); invite.Room != room {
		t.Errorf("rang in %s", invite.Room)
	}
}

// A call that names its telephone is answered at once.
func TestInviteeIsRecalled(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.hs.set(func() { r.hs.members[room] = []string{alice, ghost} })
	r.push(r.v1(typeInvite, map[string]any{"invitee": ghost, "offer": map[string]any{"sdp": offer}}))
	if call, _, _ := r.take(); call.To.Number != dialled {
		t.Errorf("called %+v", call.To)
	}
}

// Nobody is invited to a second line.
func TestLineIsRecalled(t *testing.T) {
	t.Parallel()
	r := lined(t)
	r.hs.set(func() { r.hs.members["!other:example.org"] = []string{line, "@bob:example.org", alice} })
	r.loseDatabase(func(_ *Config, c *Client) {
		if c != nil {
			c.users = []string{alice}
		}
	})
	in := signalling.NewInbox("test", r.c.log)
	r.c.Dial(stranger("+4989555"), nil, in)
	if invite := r.expect(typeInvite); invite.Room != made1 {
		t.Errorf("rang in %s", invite.Room)
	}
	if r.roomsMade() != 1 || r.hs.said("POST rooms/"+made1+"/invite") {
		t.Errorf("%d rooms were made", r.roomsMade())
	}
}
