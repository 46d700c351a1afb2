package matrix

import (
	"errors"
	"strings"
	"testing"

	"maunium.net/go/mautrix/event"

	"roomline/signalling"
)

const group = "!group:example.org"

func inGroup(user string) signalling.Target {
	return signalling.Target{Room: group, To: signalling.Party{User: user, Number: dialled}, From: signalling.Party{Number: "+4989555"}}
}

// A room that a rule names rings whoever is in it, by one of our users there:
// whose telephone it is, the number called, or any other that was seen.
func TestRingInAGivenRoom(t *testing.T) {
	t.Parallel()
	const other = "@tel_s600:example.org"
	for name, tt := range map[string]struct {
		members []string
		known   string // whose telephone the room is
		seen    string // who is known to be there
		as      string
		why     string
	}{
		"the number called":  {[]string{alice, "@bob:example.org", ghost}, "", "", ghost, ""},
		"its telephone":      {[]string{alice, other, ghost}, other, "", other, ""},
		"whom we saw":        {[]string{alice, other}, "", other, other, ""},
		"an old telephone":   {[]string{alice, ghost}, other, "", ghost, ""},
		"invited":            {[]string{alice}, "", "", ghost, ""}, // joins
		"the called is away": {[]string{"@bob:example.org", ghost}, "", "", "", "is not in the room"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.hs.set(func() { r.hs.members[group] = tt.members; r.hs.closed = map[string]bool{group: tt.seen != ""} })
			if tt.known != "" {
				r.c.store.setRoom(t.Context(), group, tt.known, "")
			}
			if tt.seen != "" {
				r.c.store.state.SetMembership(t.Context(), group, "@tel_s600:example.org", event.MembershipJoin)
			}
			room, as, err := r.c.lines.find(t.Context(), inGroup(alice))
			if tt.why == "" && (err != nil || room != group || as != tt.as) || tt.why != "" && (err == nil || !strings.Contains(err.Error(), tt.why)) {
				t.Errorf("rings in %s as %s, %v", room, as, err)
			}
		})
	}
}

// Rooms in which nobody can be rung say why.
func TestGivenRoomCannotRing(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*synapse)
		why    string
	}{
		"nobody of ours": {func(s *synapse) { s.members[group] = []string{alice}; s.closed = map[string]bool{group: true} }, "invite one there, like " + ghost},
		"public":         {func(s *synapse) { s.public[group] = true }, "public"},
		"empty":          {func(s *synapse) { s.members[group] = []string{ghost} }, "nobody is in the room"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.hs.set(func() { r.hs.members[group] = []string{alice, ghost}; tt.change(r.hs) })
			_, _, err := r.c.lines.find(t.Context(), inGroup(""))
			var why unreachable
			if !errors.As(err, &why) || !strings.Contains(err.Error(), tt.why) {
				t.Errorf("%v", err)
			}
		})
	}
	r := newRig(t)
	r.hs.set(func() { r.hs.members[room] = []string{alice, ghost} })
	if got, as, err := r.c.lines.find(t.Context(), signalling.Target{Room: "#support:example.org", To: signalling.Party{Number: dialled}}); err != nil || got != room || as != ghost {
		t.Errorf("an alias rings in %s as %s, %v", got, as, err)
	}
}
