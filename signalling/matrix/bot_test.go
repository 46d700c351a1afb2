package matrix

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"maunium.net/go/mautrix/event"

	"roomline/signalling"
	"roomline/signalling/command"
)

const (
	botUser = "@roomline:example.org"
	office  = "!office:example.org"
)

// desk writes down what is wished.
type desk struct {
	mu     sync.Mutex
	calls  []signalling.Status
	wishes []string
}

func (d *desk) wish(format string, args ...any) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wishes = append(d.wishes, fmt.Sprintf(format, args...))
	return true
}

func (d *desk) Calls() []signalling.Status               { return d.calls }
func (d *desk) Recent() []signalling.Record              { return nil }
func (d *desk) Hangup(id string, s signalling.Side) bool { return d.wish("hangup %s %v", id, s) }
func (d *desk) Hold(id string, s signalling.Side, on bool) bool {
	return d.wish("hold %s %v %v", id, s, on)
}
func (d *desk) Press(id string, s signalling.Side, digits string) bool {
	return d.wish("press %s %v %s", id, s, digits)
}
func (d *desk) Transfer(id string, s signalling.Side, to signalling.Destination) bool {
	return d.wish("transfer %s %v to %s", id, s, to.To.Label())
}

func (d *desk) wants(t *testing.T, wishes ...string) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if !slices.Equal(d.wishes, wishes) {
		t.Errorf("wished %q, expected %q", d.wishes, wishes)
	}
}

// attended is a rig whose commands are followed, with alice in the management
// room and in a telephone's; she has the call "test" with that telephone.
func attended(t *testing.T, options ...option) (*rig, *desk) {
	d := &desk{calls: []signalling.Status{{ID: "test", State: signalling.Connected, Connected: time.Now(), Ends: [2]signalling.End{
		{Side: signalling.A, Via: signalling.Matrix, Party: signalling.Party{User: alice}},
		{Side: signalling.B, Via: "trunk", Party: signalling.Party{Number: dialled}}}}}}
	r := newRig(t, append(options, func(_ *Config, c *Client) {
		if c != nil {
			c.Obey(d)
		}
	})...).meet()
	r.hs.set(func() { r.hs.members[office] = []string{alice, botUser} })
	if err := r.c.store.setRoom(t.Context(), office, botUser, alice); err != nil {
		t.Fatal(err)
	}
	return r, d
}

// says makes a message.
func (r *rig) message(room, sender, body string) map[string]any {
	return with(r.event(typeNotice, sender, map[string]any{"msgtype": "m.text", "body": body}), "room_id", room)
}

// reply is the next event, and must answer a message with a text that begins so.
func (r *rig) replied(to map[string]any, as, begins string) {
	r.t.Helper()
	e := r.expect(typeNotice)
	r.wantBody(e, "msgtype", "m.notice")
	r.wantBody(e, "m.relates_to", map[string]any{"m.in_reply_to": map[string]any{"event_id": to["event_id"]}})
	if text, _ := e.Body["body"].(string); !strings.HasPrefix(text, begins) || e.As != as || e.Room != to["room_id"] {
		r.t.Errorf("%s said in %s: %q, expected %q", e.As, e.Room, text, begins)
	}
}

func TestCommandsInTheManagementRoom(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]struct{ wish, said string }{
		"!hangup":              {"hangup test A", "Hung up: +49 301234567."},
		"!hold":                {"hold test A true", "+49 301234567 is on hold."},
		"!resume":              {"hold test A false", "You talk with +49 301234567 again."},
		"!dtmf 12#":            {"press test A 12#", "Pressed 12#."},
		"!transfer +49 40 777": {"transfer test A to +4940777", "Connecting +49 301234567 with +49 40777."},
		"!transfer @bob":       {"transfer test A to @bob:example.org", "Connecting +49 301234567 with @bob:example.org."},
		"!calls":               {"", "test: @alice:example.org talks "},
		"!why":                 {"", "None of your calls failed lately."},
		"!help dial":           {"", "!dial <number>: "},
		"!transfr 1":           {"", "There is no !transfr. Did you mean !transfer?"},
		"!dial hello":          {"", `"hello": not a number.`},
		"+49 30 7654321":       {"", "Say !dial +49 307654321 to call this number."},
		"＋４９　３０　７６５４３２１": {"", "Say !dial +49 307654321 to call this number."},
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			r, d := attended(t)
			m := r.message(office, alice, line)
			r.push(m)
			r.replied(m, botUser, want.said)
			r.quiet()
			if want.wish == "" {
				d.wants(t)
			} else {
				d.wants(t, want.wish)
			}
		})
	}
}

