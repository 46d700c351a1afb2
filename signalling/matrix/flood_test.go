package matrix

import (
	"fmt"
	"testing"

	"roomline/signalling"
)

// X11: a thousand invites of one person, in as many rooms, leave another
// person's call alone.
func TestFloodOfOnePerson(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.board.in = make(chan signalling.Incoming, maxPlaced+1)
	var all []map[string]any
	invite := func(sender string, i int) {
		room := fmt.Sprintf("!r%d:example.org", i)
		r.hs.set(func() { r.hs.members[room] = []string{sender, ghost} })
		e := r.v1(typeInvite, map[string]any{"call_id": fmt.Sprint("call", i), "invitee": ghost, "offer": map[string]any{"sdp": offer}})
		all = append(all, with(with(e, "room_id", room), "sender", sender))
	}
	for i := range 1000 {
		invite(alice, i)
	}
	invite(bob, 1000)
	r.push(all...)
	for range maxPlaced {
		if call, _, leg := r.take(); call.From.User == bob {
			leg.Hangup(signalling.Reason{})
			return
		}
	}
	if call, _, _ := r.take(); call.From.User != bob {
		t.Errorf("called by %+v", call.From)
	}
}

// Strangers who come and go end nobody's call, however often.
func TestFloodOfMembers(t *testing.T) {
	t.Parallel()
	c := newCalls()
	l := &leg{room: room, id: "call1", user: alice, box: newMailbox()}
	c.add(l)
	for range 3 * maxMail {
		c.left(room, mallet, false)
	}
	c.left(room, alice, false)
	var last item
	for it, ok := l.box.take(); ok; it, ok = l.box.take() {
		last = it
	}
	if last.kind != memberLeft || last.user != alice {
		t.Errorf("the last thing that happened is %v of %q", last.kind, last.user)
	}
}

// What rooms are told and where we go takes no more than half of what calls need.
func TestCallsHaveTheirShare(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	over, done := make(chan struct{}), make(chan struct{}, maxAtOnce)
	wait := func() { <-over; done <- struct{}{} }
	n := 0
	for r.c.aside(wait) {
		n++
	}
	if n == 0 || n > maxAside {
		t.Errorf("%d at once", n)
	}
	if !r.c.spawn(wait) {
		t.Error("no call is taken")
	}
	close(over)
	for range n + 1 {
		<-done
	}
}

// Who is in a room is asked at every call, and not written down: calls would
// wait for the database, and a large room would fill it.
func TestMembersAreNotWrittenDown(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	r.push(r.inviteV1())
	r.take()
	var n int
	err := r.c.store.QueryRow(t.Context(), `SELECT COUNT(*) FROM mx_user_profile WHERE user_id = $1`, alice).Scan(&n)
	if err != nil || n != 0 {
		t.Errorf("%d rows, %v", n, err)
	}
}

// Who writes of calls that never come pushes out nobody else's early candidates.
func TestFloodBeforeTheInvite(t *testing.T) {
	t.Parallel()
	c := newCalls()
	early := func(room, id string) {
		c.deliver(heard{message: message{Type: typeCandidates, CallID: id, Candidates: make([]candidate, 1)}, Room: room, Sender: alice})
	}
	early(room, "call1")
	for i := range 10 * maxStashed {
		early("!loud:example.org", fmt.Sprint(i))
	}
	l := &leg{room: room, id: "call1", user: alice, box: newMailbox()}
	if _, ok := l.box.take(); !c.add(l) || ok {
		t.Fatal("not begun")
	}
	if it, ok := l.box.take(); !ok || it.heard.Type != typeCandidates {
		t.Errorf("%v, %v", it.kind, ok)
	}
	if n := len(c.early); n != maxStashedEach {
		t.Errorf("%d calls wait", n)
	}
}
