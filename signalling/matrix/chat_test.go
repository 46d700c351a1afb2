package matrix

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"roomline/media"
	"roomline/media/peer"
	"roomline/signalling"
	"roomline/signalling/legtest"
)

// called rings alice for a stranger and returns what she sees.
func (r *rig) called(to signalling.Target) (*signalling.Inbox, signalling.Leg, *fakePeer, sent) {
	r.t.Helper()
	box := signalling.NewInbox("test", r.c.log)
	leg := r.c.Dial(to, []media.Format{media.PCMA}, box)
	p := r.peer()
	invite := r.expect(typeInvite)
	r.expect(typeCandidates)
	if to.From.Name != "" {
		r.expect(typeIdentity)
	}
	return box, leg, p, invite
}

// nicks are the names that the account has taken in rooms, in order.
func (r *rig) nicks() []string {
	r.hs.mu.Lock()
	defer r.hs.mu.Unlock()
	var list []string
	for _, call := range r.hs.calls {
		if rest, ok := strings.CutPrefix(call, "PUT rooms/"); ok && strings.Contains(rest, "/state/m.room.member/") {
			list = append(list, strings.Replace(rest, "/state/m.room.member/"+telephone, "", 1))
		}
	}
	return list
}

func (r *rig) wears(want ...string) {
	r.t.Helper()
	r.until("the account is named "+strings.Join(want, ", then "), func() bool { return slices.Equal(r.nicks(), want) })
}

// sends waits until events of these types were sent, in any order, whatever
// else is.
func (r *rig) sends(types ...string) {
	r.t.Helper()
	deadline := time.After(patience)
	for len(types) > 0 {
		select {
		case e := <-r.hs.events:
			types = slices.DeleteFunc(types, func(t string) bool { return t == e.Type })
		case <-deadline:
			r.t.Fatalf("%v were not sent", types)
		}
	}
}

var eve = signalling.Party{Number: "+4989555", Name: "Eve"}

// A telephone rings the person in the direct chat with the account, which is
// called after the caller for as long as the call goes on there.
func TestTelephoneCallsTheChat(t *testing.T) {
	t.Parallel()
	r, _ := ordinary(t)
	box, leg, p, invite := r.called(signalling.Target{To: signalling.Party{User: alice}, From: eve})
	if invite.Room != chat || invite.As != telephone || invite.Body["invitee"] != alice {
		t.Errorf("rang %s in %s", invite.Raw, invite.Room)
	}
	if got := r.nicks(); !slices.Equal(got, []string{chat + " Eve (+49 89555)"}) && !slices.Equal(got, []string{chat + " Eve (+4989555)"}) {
		t.Errorf("named %q before it rings", got)
	}
	r.push(in(chat, r.says(invite, typeAnswer, "PHONE", answerSDP("x"))))
	r.expect(typeSelectAnswer)
	p.on(peer.Connected)
	r.follow(box, signalling.Ringing, signalling.Answered)
	leg.Show(signalling.View{Party: signalling.Party{Number: "+4940777", Name: "Bob"}}) // transferred
	r.until("it is named after who is there now", func() bool { return len(r.nicks()) == 2 })
	leg.Hangup(signalling.Reason{Cause: signalling.NormalClearing})
	r.follow(box, signalling.Gone)
	r.until("it has its own name again", func() bool { list := r.nicks(); return list[len(list)-1] == chat+" Telephone" })
	r.until("nothing of it is left", func() bool { list, err := r.c.store.nicks(t.Context()); return err == nil && len(list) == 0 })
	if r.hs.said("PUT profile") {
		t.Error("the account has another name everywhere")
	}
}

// What a sudden end has left is put right at the next start.
func TestNameIsGivenBackAfterACrash(t *testing.T) {
	t.Parallel()
	r, d := ordinary(t)
	if err := r.c.store.setNick(t.Context(), chat, "Eve"); err != nil {
		t.Fatal(err)
	}
	r.c.Close()
	r.begin(func(_ *Config, c *Client) { c.Obey(d) })
	if err := r.c.undressAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if list := r.nicks(); len(list) == 0 || list[0] != chat+" Telephone" {
		t.Errorf("named %v", list)
	}
}