// In a telephone's room commands are for the call of that room, and a number
// is just a number.
func TestCommandsInTheTelephoneRoom(t *testing.T) {
	t.Parallel()
	r, d := attended(t)
	r.push(r.message(room, alice, "+49 30 7654321"))
	m := r.message(room, alice, "!hangup")
	r.push(m)
	r.replied(m, ghost, "No call goes on in this room.")
	r.push(r.inviteV1())
	r.take()
	m = r.message(room, alice, "!hangup")
	r.push(m)
	r.replied(m, ghost, "Hung up: +49 301234567.")
	r.quiet()
	d.wants(t, "hangup test A")
}

// T25: who may not is told why, in one sentence; strangers elsewhere are not
// even answered, and nothing is looked up for them.
func TestCommandOfTheUnauthorised(t *testing.T) {
	t.Parallel()
	r, d := attended(t)
	r.hs.set(func() { r.hs.members[office] = []string{mallet, botUser} })
	for _, line := range []string{"!hangup", "!dial +49 30 1", "!nonsense", "+49 30 7654321"} {
		m := r.message(office, mallet, line)
		r.push(m)
		r.replied(m, botUser, "You may not use this telephone gateway. Its administrator can allow it.")
	}
	d.wants(t)
}

func TestTalkIsNoCommand(t *testing.T) {
	t.Parallel()
	r, d := attended(t)
	r.hs.set(func() { r.hs.members["!three:example.org"] = []string{alice, botUser, mallet} })
	if err := r.c.store.setRoom(t.Context(), "!three:example.org", botUser, alice); err != nil {
		t.Fatal(err)
	}
	content := func(extra map[string]any) map[string]any {
		m := r.message(office, alice, "!hangup")
		for k, v := range extra {
			m["content"].(map[string]any)[k] = v
		}
		return m
	}
	r.push(
		content(map[string]any{"msgtype": "m.notice"}),
		content(map[string]any{"m.relates_to": map[string]any{"rel_type": "m.replace", "event_id": "$x"}}),
		content(map[string]any{"body": "> <@alice:example.org> !hangup\n\nno", "m.relates_to": map[string]any{"m.in_reply_to": map[string]any{"event_id": "$x"}}}),
		content(map[string]any{"body": 5}),
		content(map[string]any{"body": "hang up, please"}),
		with(content(nil), "unsigned", map[string]any{"age": 61_000}),
		with(with(content(nil), "unsigned", nil), "origin_server_ts", time.Now().Add(-2*time.Minute).UnixMilli()),
		r.message(office, botUser, "!hangup"),
		r.message(office, ghost, "!hangup"),
		r.message(office, mallet, "!hangup"), // not in the room
		r.message("!three:example.org", alice, "!hangup"),
		r.message("!elsewhere:example.org", alice, "!hangup"),
		with(content(nil), "state_key", ""),
	)
	r.settled()
	m := content(map[string]any{"body": "> <@alice:example.org> !hold\n> more\n\n!resume", "m.relates_to": map[string]any{"m.in_reply_to": map[string]any{"event_id": "$x"}}})
	r.push(m) // what is said below a quotation counts
	r.replied(m, botUser, "You talk with")
	r.quiet()
	d.wants(t, "hold test A false")
}

// A command is followed once, also when the homeserver repeats it to the next run.
func TestCommandIsFollowedOnce(t *testing.T) {
	t.Parallel()
	r, d := attended(t)
	m := r.message(office, alice, "!hangup")
	r.push(m, m)
	r.push(m)
	r.replied(m, botUser, "Hung up")
	r.c.Close()
	r.begin(func(_ *Config, c *Client) { c.Obey(d) })
	r.push(m)
	last := r.message(office, alice, "!hold")
	r.push(last)
	r.replied(last, botUser, "+49 301234567 is on hold.")
	r.quiet()
	d.wants(t, "hangup test A", "hold test A true")
}

