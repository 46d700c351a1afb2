package matrix

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"roomline/signalling"
)

// granted is a rig with rooms for each number, where the administrator lets us
// join people.
func granted(t *testing.T, known bool) *rig {
	t.Helper()
	path := filepath.Join(t.TempDir(), "puppet.yaml")
	r := newRig(t, func(cfg *Config, c *Client) {
		if c == nil {
			cfg.Inbound, cfg.DoublePuppet = InboundPortal, path
			if _, err := WriteDoublePuppet(*cfg); err != nil {
				t.Fatal(err)
			}
		}
	})
	if reg, err := LoadRegistration(path); err != nil {
		t.Fatal(err)
	} else if known {
		r.hs.set(func() { r.hs.puppet = reg.AppToken })
	}
	return r
}

// rings calls alice and returns where that rang, and as whom.
func (r *rig) rings(caller signalling.Party) sent {
	r.t.Helper()
	in := signalling.NewInbox("test", r.c.log)
	leg := r.c.Dial(signalling.Target{To: signalling.Party{User: alice}, From: caller}, nil, in)
	r.follow(in, signalling.Ringing)
	leg.Hangup(signalling.Reason{})
	r.follow(in, signalling.Gone)
	invite := <-r.hs.events
	for invite.Type == typeCandidates { // of the call before: it was given up while they were on their way
		invite = <-r.hs.events
	}
	for left := []string{typeHangup, typeNotice}; len(left) > 0; { // each in a queue of its own
		e := <-r.hs.events
		left = slices.DeleteFunc(left, func(t string) bool { return t == e.Type })
	}
	return invite
}

// A number that calls for the first time rings at once, in a room of its own;
// whoever withholds a number rings on the line.
func TestPortal(t *testing.T) {
	t.Parallel()
	r := granted(t, true)
	first := r.rings(signalling.Party{Number: "+4989555", Name: "Eve"})
	if first.Room != made1 || first.As != "@tel_4989555:example.org" {
		t.Errorf("rang in %s as %s", first.Room, first.As)
	}
	if !r.hs.said("PUT profile/@tel_4989555:example.org/displayname Eve (+49 89555)") || !r.hs.said("PUT user/"+alice+"/account_data/m.direct") {
		t.Errorf("asked %v", r.hs.calls)
	}
	if again := r.rings(signalling.Party{Number: "+4989555"}); again.Room != made1 || r.roomsMade() != 1 {
		t.Errorf("rang in %s, %d rooms", again.Room, r.roomsMade())
	}
	for i, caller := range []signalling.Party{{Hidden: true}, {Number: "600"}} {
		if rang := r.rings(caller); rang.Room != made2 || rang.As != line {
			t.Errorf("%d: rang in %s as %s", i, rang.Room, rang.As)
		}
	}
}

// Too many new numbers at once ring on the line, and fill no homeserver with rooms.
func TestPortalsAreLimited(t *testing.T) {
	t.Parallel()
	r := granted(t, true)
	r.c.lines.limit = newBucket(0, 1)
	for number, as := range map[string]string{"+4989555": "", "+4989556": "", "+4989557": ""} {
		as = r.rings(signalling.Party{Number: number}).As
		if as != line && as != r.c.ghosts.of(number) {
			t.Errorf("%s rang as %s", number, as)
		}
	}
	if r.roomsMade() != 2 { // one portal, and the line
		t.Errorf("%d rooms", r.roomsMade())
	}
}

// A homeserver that does not know the second registration leaves people to
// accept invitations themselves.
func TestPortalWithoutGrant(t *testing.T) {
	t.Parallel()
	r := granted(t, false)
	if why := r.unreached(); !strings.Contains(why, "accept the invitation") {
		t.Errorf("%q", why)
	}
	if !slices.ContainsFunc(r.hs.rooms, func(raw json.RawMessage) bool { return strings.Contains(string(raw), alice) }) {
		t.Error("nobody was invited")
	}
}

func TestDoublePuppetFile(t *testing.T) {
	t.Parallel()
	c := validConfig()
	c.DoublePuppet = filepath.Join(t.TempDir(), "puppet.yaml")
	if created, err := WriteDoublePuppet(c); err != nil || !created {
		t.Fatalf("created %v, %v", created, err)
	}
	reg, err := LoadRegistration(c.DoublePuppet)
	if err != nil || reg.URL != "" || reg.ID == c.Bot || len(reg.Namespaces.UserIDs) != 1 || reg.Namespaces.UserIDs[0].Exclusive {
		t.Errorf("%+v, %v", reg, err)
	}
	text, err := doublePuppet(c, "a", "h")
	if err != nil || !strings.Contains(text, "\nurl: null\n") || !strings.Contains(text, `@.*:example\.org`) {
		t.Errorf("%s, %v", text, err)
	}
}

// A portal that cannot be marked as a direct chat rings all the same.
func TestPortalIsNotMarked(t *testing.T) {
	t.Parallel()
	r := granted(t, true)
	r.hs.set(func() { r.hs.unmarked = true })
	if first := r.rings(signalling.Party{Number: "+4989555"}); first.Room != made1 || first.As != "@tel_4989555:example.org" {
		t.Errorf("rang in %s as %s", first.Room, first.As)
	}
}