// In a group, and where the homeserver must not know who calls, the account
// keeps its name.
func TestNameIsKept(t *testing.T) {
	t.Parallel()
	r, _ := ordinary(t)
	r.hs.set(func() { r.hs.veiled = map[string]bool{chat: true} })
	l := &leg{c: r.c, room: chat, ghost: telephone}
	if err := r.c.lines.dress(t.Context(), l, eve); err != nil {
		t.Error(err)
	}
	_, leg, _, invite := r.called(signalling.Target{Room: group, To: signalling.Party{Number: dialled}, From: eve})
	if invite.Room != group || invite.Body["invitee"] != nil {
		t.Errorf("rang %s in %s", invite.Raw, invite.Room)
	}
	leg.Hangup(signalling.Reason{})
	r.expect(typeHangup)
	r.idle()
	r.wears()
}

// Without a chat one is made, to which the person is invited once; rooms that
// the account was invited to, and that others have left, are none.
func TestChatIsMade(t *testing.T) {
	t.Parallel()
	r, _ := ordinary(t)
	r.hs.set(func() { r.hs.members[chat] = []string{telephone} })
	if why := r.unreached(); !strings.Contains(why, "accept the invitation") {
		t.Errorf("%q", why)
	}
	var made struct {
		Direct bool     `json:"is_direct"`
		Invite []string `json:"invite"`
	}
	r.hs.set(func() {
		if len(r.hs.rooms) == 1 {
			json.Unmarshal(r.hs.rooms[0], &made)
		}
	})
	if !made.Direct || !slices.Equal(made.Invite, []string{alice}) || r.hs.said("POST rooms/"+chat+"/invite") {
		t.Errorf("made %+v", made)
	}
	r.hs.set(func() { r.hs.members[made1] = []string{telephone, alice} })
	if _, _, _, invite := r.called(stranger("+4989555")); invite.Room != made1 {
		t.Errorf("rang in %s", invite.Room)
	}
}

