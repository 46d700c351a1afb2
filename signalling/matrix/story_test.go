package matrix

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"roomline/media"
	"roomline/media/peer"
	"roomline/signalling"
)

// paper records what a story posts, on a clock of its own.
type paper struct {
	sync.WaitGroup
	log   []string // "text" of the notice, "*event text" of an edit
	txns  []string
	kept  []string
	given error // up
	over  bool
	fail  func(try int, c storyOut) error
	try   int
}

func (p *paper) story() *story {
	return &story{life: context.Background(), awaited: &p.WaitGroup, pace: pace{500 * time.Millisecond, 10 * time.Second}, prime: "p",
		keep: func(id string, t telling) { p.kept = append(p.kept, id+" "+t.left) }, done: func(err error) { p.given, p.over = err, true },
		post: func(_ context.Context, u *utterance) (string, error) {
			txn, c := u.txn, u.content.(storyOut)
			p.try++
			if p.fail != nil {
				if err := p.fail(p.try, c); err != nil {
					return "", err
				}
			}
			p.txns = append(p.txns, txn)
			if c.New == nil {
				p.log = append(p.log, c.Body)
			} else {
				p.log = append(p.log, "*"+c.Relates.Event+" "+c.New.Body)
				if c.Body != "* "+c.New.Body || c.Relates.Type != "m.replace" {
					p.log = append(p.log, "a strange edit")
				}
			}
			return "$1", nil
		}}
}

func (p *paper) wants(t *testing.T, log ...string) {
	t.Helper()
	if !slices.Equal(p.log, log) {
		t.Errorf("told %q, expected %q", p.log, log)
	}
}

// The notice is edited in order, once a minute while people talk, and never after the end.
func TestStoryIsOneNotice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &paper{}
		s := p.story()
		for _, text := range []string{"calling", "ringing", "ringing"} {
			s.say(telling{text: text, left: "cut"})
			p.Wait()
		}
		began := time.Now()
		s.follow(func() telling { return telling{text: signalling.Clock(time.Since(began)), left: "cut"} })
		time.AfterFunc(150*time.Second, func() { s.say(telling{text: "ended", left: "ended", final: true}) })
		time.AfterFunc(time.Hour, func() { s.say(telling{text: "late"}); s.follow(nil) })
		<-time.After(2 * time.Hour)
		p.Wait()
		p.wants(t, "calling", "*$1 ringing", "*$1 1:00", "*$1 2:00", "*$1 ended")
		if want := []string{"p.0", "p.1", "p.2", "p.3", "p.4"}; !slices.Equal(p.txns, want) {
			t.Errorf("transactions %v", p.txns)
		}
		if want := []string{"$1 cut", "$1 ended"}; !slices.Equal(p.kept, want) || !p.over {
			t.Errorf("kept %q", p.kept)
		}
	})
}

// What a slow homeserver has not taken yet is left out; the end is not.
func TestStoryOfASlowHomeserver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &paper{fail: func(try int, _ storyOut) error {
			if try == 1 {
				return refusal(429, map[string]any{"retry_after_ms": float64(30_000)})
			}
			return nil
		}}
		s, began := p.story(), time.Now()
		for _, text := range []string{"calling", "ringing", "talking"} {
			s.say(telling{text: text})
			synctest.Wait()
		}
		s.say(telling{text: "ended", final: true})
		p.Wait()
		p.wants(t, "calling", "*$1 ended")
		if took := time.Since(began); took != 30*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// The last text waits ten minutes for a homeserver that is down, as a hangup does.
