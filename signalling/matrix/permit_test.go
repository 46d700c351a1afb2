package matrix

import (
	"strings"
	"testing"

	"roomline/signalling"
)

// T25: the room is told the whole sentence that says why a call is not allowed.
func TestRoomIsToldWhyACallIsNotAllowed(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	why := "shared cost numbers are not allowed; ask your administrator to take shared-cost out of dialing.deny"
	r.push(r.inviteV1())
	_, _, leg := r.take()
	leg.Hangup(signalling.Reason{Cause: signalling.Forbidden, Detail: why})
	r.expect(typeReject)
	r.notice("The call to +49 301234567 is not allowed (" + why + ").")
	if long := signalling.Visible(strings.Repeat("ä", 1000)+"\u202e", maxDetail); len([]rune(long)) != maxDetail {
		t.Errorf("what a carrier says has %d characters", len([]rune(long)))
	}
}

// receivers may be rung, and not call.
type receivers struct{}

func (receivers) May(user string, what signalling.Level) bool {
	return server(user) == "example.org" && what <= signalling.Receive
}

// T25: who may not dial, but belongs here, is told so when dialling; a stranger
// is not even joined.
func TestReceiverDials(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(_ *Config, c *Client) {
		if c != nil {
			c.may = receivers{}
		}
	})
	r.hs.set(func() { r.hs.members[room] = []string{alice} })
	r.push(r.member(alice, ghost, "invite"))
	r.until("the telephone joins", func() bool { return r.hs.said("POST rooms/" + room + "/join") })
	r.push(r.inviteV1())
	r.expect(typeReject)
	r.notice("The call to +49 301234567 is not allowed (you may not place calls).")
	r.push(with(r.member(mallet, ghost, "invite"), "room_id", "!else:evil.org"))
	r.settled()
	if r.hs.said("POST rooms/!else:evil.org/join") {
		t.Error("a stranger's invitation was accepted")
	}
	r.none()
}
