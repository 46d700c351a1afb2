package matrix

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"maunium.net/go/mautrix/event"

	"roomline/media/peer"
	"roomline/signalling"
	"roomline/signalling/command"
)

const chat = "!chat:example.org" // of alice and the account

// ordinary is a rig whose client is an ordinary account. Alice is alone with it
// in the chat, and with it and bob in the group.
func ordinary(t *testing.T, options ...option) (*rig, *desk) {
	t.Helper()
	return ordinaryAt(t, newHome(t), options...)
}

func ordinaryAt(t *testing.T, h *home, options ...option) (*rig, *desk) {
	t.Helper()
	d := &desk{}
	r := newRig(t, append([]option{h.asAccount(), func(_ *Config, c *Client) {
		if c != nil {
			c.Obey(d)
		}
	}}, options...)...)
	r.hs.set(func() {
		r.hs.members[chat], r.hs.members[group] = []string{alice, telephone}, []string{alice, bob, telephone}
	})
	for _, room := range []string{chat, group} {
		if err := r.c.store.setRoom(t.Context(), room, telephone, alice); err != nil {
			t.Fatal(err)
		}
	}
	return r, d
}

// happens lets events come in as those of an account do.
func (r *rig) happens(raw []map[string]any) {
	r.t.Helper()
	text, err := json.Marshal(raw)
	var batch []*event.Event
	if err == nil {
		err = json.Unmarshal(text, &batch)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	for _, e := range batch {
		e.Mautrix.ReceivedAt = time.Now()
	}
	if !r.c.hs.pass(r.t.Context(), batch) {
		r.t.Fatal("nobody took the events")
	}
}

// in puts an event into another room.
func in(room string, e map[string]any) map[string]any { return with(e, "room_id", room) }

// calling is alice's invite to the account in a room.
func (r *rig) calling(room, id string) map[string]any {
	return in(room, r.v1(typeInvite, map[string]any{"call_id": id, "lifetime": 60000, "invitee": telephone,
		"offer": map[string]any{"type": "offer", "sdp": offer}}))
}

// given gives a room a number.
func (r *rig) given(room, number string) *rig {
	r.t.Helper()
	if err := r.c.store.setNumber(r.t.Context(), room, number); err != nil {
		r.t.Fatal(err)
	}
	return r
}

// idle waits until everything pushed so far has been looked at.
func (r *rig) idle() {
	r.t.Helper()
	r.settledOr(func() bool { return len(r.c.atOnce) == 0 })
}

// dials waits for the answer to a command that dials, and for the invite that
// rings its user, which may come first.
func (r *rig) dials() (invite sent) {
	r.t.Helper()
	for range 3 {
		select {
		case e := <-r.hs.events:
			text, _ := e.Body["body"].(string)
			switch {
			case e.Type == typeInvite:
				invite = e
			case e.Type == typeNotice && !strings.HasPrefix(text, "Your client rings; answer it, and "):
				r.t.Errorf("said %q", text)
			}
		case <-time.After(patience):
			r.t.Fatal("nobody is rung")
		}
	}
	return invite
}

// A call to the account dials the number of its room, whoever else is there,
// and goes on as any other.
func TestRoomWithANumberCallsIt(t *testing.T) {
	t.Parallel()
	for _, where := range []string{chat, group} {
		r, _ := ordinary(t)
		r.given(where, dialled)
		r.push(r.calling(where, "call1"))
		call, box, leg := r.take()
		if call.To.Number != dialled || call.Room != where || call.From.User != alice {
			t.Errorf("called %+v", call)
		}
		leg.Ring()
		leg.Answer(leg.Offers()[0])
		p := r.peer()
		if e := r.expect(typeAnswer); e.As != telephone || e.Room != where {
			t.Errorf("answered as %s in %s", e.As, e.Room)
		}
		r.expect(typeCandidates)
		p.on(peer.Connected)
		r.follow(box, signalling.Confirmed)
		r.push(in(where, r.v1(typeHangup, map[string]any{"call_id": "call1"})))
		r.ends(box, signalling.NormalClearing)
		r.notice("Call to +49 301234567 ended after 0:00.")
	}
}

// The configuration's number counts more than people's.
func TestNumberOfTheConfiguration(t *testing.T) {
	t.Parallel()
	r, _ := ordinary(t, func(cfg *Config, _ *Client) { cfg.Rooms = Rooms{chat: {Story: StoryShort, Number: "+4940777"}} })
	r.given(chat, dialled)
	m := r.message(chat, alice, "!number none")
	r.push(m)
	r.replied(m, telephone, "The number of this room stays as it is: it stands in the configuration")
	r.push(r.calling(chat, "call1"))
	if call, _, _ := r.take(); call.To.Number != "+4940777" {
		t.Errorf("called %+v", call.To)
	}
}

// In a group only a call that names the account is for it.
func TestGroupCallOfOthers(t *testing.T) {
	t.Parallel()
	r, _ := ordinary(t)
	r.given(group, dialled)
	for _, invitee := range []string{"", bob} {
		e := r.calling(group, "call"+invitee)
		e["content"].(map[string]any)["invitee"] = invitee
		r.push(e)
	}
	r.idle()
	r.none()
}

// A call in a room without a number is refused in words that end it in every
// client, and the room is asked once; a number said next is called, by ringing
// back who was asked.
func TestRoomWithoutANumberAsks(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{"+49 30 1234567", "600"} {
		r, _ := ordinary(t)
		r.push(r.calling(group, "call1"))
		if e := r.expect(typeReject); e.Room != group {
			t.Errorf("rejected in %s", e.Room)
		}
		r.notice(whichNumber)
		r.push(r.message(group, bob, "+49 40 7654321")) // was not asked
		m := r.message(group, alice, answer)
		r.push(m)
		invite := r.dials()
		if invite.Room != group || invite.As != telephone || invite.Body["invitee"] != alice {
			t.Errorf("rang %s", invite.Raw)
		}
		r.push(in(group, r.says(invite, typeAnswer, "PHONE", answerSDP("x"))))
		r.expect(typeSelectAnswer)
		r.peer().on(peer.Connected)
		if call, _, _ := r.take(); call.To.Number != strings.ReplaceAll(answer, " ", "") || call.From.User != alice || call.Room != group {
			t.Errorf("called %+v", call)
		}
	}
}

// A client of version 0 knows no reject.
func TestRoomWithoutANumberAsksVersion0(t *testing.T) {
	t.Parallel()
	r, _ := ordinary(t)
	r.push(in(chat, r.inviteV0()))
	r.wantBody(r.expect(typeHangup), "version", "0")
	r.notice(whichNumber)
}

// The answer has to be the next that the person says there, within two minutes.
func TestAnswersThatAreNone(t *testing.T) {
	t.Parallel()
	r, _ := ordinary(t)
	r.c.questions.ask(group, alice)
	r.push(r.message(group, alice, "hm, wait"), r.message(group, alice, "+49 30 1234567"))
	r.idle()
	r.none()
	r.c.questions.ask(group, alice)
	r.c.questions.mu.Lock()
	r.c.questions.open[question{group, alice}] = time.Now().Add(-time.Second)
	r.c.questions.mu.Unlock()
	r.push(r.message(group, alice, "+49 30 1234567"))
	r.idle()
	r.none()
}

// Questions are bounded.
func TestQuestionsAreBounded(t *testing.T) {
	t.Parallel()
	var q questions
	for i := range 2 * maxQuestions {
		q.ask(chat, strings.Repeat("x", i))
	}
	if len(q.open) > maxQuestions {
		t.Errorf("%d questions", len(q.open))
	}
}

// T25: who may not dial in a room is told so, and nobody asks for a number.
func TestRoomAsksNobodyWhoMayNotDial(t *testing.T) {
	t.Parallel()
	r, _ := ordinary(t, func(cfg *Config, c *Client) {
		if cfg.Rooms = (Rooms{chat: {Story: StoryShort, WhoCanDial: 50}}); c != nil {
			c.may = receivers{}
		}
	})
	r.push(r.calling(group, "call1"))
	r.expect(typeReject)
	if e := r.expect(typeNotice); !strings.Contains(e.Raw, "you may not place calls") {
		t.Error(e.Raw)
	}
	r.idle()
	r.none()
}

// Commands are taken in every room, from who begins with one of our words; what
// other bots listen to is theirs.
func TestCommandsInAGroup(t *testing.T) {
	t.Parallel()
	r, d := ordinary(t)
	r.push(r.message(group, alice, "!weather"), r.message(group, alice, "+49 30 1234567"), r.message(group, mallet, "!dial 1"))
	for _, c := range [][2]string{
		{"!help number", "!number [number|none]: "},
		{"!hangup", "You have no call now."},
		{"!number", "This room has no number."},
		{"!dial", "Which number? It is written !dial <number>"},
	} {
		m := r.message(group, alice, c[0])
		r.push(m)
		r.replied(m, telephone, c[1])
	}
	r.push(r.message(group, alice, "!dial +49 30 555"))
	if e := r.dials(); e.Room != group || e.Body["invitee"] != alice {
		t.Errorf("rang %s in %s", e.Raw, e.Room)
	}
	d.wants(t)
	m := r.message(chat, alice, "!weather") // nobody else listens here
	r.push(m)
	r.replied(m, telephone, "There is no !weather.")
}

// A number that is set is called from then on, also after a restart, until it
// is taken; commands with it need the power that dialling needs.
func TestNumberIsSet(t *testing.T) {
	t.Parallel()
	r, d := ordinary(t, func(cfg *Config, _ *Client) { cfg.Rooms = Rooms{group: {Story: StoryShort, WhoCanDial: 50}} })
	say := func(room, line, want string) {
		t.Helper()
		m := r.message(room, alice, line)
		r.push(m)
		r.replied(m, telephone, want)
	}
	r.hs.set(func() { r.hs.states = map[string]string{"m.room.power_levels": `{"users":{"@alice:example.org":10}}`} })
	say(group, "!number +49 30 1234567", "You may not place calls from here: in this room that takes a power level of 50, and yours is 10.")
	say(group, "!number", "This room has no number.")
	say(chat, "!number +49 30 1234567", "From now on a call in this room calls +49 301234567")
	r.c.Close()
	r.begin(func(_ *Config, c *Client) { c.Obey(d) })
	say(chat, "!number", "A call in this room calls +49 301234567")
	r.push(r.calling(chat, "call1"))
	call, box, leg := r.take()
	if call.To.Number != dialled {
		t.Errorf("called %+v", call.To)
	}
	leg.Hangup(signalling.Reason{})
	r.follow(box, signalling.Gone)
	r.expect(typeReject)
	r.expect(typeNotice)
	say(chat, "!number none", "This room has no number any more.")
	r.push(r.calling(chat, "call2"))
	r.expect(typeReject)
	r.notice(whichNumber)
}

// Whoever invites the account and may use it is greeted, in groups too; public
// rooms and strangers are refused as ever.
func TestAccountIsInvited(t *testing.T) {
	t.Parallel()
	const third = "!third:example.org"
	r, _ := ordinary(t)
	r.hs.set(func() {
		r.hs.members[third] = []string{alice, bob}
		r.hs.public["!open:example.org"] = true
	})
	r.push(in(third, r.member(alice, telephone, "invite")))
	if e := r.expect(typeNotice); e.Room != third || e.Body["body"] != helloAccount+command.Explain("", true) {
		t.Errorf("said %s", e.Raw)
	}
	r.push(in("!evil:evil.org", r.member(mallet, telephone, "invite")), in("!open:example.org", r.member(alice, telephone, "invite")))
	r.expect(typeNotice) // why
	r.until("it leaves", func() bool { return r.hs.said("POST rooms/!open:example.org/leave") })
	r.until("that room is forgotten", func() bool { return r.of("!open:example.org") == "" })
	if r.hs.said("POST rooms/!evil:evil.org/join") {
		t.Error("went where it must not")
	}
	r.given(third, dialled)
	r.push(in(third, r.member(alice, telephone, "leave")))
	r.until("the room is forgotten", func() bool { n, _ := r.c.store.numberIn(t.Context(), third); return n == "" && r.of(third) == "" })
	if r.hs.said("POST register") || r.hs.said("PUT profile") {
		t.Error("changed who the account is")
	}
}

// A lost database loses no room: the account is in all of them.
func TestAccountForgetsNoRoom(t *testing.T) {
	t.Parallel()
	r, d := ordinary(t)
	r.hs.set(func() { r.hs.public[group] = true })
	r.loseDatabase(func(_ *Config, c *Client) { c.Obey(d) })
	r.push(r.calling(group, "call1"), r.calling(chat, "call2"))
	if e := r.expect(typeReject); e.Room != chat {
		t.Errorf("rejected in %s", e.Room)
	}
	r.notice(whichNumber)
	r.idle()
	r.none()
}

// T63: the number moves with an upgraded room: at once, or when the account is
// invited to the room that says that it is the successor.
func TestNumberMovesAlong(t *testing.T) {
	t.Parallel()
	for name, invited := range map[string]bool{"at once": false, "by invitation": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _ := ordinary(t)
			r.given(chat, dialled)
			r.hs.set(func() {
				r.hs.members[newer] = []string{alice}
				r.hs.upgraded, r.hs.closed = map[string]string{newer: chat}, map[string]bool{newer: invited}
			})
			r.push(r.tombstone(chat, newer))
			r.until("it leaves the old one", func() bool { return r.hs.said("POST rooms/" + chat + "/leave") })
			if invited {
				r.push(in(chat, r.member(telephone, telephone, "leave")))
				r.idle()
				r.hs.set(func() { r.hs.closed = nil })
				r.push(in(newer, r.member(alice, telephone, "invite")))
				r.expect(typeNotice) // hello
			}
			r.until("it is in the new one", func() bool { return r.of(newer) == telephone })
			r.push(r.calling(newer, "call1"))
			if call, _, _ := r.take(); call.To.Number != dialled {
				t.Errorf("called %+v", call.To)
			}
			if n, _ := r.c.store.numberIn(t.Context(), chat); n != "" {
				t.Error("the old room has it too")
			}
		})
	}
}