func TestStoryEndsWhileTheHomeserverIsDown(t *testing.T) {
	for back, want := range map[time.Duration]string{8 * time.Minute: "*$1 ended", 11 * time.Minute: ""} {
		synctest.Test(t, func(t *testing.T) {
			p := &paper{}
			s := p.story()
			s.say(telling{text: "calling"})
			p.Wait()
			down := time.Now()
			p.fail = func(int, storyOut) error {
				if time.Since(down) < back {
					return errors.New("connection refused")
				}
				return nil
			}
			s.say(telling{text: "ended", final: true})
			p.Wait()
			if got := slices.Contains(p.log, "*$1 ended"); got != (want != "") || (p.given == nil) != got || !p.over {
				t.Errorf("back after %v: told %q, gave up %v", back, p.log, p.given)
			}
		})
	}
}

// A notice whose acknowledgement was lost is not made a second time, and shows
// the latest text in the end.
func TestStoryWithoutAnAcknowledgement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &paper{fail: func(try int, _ storyOut) error {
			if try == 1 {
				return context.DeadlineExceeded
			}
			return nil
		}}
		s := p.story()
		s.say(telling{text: "calling", until: time.Now().Add(time.Millisecond)})
		p.Wait()
		s.say(telling{text: "ended", final: true})
		p.Wait()
		p.wants(t, "ended", "*$1 ended")
		if p.txns[0] != "p.0" {
			t.Errorf("transactions %v", p.txns)
		}
	})
}

// storied is a rig whose rooms are told as much as mode says.
func storied(t *testing.T, mode string) *rig {
	return newRig(t, func(c *Config, _ *Client) { c.Rooms = Rooms{EveryRoom: {Story: mode}} }).meet()
}

// told are the messages of a room, as a person sees them one after the other.
func (r *rig) told() []string {
	r.hs.mu.Lock()
	defer r.hs.mu.Unlock()
	var all []string
	for _, e := range r.hs.tries {
		if e.Type != typeNotice {
			continue
		}
		text, edit := e.Body["body"], ""
		if whole, ok := e.Body["m.new_content"].(map[string]any); ok {
			text, edit = whole["body"], "edit: "
		}
		if e.Body["msgtype"] == "m.text" {
			edit += fmt.Sprint("badge ", e.Body["m.mentions"], ": ")
		}
		all = append(all, edit+strings.Replace(oclock.ReplaceAllString(fmt.Sprint(text), " at …"), "0:01", "0:00", 1))
	}
	return all
}

func (r *rig) heard(text string) {
	r.t.Helper()
	r.until("the room is told "+text, func() bool { return slices.Contains(r.told(), text) })
}

// plays are calls, told step by step; each returns when the call is over.
var plays = map[string]func(r *rig, mode string){
	"answered": func(r *rig, mode string) {
		r.push(r.inviteV1())
		_, in, leg := r.take()
		r.follows(mode, "📞 Calling +49 301234567 …")
		leg.Ring()
		r.follows(mode, "edit: 📞 Ringing +49 301234567 …")
		leg.Answer(media.PCMU)
		r.peer().on(peer.Connected)
		r.follow(in, signalling.Confirmed)
		r.follows(mode, "edit: 📞 Talking with +49 301234567, 0:00")
		leg.Hangup(signalling.Reason{Cause: signalling.NormalClearing})
		r.follow(in, signalling.Gone)
	},
	"busy":      refusedWith(signalling.Reason{Cause: signalling.Busy, Detail: "486 Busy Here"}),
	"not found": refusedWith(signalling.Reason{Cause: signalling.Unallocated, Detail: "trunk asterisk: 404 No\u202e such\x07 number"}),
	"cancelled": func(r *rig, mode string) {
		r.push(r.inviteV1())
		_, in, _ := r.take()
		r.follows(mode, "📞 Calling +49 301234567 …")
		r.push(r.v1(typeHangup, nil))
		r.ends(in, signalling.Cancelled)
	},
	"missed": func(r *rig, mode string) {
		in, leg, _, _ := r.rung()
		leg.Hangup(signalling.Reason{Cause: signalling.NoAnswer})
		r.follow(in, signalling.Gone)
	},
	"declined": func(r *rig, mode string) {
		in, _, _, invite := r.rung()
		r.push(r.says(invite, typeReject, "PHONE", nil))
		r.ends(in, signalling.Rejected)
	},
	"received": func(r *rig, mode string) {
		in, leg, p, invite := r.rung()
		r.push(r.says(invite, typeAnswer, "PHONE", answerSDP("a")))
		r.until("the answer is taken", func() bool { return p.get(func() string { return p.accepted }) == "a" })
		p.on(peer.Connected)
		r.follow(in, signalling.Answered)
		r.follows(mode, "📞 Talking with +49 301234567, 0:00")
		leg.Hangup(signalling.Reason{Cause: signalling.NormalClearing})
		r.follow(in, signalling.Gone)
	},
}