// Commands of one person are followed and answered in their order.
func TestCommandsKeepTheirOrder(t *testing.T) {
	t.Parallel()
	r, d := attended(t)
	var lines []map[string]any
	for _, keys := range []string{"1", "2", "3", "4", "5", "6", "7", "8"} {
		lines = append(lines, r.message(office, alice, "!dtmf "+keys))
	}
	r.push(lines...)
	for i, m := range lines {
		r.replied(m, botUser, fmt.Sprintf("Pressed %d.", i+1))
	}
	d.wants(t, "press test A 1", "press test A 2", "press test A 3", "press test A 4", "press test A 5", "press test A 6", "press test A 7", "press test A 8")
}

// !dial alone, in a telephone's room, rings the person there, to call that number.
func TestDialInTheTelephoneRoom(t *testing.T) {
	t.Parallel()
	r, _ := attended(t)
	r.push(r.message(room, alice, "!dial"))
	said := map[string]sent{}
	for range 3 {
		e := <-r.hs.events
		said[e.Type] = e
	}
	if e := said[typeInvite]; e.Room != room || e.As != ghost || e.Body["invitee"] != alice {
		t.Errorf("rang by %+v", e)
	}
	if text := said[typeNotice].Body["body"]; text != "Your client rings; answer it, and +49 301234567 is called." {
		t.Errorf("said %q", text)
	}
}

// A flood of one user's is not answered, and keeps nobody else waiting.
func TestCommandsAreCounted(t *testing.T) {
	t.Parallel()
	r, d := attended(t)
	flood := make([]map[string]any, 200)
	for i := range flood {
		flood[i] = r.message(office, alice, "!hold")
	}
	r.push(flood...)
	r.hs.set(func() { r.hs.members["!other:example.org"] = []string{mallet, botUser} })
	if err := r.c.store.setRoom(t.Context(), "!other:example.org", botUser, mallet); err != nil {
		t.Fatal(err)
	}
	r.push(r.message("!other:example.org", mallet, "!calls"))
	r.heard("You may not use this telephone gateway. Its administrator can allow it.")
	r.until("ten are answered", func() bool { return len(r.told()) >= 11 })
	r.until("nothing goes on", func() bool { return len(r.c.atOnce) == 0 })
	r.c.outboxes.Wait()
	if n := len(r.told()) - 1; n != 10 || len(d.wishes) != 10 {
		t.Errorf("%d commands were answered, %d followed", n, len(d.wishes))
	}
}

// The bot joins who may use us, says hello once, and leaves public rooms.
func TestBotIsInvited(t *testing.T) {
	t.Parallel()
	r, _ := attended(t)
	invite := func(room, sender string) map[string]any {
		return with(r.member(sender, botUser, "invite"), "room_id", room)
	}
	r.hs.set(func() { r.hs.public["!public:example.org"] = true })
	good := invite("!new:example.org", alice)
	r.push(invite("!evil:example.org", mallet), invite("!public:example.org", alice))
	r.heard("This room is public: anybody could listen, so no telephone works here. Please call from a room to which people are invited.")
	r.until("it leaves the public room", func() bool { return r.hs.said("POST rooms/!public:example.org/leave") })
	r.expect(typeNotice)
	r.push(good)
	e := r.expect(typeNotice)
	if text, _ := e.Body["body"].(string); e.Room != "!new:example.org" || e.As != botUser || !strings.HasPrefix(text, "Hello!") || !strings.Contains(text, "!transfer <number|@user>") {
		t.Errorf("said %+v", e)
	}
	r.push(good)
	r.settledOr(func() bool { return len(r.c.atOnce) == 0 }) // else it may come to that after the end
	r.quiet()
	if r.hs.said("POST rooms/!evil:example.org") {
		t.Error("a stranger's invitation was looked at")
	}
	r.hs.set(func() { r.hs.members["!new:example.org"] = []string{alice, botUser} })
	m := r.message("!new:example.org", alice, "!calls")
	r.push(m)
	r.replied(m, botUser, "test: ")
	r.push(with(r.member(alice, botUser, "leave"), "room_id", "!new:example.org"))
	r.until("it forgets the room", func() bool {
		who, err := r.c.store.ghostOf(t.Context(), "!new:example.org")
		return err == nil && who == ""
	})
}

// Without a desk nobody's commands are followed, and nobody is let in.
func TestNoDesk(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	r.push(r.message(room, alice, "!help"), with(r.member(alice, botUser, "invite"), "room_id", "!new:example.org"))
	r.settled()
	r.quiet()
	if r.hs.said("POST rooms/!new:example.org") {
		t.Error("the bot joined")
	}
}