// A room that only claims to be the successor gets no number.
func TestNumberOfAFalseSuccessor(t *testing.T) {
	t.Parallel()
	r, _ := ordinary(t)
	r.given(chat, dialled)
	r.hs.set(func() {
		r.hs.members[newer] = []string{alice}
		r.hs.upgraded = map[string]string{newer: "!another:example.org"}
		r.hs.closed = map[string]bool{newer: true}
	})
	r.push(r.tombstone(chat, newer))
	r.until("it leaves the old one", func() bool { return r.hs.said("POST rooms/" + chat + "/leave") })
	r.hs.set(func() { r.hs.closed = nil })
	r.push(in(newer, r.member(alice, telephone, "invite")))
	r.expect(typeNotice)
	if n, err := r.c.store.numberIn(t.Context(), newer); n != "" || err != nil {
		t.Errorf("it has %q, %v", n, err)
	}
}

// A forgotten room that is encrypted is read, too, by the account: nobody else
// of ours could be there.
func TestAccountReadsForgottenRooms(t *testing.T) {
	t.Parallel()
	r, d := ordinary(t)
	r.loseDatabase(func(_ *Config, c *Client) { c.Obey(d) })
	if got := r.c.reader(chat); got != telephone || r.of(chat) != telephone {
		t.Errorf("%q reads it, and it is %q's", got, r.of(chat))
	}
}
