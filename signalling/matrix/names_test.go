package matrix

import (
	"strings"
	"testing"

	"roomline/signalling"
)

func TestShown(t *testing.T) {
	t.Parallel()
	g := newGhosts(Config{Contacts: Contacts{dialled: {"Widgets Inc", "mxc://example.org/w"}}}, nil, nil, digitsOnly{})
	long := strings.Repeat("ü", 100)
	for _, tt := range []struct {
		caller signalling.Party
		want   profile
	}{
		{signalling.Party{Number: "+4989555"}, profile{name: "+49 89555"}},
		{signalling.Party{Number: "+4989555", Name: "Eve"}, profile{name: "Eve (+49 89555)"}},
		{signalling.Party{Number: "+4989555", Name: "089 555"}, profile{name: "+49 89555"}},
		{signalling.Party{Number: "+4989555", Name: "0049 89 555"}, profile{name: "+49 89555"}},
		{signalling.Party{Number: "+4989555", Name: " \u202e\x00 "}, profile{name: "+49 89555"}},
		{signalling.Party{Number: "+4989555", Name: "E\u202eve\r\nVia: x"}, profile{name: "EveVia: x (+49 89555)"}},
		{signalling.Party{Number: "+4989555", Name: long}, profile{name: long[:2*52] + " (+49 89555)"}},
		{signalling.Party{Number: dialled, Name: "Their bank"}, profile{"Widgets Inc (+49 301234567)", "mxc://example.org/w"}},
		{signalling.Party{Name: "Eve"}, profile{name: "Eve"}},
		{signalling.Party{Hidden: true}, profile{name: anonymous}},
		{signalling.Party{Hidden: true, Name: "Eve", Number: dialled}, profile{name: anonymous}},
		{signalling.Party{}, profile{name: unknown}},
	} {
		if got := g.shown(tt.caller); got != tt.want {
			t.Errorf("%+v is shown as %+v, expected %+v", tt.caller, got, tt.want)
		}
	}
}

func TestContactIsChecked(t *testing.T) {
	t.Parallel()
	for c, want := range map[Contact]string{
		{"Widgets", ""}: "", {"Widgets", "mxc://example.org/a-B_1"}: "", {"", ""}: "name: expected", {strings.Repeat("x", 65), ""}: "name: expected",
		{"a\nb", ""}: "name: expected", {"a", "https://x/y"}: "avatar: expected", {"a", "mxc://x/../y"}: "avatar: expected",
	} {
		if err := c.Validate(); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// A contact's name and picture are those of its number's user, and a call whose
// carrier tells no name takes none away.
func TestContactIsShown(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(cfg *Config, _ *Client) { cfg.Contacts = Contacts{dialled: {"Widgets Inc", "mxc://example.org/w"}} }).meet()
	r.get(thirdparty + "user/m.protocol.pstn?m.id.phone=%2B49301234567")
	if !r.hs.said("PUT profile/"+ghost+"/displayname Widgets Inc (+49 301234567)") || !r.hs.said("PUT profile/"+ghost+"/avatar_url") {
		t.Errorf("asked %v", r.hs.calls)
	}
	eve := r.c.ghosts.of("+4989555")
	for _, name := range []string{"Eve", ""} {
		if err := r.c.lines.announce(t.Context(), eve, signalling.Party{Number: "+4989555", Name: name}); err != nil {
			t.Fatal(err)
		}
		if p, err := r.c.store.profile(t.Context(), eve); err != nil || p.name != "Eve (+49 89555)" {
			t.Errorf("shown as %+v, %v", p, err)
		}
	}
}

// X12: an anonymous caller never wears the name of whoever called before.
func TestAnonymousCallerOnTheLine(t *testing.T) {
	t.Parallel()
	r := lined(t)
	for _, caller := range []signalling.Party{{Number: "+4989555", Name: "Eve"}, {Hidden: true}, {}} {
		in := signalling.NewInbox("test", r.c.log)
		leg := r.c.Dial(signalling.Target{To: signalling.Party{User: alice}, From: caller}, nil, in)
		r.follow(in, signalling.Ringing)
		if p, err := r.c.store.profile(t.Context(), line); err != nil || p != r.c.ghosts.shown(caller) {
			t.Errorf("%+v is shown as %+v, %v", caller, p, err)
		}
		leg.Hangup(signalling.Reason{})
		r.follow(in, signalling.Gone)
	}
	if !r.hs.said("PUT profile/" + line + "/displayname " + anonymous) {
		t.Errorf("asked %v", r.hs.calls)
	}
}

// A line shows who is at the other end by now, for as long as its call lives;
// the user of a number never wears another number's name.
func TestRename(t *testing.T) {
	t.Parallel()
	r := lined(t)
	in := signalling.NewInbox("test", r.c.log)
	l := r.c.Dial(stranger("+4989555"), nil, in).(*leg)
	r.follow(in, signalling.Ringing)
	shown := func(ghost string) string { p, _ := r.c.store.profile(t.Context(), ghost); return p.name }
	bob := signalling.Party{Number: "+4940777", Name: "Bob"}
	if err := r.c.lines.rename(t.Context(), l, bob); err != nil || shown(line) != "Bob (+49 40777)" {
		t.Errorf("shown as %q, %v", shown(line), err)
	}
	r.c.renamed(l, signalling.Party{Number: "+4940777", Name: "Carol"})
	if err := r.c.lines.rename(t.Context(), l, bob); err != nil || shown(line) != "Carol (+49 40777)" { // overtaken by what is newer
		t.Errorf("shown as %q, %v", shown(line), err)
	}
	l.Hangup(signalling.Reason{})
	r.follow(in, signalling.Gone)
	if err := r.c.lines.rename(t.Context(), l, signalling.Party{Name: "Late"}); err != nil || shown(line) != "Carol (+49 40777)" {
		t.Errorf("a call that is over changed the name to %q, %v", shown(line), err)
	}

	r.meet()
	other := signalling.NewInbox("other", r.c.log)
	l = r.c.Dial(stranger(dialled), nil, other).(*leg)
	r.follow(other, signalling.Ringing)
	if err := r.c.lines.rename(t.Context(), l, bob); err != nil || strings.Contains(shown(ghost), "Bob") {
		t.Errorf("the number is shown as %q, %v", shown(ghost), err)
	}
	if err := r.c.lines.rename(t.Context(), l, signalling.Party{Number: dialled, Name: "Berta"}); err != nil || shown(ghost) != "Berta (+49 301234567)" {
		t.Errorf("the number is shown as %q, %v", shown(ghost), err)
	}
	l.Hangup(signalling.Reason{})
	r.follow(other, signalling.Gone)
}