func refusedWith(why signalling.Reason) func(*rig, string) {
	return func(r *rig, mode string) {
		r.push(r.inviteV1())
		_, in, leg := r.take()
		r.follows(mode, "📞 Calling +49 301234567 …")
		leg.Hangup(why)
		r.follow(in, signalling.Gone)
	}
}

// follows waits for a step of the story, where steps are told.
func (r *rig) follows(mode, text string) {
	if mode == StoryFull {
		r.heard(text)
	}
}

// The story of each kind of call in each mode: one notice, and a badge only
// for who missed a call.
func TestStories(t *testing.T) {
	t.Parallel()
	const badge = "badge map[user_ids:[@alice:example.org]]: "
	for play, last := range map[string]string{
		"answered":  "Call to +49 301234567 ended after 0:00.",
		"busy":      "+49 301234567 is busy (486 Busy Here).",
		"not found": "+49 301234567 is not a number in service (trunk asterisk: 404 No such number).",
		"cancelled": "Call to +49 301234567 was cancelled.",
		"missed":    badge + "Missed call from +49 301234567 at ….",
		"declined":  "You declined a call from +49 301234567.",
		"received":  "Call from +49 301234567 ended after 0:00.",
	} {
		for _, mode := range []string{StoryOff, StoryShort, StoryFull} {
			t.Run(mode+" "+play, func(t *testing.T) {
				t.Parallel()
				r := storied(t, mode)
				plays[play](r, mode)
				r.c.outboxes.Wait()
				told := r.told()
				steps := map[string]int{"answered": 4, "busy": 2, "not found": 2, "cancelled": 2, "received": 2}[play]
				switch {
				case mode == StoryOff && len(told) > 0:
					t.Errorf("told %q", told)
				case mode == StoryShort && !slices.Equal(told, []string{last}):
					t.Errorf("told %q", told)
				case mode == StoryFull && steps > 0 && (len(told) != steps || told[steps-1] != "edit: "+last):
					t.Errorf("told %q", told)
				case mode == StoryFull && steps == 0 && !slices.Equal(told, []string{last}):
					t.Errorf("told %q", told)
				}
			})
		}
	}
}

// Another room's story is not told in this one, and one room may differ from the others.
func TestStoryOfOneRoom(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config, _ *Client) { c.Rooms = Rooms{EveryRoom: {Story: StoryOff}, room: {Story: StoryShort}} }).meet()
	plays["busy"](r, StoryShort)
	r.heard("+49 301234567 is busy (486 Busy Here).")
	for _, e := range r.hs.tries {
		if e.Room != room {
			t.Errorf("told in %s: %s", e.Room, e.Raw)
		}
	}
}

func TestLabel(t *testing.T) {
	t.Parallel()
	c := &Client{ghosts: &ghosts{numbers: digitsOnly{}}}
	for want, p := range map[string]signalling.Party{
		"Widgets Inc (+49 30)": {Name: "Widgets\u202e Inc", Number: "+4930"},
		"+49 31":               {Number: "+4931"},
		"+49 32":               {Number: "+4932", Name: "+4932"},
		"Bob":                  {Name: "Bob", User: "@bob:b"},
		"@bob:b":               {User: "@bob:b"},
		"an unknown caller":    {Hidden: true},
	} {
		if got := c.label(p); got != want {
			t.Errorf("%+v is called %q, expected %q", p, got, want)
		}
	}
}