// rooms.<id>.who_can_dial: the power level that placing a call from a room needs.
func TestPowerToDial(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		levels, create string
		may            bool
	}{
		"enough":          {`{"users":{"@alice:example.org":50}}`, "", true},
		"not enough":      {`{"users":{"@alice:example.org":49},"users_default":100}`, "", false},
		"by default":      {`{"users_default":50}`, "", true},
		"no levels":       {"", `{"type":"m.room.create","sender":"@mallet:evil.org","content":{"room_version":"11"}}`, false},
		"no levels, mine": {"", `{"type":"m.room.create","sender":"@alice:example.org","content":{"room_version":"11"}}`, true},
		"creator":         {`{}`, `{"type":"m.room.create","sender":"@alice:example.org","content":{"room_version":"12"}}`, true},
		"old creator":     {`{}`, `{"type":"m.room.create","sender":"@alice:example.org","content":{"room_version":"11"}}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _ := attended(t, func(c *Config, _ *Client) {
				c.Rooms = Rooms{EveryRoom: {Story: StoryShort}, room: {Story: StoryShort, WhoCanDial: 50}}
			})
			r.hs.set(func() {
				r.hs.states = map[string]string{}
				for eventType, content := range map[string]string{"m.room.power_levels": tt.levels, "m.room.create": tt.create} {
					if content != "" {
						r.hs.states[eventType] = content
					}
				}
			})
			why, err := r.c.mayDialIn(t.Context(), room, ghost, alice)
			if err != nil || (why == "") != tt.may {
				t.Errorf("%q, %v", why, err)
			}
			if !tt.may {
				m := r.message(room, alice, "!dial +49 30 1")
				r.push(m)
				r.replied(m, ghost, "You may not place calls from here: in this room that takes a power level of 50, and yours is ")
				r.push(r.inviteV1())
				r.expect(typeReject)
				if text := r.expect(typeNotice).Body["body"].(string); !strings.HasPrefix(text, "The call to +49 301234567 is not allowed (in this room that takes a power level of 50") {
					t.Error(text)
				}
			}
		})
	}
}

// In an encrypted room the bot cannot read, and says so.
func TestBotInAnEncryptedRoom(t *testing.T) {
	t.Parallel()
	r, _ := attended(t)
	r.hs.set(func() { r.hs.veiled = map[string]bool{"!dark:example.org": true} })
	r.push(with(r.member(alice, botUser, "invite"), "room_id", "!dark:example.org"))
	r.notice(abilityOff.sentence(true))
	r.push(with(r.event(typeEncrypted, alice, map[string]any{"algorithm": "m.megolm.v1.aes-sha2"}), "room_id", office))
	r.notice(abilityOff.sentence(true))
	r.quiet()
}

// An answer is bounded, however many calls there are.
func TestAnswersAreBounded(t *testing.T) {
	t.Parallel()
	r, d := attended(t)
	for range 500 {
		d.calls = append(d.calls, d.calls[0])
	}
	r.push(r.message(office, alice, "!calls"))
	if text := r.expect(typeNotice).Body["body"].(string); len(text) > maxReply+len("…") || !strings.HasSuffix(text, "…") {
		t.Errorf("%d bytes", len(text))
	}
}

// FuzzReadMessage: whatever stands in a message, it is read within bounds, or not at all.
func FuzzReadMessage(f *testing.F) {
	for _, s := range []string{`{"msgtype":"m.text","body":"!help"}`, `{"msgtype":"m.text","body":"> <@a:b> x\n\n!hangup","m.relates_to":{"m.in_reply_to":{"event_id":"$1"}}}`,
		`{"msgtype":"m.text","body":"> ","m.relates_to":{"m.in_reply_to":{}}}`, `{"msgtype":"m.text","body":"x","m.mentions":{"user_ids":["@a:b"]}}`, `{"m.mentions":5}`, `[]`, `null`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		w, ok := readMessage(&event.Event{ID: "$1", Content: event.Content{VeryRaw: raw}})
		if !ok && w != (written{}) || len(w.body) > 3*len(raw) {
			t.Errorf("%v of %q", w, raw)
		}
		command.Parse(w.body)
	})
}