// The chat is found among many rooms of the person's with the account.
func TestChatIsFoundAmongManyRooms(t *testing.T) {
	t.Parallel()
	r, _ := ordinary(t)
	if err := r.c.store.setAsked(t.Context(), chat, alice, r.start); err != nil {
		t.Fatal(err)
	}
	for _, n := range strings.Split("abcdefghijklmnop", "") {
		r.hs.set(func() { r.hs.members["!"+n] = []string{alice, bob, telephone} })
		if err := r.c.store.setRoom(t.Context(), "!"+n, telephone, alice); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, _, invite := r.called(stranger("+4989555")); invite.Room != chat {
		t.Errorf("rang in %s", invite.Room)
	}
}

// A room that a rule names rings by the account, which has to be there.
func TestRoomRingsByTheAccount(t *testing.T) {
	t.Parallel()
	r, _ := ordinary(t)
	for _, to := range []signalling.Target{inGroup(""), inGroup(alice)} {
		box, leg, _, invite := r.called(to)
		if invite.Room != group || invite.As != telephone {
			t.Errorf("rang %s as %s", invite.Room, invite.As)
		}
		leg.Hangup(signalling.Reason{})
		r.follow(box, signalling.Ringing, signalling.Gone)
		r.expect(typeHangup)
		r.expect(typeNotice)
	}
	r.hs.set(func() { r.hs.members[group] = []string{alice}; r.hs.closed = map[string]bool{group: true} })
	var nowhere unreachable
	if _, _, err := r.c.lines.find(t.Context(), inGroup(alice)); !errors.As(err, &nowhere) || !strings.Contains(err.Error(), telephone) {
		t.Errorf("%v", err)
	}
}

// Members of a group are rung and called at once; each has one call there.
func TestCallsOfSeveralInAGroup(t *testing.T) {
	t.Parallel()
	r, _ := ordinary(t)
	r.called(inGroup(alice))
	r.called(inGroup(bob))
	box := signalling.NewInbox("test", r.c.log)
	r.c.Dial(inGroup(alice), nil, box)
	r.ends(box, signalling.Busy)
	r.c.Dial(inGroup(""), nil, box)
	r.ends(box, signalling.Busy)
}

// In a group a command is for one's own call there, not for another member's.
func TestCommandsForOnesOwnCall(t *testing.T) {
	t.Parallel()
	r, d := ordinary(t)
	r.given(group, dialled)
	for _, user := range []string{alice, bob} {
		r.push(with(r.calling(group, "call of "+user), "sender", user))
		call := <-r.board.in
		call.Leg(signalling.NewInbox("of "+call.From.User, discard()))
		d.calls = append(d.calls, signalling.Status{ID: "of " + user, State: signalling.Connected, Ends: [2]signalling.End{
			{Side: signalling.A, Via: signalling.Matrix, Party: signalling.Party{User: user}},
			{Side: signalling.B, Via: "trunk", Party: signalling.Party{Number: dialled}}}})
	}
	for _, user := range []string{bob, alice} {
		m := r.message(group, user, "!hangup")
		r.push(m)
		r.replied(m, telephone, "Hung up: +49 301234567.")
	}
	d.wants(t, "hangup of "+bob+" A", "hangup of "+alice+" A")
}

// A call of the room's that crosses one of a telephone's answers that, unless it
// is to another number.
func TestCrossingInTheChat(t *testing.T) {
	t.Parallel()
	for number, crosses := range map[string]bool{"": true, "+4989555": true, dialled: false} {
		r, _ := ordinary(t)
		r.given(chat, number)
		box, _, _, _ := r.called(signalling.Target{To: signalling.Party{User: alice}, From: eve})
		r.follow(box, signalling.Ringing)
		r.push(r.calling(chat, "call1"))
		if crosses {
			r.sends(typeAnswer, typeHangup) // ours is replaced
			continue
		}
		if call, _, _ := r.take(); call.To.Number != dialled {
			t.Errorf("called %+v", call.To)
		}
	}
}

// What another device of the account itself writes is nobody's.
func TestEventsOfTheAccountItself(t *testing.T) {
	t.Parallel()
	r, _ := ordinary(t)
	r.given(chat, dialled)
	r.push(r.calling(chat, "call1"))
	_, box, leg := r.take()
	for _, kind := range []string{typeHangup, typeAnswer, typeReject} {
		r.push(in(chat, with(r.v1(kind, map[string]any{"call_id": "call1", "party_id": "OTHER", "answer": map[string]any{"type": "answer", "sdp": "x"}}), "sender", telephone)))
	}
	r.push(in(chat, with(r.message(chat, telephone, "!hangup"), "sender", telephone)))
	r.idle()
	leg.Answer(leg.Offers()[0])
	r.peer().on(peer.Connected)
	r.follow(box, signalling.Confirmed)
}

// A call by the account's own way, from the /sync that brings the invite to the
// one that brings the hangup.
func TestCallBySync(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	r, _ := ordinaryAt(t, h)
	r.given(group, dialled)
	r.until("it has asked twice", func() bool { h.mu.Lock(); defer h.mu.Unlock(); return len(h.asked) > 1 })
	h.tell(r.calling(group, "call1"))
	call, box, leg := r.take()
	if call.To.Number != dialled || call.Room != group {
		t.Errorf("called %+v", call)
	}
	leg.Answer(leg.Offers()[0])
	r.expect(typeAnswer)
	r.peer().on(peer.Connected)
	r.follow(box, signalling.Confirmed)
	h.tell(in(group, r.v1(typeHangup, map[string]any{"call_id": "call1"})))
	r.ends(box, signalling.NormalClearing)
	h.tell(r.message(group, alice, "!number none"))
	r.sends(typeNotice)
	r.until("the number is gone", func() bool { n, err := r.c.store.numberIn(t.Context(), group); return n == "" && err == nil })
}

// T1: the legs of an account keep the promises of all legs.
func TestLegsOfAnAccount(t *testing.T) {
	t.Parallel()
	t.Run("phone to room", func(t *testing.T) {
		t.Parallel()
		legtest.Run(t, signalling.B, func(t *testing.T, box *signalling.Inbox) signalling.Leg {
			r, _ := ordinary(t)
			return r.c.Dial(stranger("+4989555"), []media.Format{media.PCMA}, box)
		})
	})
	t.Run("room to phone", func(t *testing.T) {
		t.Parallel()
		legtest.Run(t, signalling.A, func(t *testing.T, box *signalling.Inbox) signalling.Leg {
			r, _ := ordinary(t)
			r.given(group, dialled)
			r.push(r.calling(group, "call1"))
			call := <-r.board.in
			return call.Leg(box)
		})
	})
}