// S13: the room is told what a caller's number is worth, and who forwarded the
// call.
func TestStoryOfAnUnverifiedCaller(t *testing.T) {
	t.Parallel()
	c := &Client{ghosts: &ghosts{numbers: digitsOnly{}}, numbers: digitsOnly{}}
	for want, p := range map[string]signalling.Party{
		"+49 31":                       {Number: "+4931"},
		"+49 31 (number not verified)": {Number: "+4931", Assured: signalling.Unverified},
		"Bob (+49 31) (forwarded from +49 40; number verified)": {Name: "Bob", Number: "+4931", Assured: signalling.Verified, Forwarder: "+4940"},
		"an unknown caller (forwarded from +49 40)":             {Hidden: true, Forwarder: "+4940", Assured: signalling.Doubtful},
	} {
		if got := c.described(p); got != want {
			t.Errorf("%+v is described as %q, expected %q", p, got, want)
		}
		if name := appearance(c.numbers, nil, p).name; strings.Contains(name, "verified") || strings.Contains(name, "forwarded") {
			t.Errorf("%+v wears %q", p, name)
		}
	}
}

// After a sudden end the next start finishes what it finds: a notice in the
// middle of a call, and a missed call that nobody was told of.
func TestStoriesLeftOpen(t *testing.T) {
	t.Parallel()
	r := storied(t, StoryFull)
	r.push(r.inviteV1())
	_, _, leg := r.take()
	r.heard("📞 Calling +49 301234567 …")
	r.until("it is written down", func() bool { left, err := r.c.store.leftStories(t.Context()); return err == nil && len(left) == 1 })
	crashed, err := r.c.store.leftStories(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	leg.Hangup(signalling.Reason{Cause: signalling.NormalClearing})
	r.until("it is forgotten", func() bool { left, err := r.c.store.leftStories(t.Context()); return err == nil && len(left) == 0 })
	for _, o := range append(crashed, openStory{"xyz", room, ghost, "", "Missed call from +49 1 at 14:03 UTC.", alice}) {
		if err := r.c.store.keepStory(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	r.c.Close()
	r.begin()
	r.heard("edit: The call to +49 301234567 ended: the telephone gateway is being restarted.")
	r.heard("badge map[user_ids:[@alice:example.org]]: Missed call from +49 1 at ….")
	r.until("they are forgotten", func() bool { left, err := r.c.store.leftStories(t.Context()); return err == nil && len(left) == 0 })
}

// The other side can become somebody else during a call: the story follows.
func TestStoryFollowsTheOtherSide(t *testing.T) {
	t.Parallel()
	r := storied(t, StoryFull)
	r.push(r.inviteV1())
	_, in, leg := r.take()
	r.heard("📞 Calling +49 301234567 …")
	leg.Answer(media.PCMU)
	r.peer().on(peer.Connected)
	r.follow(in, signalling.Confirmed)
	leg.Show(signalling.View{Party: signalling.Party{Number: "+49301111", Name: "The\u202e Boss"}})
	r.heard("edit: 📞 Talking with The Boss (+49 301111), 0:00")
	leg.Hangup(signalling.Reason{Cause: signalling.NormalClearing})
	r.follow(in, signalling.Gone)
	r.heard("edit: Call to The Boss (+49 301111) ended after 0:00.")
}

// Where a whole room was rung, nobody is mentioned: each client counts as its person has chosen.
func TestMissedByARoom(t *testing.T) {
	t.Parallel()
	l := &leg{c: &Client{ghosts: &ghosts{numbers: digitsOnly{}}}, side: signalling.B}
	last := l.last(signalling.Reason{Cause: signalling.NoAnswer})
	if m := last.message(); last.badge != anybody || m.MsgType != "m.text" || m.Mentions.Users != nil || m.Body != "Missed call from an unknown caller." {
		t.Errorf("%+v", m)
	}
}
