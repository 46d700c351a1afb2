package signalling

import (
	"context"
	"errors"
	"log/slog"
	"testing"
)

// shelf keeps what it is given, and says what it was told to say.
type shelf struct {
	got []Text
	say []error
}

func (s *shelf) Text(_ context.Context, t Text) error {
	s.got = append(s.got, t)
	if len(s.say) == 0 {
		return nil
	}
	err := s.say[0]
	s.say = s.say[1:]
	return err
}

// Text messages go by the same dial plan as calls, under the same rights.
func TestTextsAreRouted(t *testing.T) {
	plan := Plan{Inbound: []Inbound{{To: "+4930709", Trunk: "mute", Via: "pbx"}, {To: "+4930700", Trunk: "pbx", User: "@alice:ex.org"}, {To: "+4930701", Users: []string{"@alice:ex.org", "@bob:ex.org"}}},
		Outbound: []Outbound{{Match: "+49*", Trunk: "pbx"}, {Match: "+33*", Trunk: "mute"}}}
	lost := Undelivered{Cause: Unavailable}
	for name, c := range map[string]struct {
		t      Text
		rooms  []error
		want   error
		via    string
		users  []string
		denied bool
	}{
		"to a user":             {t: Text{Via: "pbx", To: Party{Number: "+4930700"}}, via: Matrix, users: []string{"@alice:ex.org"}},
		"to a group":            {t: Text{Via: "pbx", To: Party{Number: "+4930701"}}, rooms: []error{lost, nil}, via: Matrix, users: []string{"@alice:ex.org", "@bob:ex.org"}},
		"to nobody of a group":  {t: Text{Via: "pbx", To: Party{Number: "+4930701"}}, rooms: []error{lost, lost}, want: lost, via: Matrix, users: []string{"@alice:ex.org", "@bob:ex.org"}},
		"to no number of ours":  {t: Text{Via: "pbx", To: Party{Number: "+4930702"}}, want: Undelivered{Cause: Unallocated}},
		"of another trunk":      {t: Text{Via: "mute", To: Party{Number: "+4930700"}}, want: Undelivered{Cause: Unallocated}},
		"from trunk to trunk":   {t: Text{Via: "mute", To: Party{Number: "+4930709"}}, want: ErrNoText},
		"to a telephone":        {t: Text{Via: Matrix, From: Party{User: "@alice:ex.org"}, To: Party{Number: "+49123"}}, via: "pbx", users: []string{""}},
		"without rights":        {t: Text{Via: Matrix, From: Party{User: "@eve:ex.org"}, To: Party{Number: "+49123"}}, denied: true, want: Undelivered{Forbidden, "no"}},
		"where none are taken":  {t: Text{Via: Matrix, From: Party{User: "@eve:ex.org"}, To: Party{Number: "+33123"}}, denied: true, want: ErrNoText},
		"where nothing leads":   {t: Text{Via: Matrix, From: Party{User: "@alice:ex.org"}, To: Party{Number: "+1"}}, want: ErrNoText},
		"to a number of a user": {t: Text{Via: Matrix, From: Party{User: "@bob:ex.org"}, To: Party{Number: "+4930700"}}, want: ErrNoText},
	} {
		t.Run(name, func(t *testing.T) {
			rooms, pbx := &shelf{say: c.rooms}, &shelf{}
			x := NewExchange(Options{Router: plan, Max: 1, Log: slog.New(slog.DiscardHandler),
				MayText: func(string, string) (Reason, bool) { return Reason{Forbidden, "no"}, !c.denied }})
			x.Correspond(Matrix, rooms)
			x.Correspond("pbx", pbx)
			c.t.Body = "hello"
			if err := x.Text(t.Context(), c.t); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			got := append(rooms.got, pbx.got...)
			if len(got) != len(c.users) || c.via == Matrix && len(pbx.got) > 0 || c.via == "pbx" && len(rooms.got) > 0 {
				t.Fatalf("delivered %+v", got)
			}
			for i, user := range c.users {
				if got[i].To.User != user || got[i].Body != "hello" || got[i].To.Number != c.t.To.Number {
					t.Errorf("delivered %+v", got[i])
				}
			}
		})
	}
}

func TestNoTextsWhileDraining(t *testing.T) {
	x := NewExchange(Options{Router: Plan{Inbound: []Inbound{{To: "+4930700", User: "@alice:ex.org"}}}, Log: slog.New(slog.DiscardHandler)})
	rooms := &shelf{}
	x.Correspond(Matrix, rooms)
	x.Drain(t.Context())
	if err := x.Text(t.Context(), Text{Via: "pbx", To: Party{Number: "+4930700"}}); !errors.Is(err, Undelivered{Cause: ShuttingDown}) || len(rooms.got) > 0 {
		t.Errorf("%v, delivered %+v", err, rooms.got)
	}
}

func TestUndeliveredHasWords(t *testing.T) {
	for cause := range causes {
		if words := (Undelivered{Cause: cause, Detail: "404 No"}).Words(); len(words) < 20 || words[len(words)-8:] != "(404 No)" {
			t.Errorf("%s: %q", cause, words)
		}
	}
}
