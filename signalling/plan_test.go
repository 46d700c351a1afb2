package signalling

import (
	"slices"
	"strings"
	"testing"
)

func TestPlan(t *testing.T) {
	plan := Plan{
		Inbound: []Inbound{{To: "+4930700", Trunk: "pbx", User: "@alice:ex.org"}, {To: "+4930700", User: "@bob:ex.org"},
			{To: "+4940*", Trunk: "pbx", Via: "world"}, {To: "*", Trunk: "other", Via: "pbx"}},
		Outbound: []Outbound{{Match: "112", Trunk: "none"}, {Match: "+49*", Trunk: "pbx"},
			{Match: "+49301", Trunk: "never"}, {Match: "*", Trunk: "world"}},
	}
	tests := []struct {
		name string
		in   Incoming
		via  string
		user string
		why  Cause
	}{
		{"first match wins", Incoming{Via: Matrix, To: Party{Number: "+49301"}}, "pbx", "", 0},
		{"everything else", Incoming{Via: Matrix, To: Party{Number: "+331"}}, "world", "", 0},
		{"a whole number", Incoming{Via: Matrix, To: Party{Number: "112"}}, "none", "", 0},
		{"a number is not a prefix", Incoming{Via: Matrix, To: Party{Number: "1123"}}, "world", "", 0},
		{"a DID of this trunk", Incoming{Via: "pbx", To: Party{Number: "+4930700"}}, Matrix, "@alice:ex.org", 0},
		{"a DID of any trunk, without the plus", Incoming{Via: "other", To: Party{Number: "4930700"}}, Matrix, "@bob:ex.org", 0},
		{"another user", Incoming{Via: Matrix, To: Party{User: "@carol:ex.org"}}, Matrix, "@carol:ex.org", 0},
		{"a number of ours needs no trunk", Incoming{Via: Matrix, To: Party{Number: "+4930700"}}, Matrix, "@alice:ex.org", 0},
		{"one's own number is the trunk's", Incoming{Via: Matrix, From: Party{User: "@alice:ex.org"}, To: Party{Number: "+4930700"}}, "pbx", "", 0},
		{"a trunk that names a user", Incoming{Via: "pbx", To: Party{User: "@carol:ex.org"}}, "", "", Unallocated},
		{"a number nobody has", Incoming{Via: "pbx", To: Party{Number: "+4930701"}}, "", "", Unallocated},
		{"a prefix that is passed on", Incoming{Via: "pbx", To: Party{Number: "+494077"}}, "world", "", 0},
		{"all else of a trunk", Incoming{Via: "other", To: Party{Number: "123"}}, "pbx", "", 0},
		{"a user's call is not a trunk's", Incoming{Via: Matrix, To: Party{Number: "+494077"}}, "pbx", "", 0},
		{"a trunk never reaches a trunk otherwise", Incoming{Via: "pbx", To: Party{Number: "+331"}}, "", "", Unallocated},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, why, ok := plan.Find(tt.in)
			if ok != (tt.via != "") || got.Via != tt.via || got.To.User != tt.user || why.Cause != tt.why {
				t.Errorf("%+v %v %v", got, why, ok)
			}
		})
	}
	if _, why, ok := (Plan{}).Find(Incoming{Via: Matrix}); ok || why.Cause != NoRoute {
		t.Errorf("an empty plan: %v %v", why, ok)
	}
}

// TestSeveralAtOnce: T39's group, and rooms with and without an invitee.
func TestSeveralAtOnce(t *testing.T) {
	plan := Plan{Inbound: []Inbound{{To: "1", Users: []string{"@a:x", "@b:x", "@c:x"}}, {To: "2", Room: "!r:x"},
		{To: "3", Room: "!r:x", User: "@a:x"}, {To: "4", Users: []string{"@a:x"}, Rooms: []string{"!r:x", "!s:x"}}, {To: "5", Rooms: []string{"!r:x", "!s:x"}}}}
	if err := plan.Validate(); err != nil {
		t.Fatal(err)
	}
	for number, want := range map[string][]string{"1": {"@a:x", "@b:x", "@c:x"}, "2": {"!r:x"}, "3": {"@a:x!r:x"}, "4": {"@a:x", "!r:x", "!s:x"}, "5": {"!r:x", "!s:x"}} {
		to, _, ok := plan.Find(Incoming{Via: "pbx", To: Party{Number: number}})
		var got []string
		for _, one := range append([]Target{to}, to.Also...) {
			got = append(got, one.To.User+one.Room)
			if one.Via != Matrix || one.To.Number != number {
				t.Errorf("%s: %+v", number, one)
			}
		}
		if !ok || !slices.Equal(got, want) {
			t.Errorf("%s rings %v, want %v", number, got, want)
		}
	}
}

func TestPlanValidate(t *testing.T) {
	if err := (Plan{Inbound: []Inbound{{To: "1", User: "@a:b"}}, Outbound: []Outbound{{Match: "*", Trunk: "x"}}}).Validate(); err != nil {
		t.Error(err)
	}
	err := Plan{Inbound: []Inbound{{User: "alice"}, {To: "1", Users: []string{"@a:b", "@a:b"}}, {To: "1", Room: "#r:b"},
		{To: "1", Rooms: []string{"!r:b", "r:b"}}, {To: "1", Room: "!r:b", Rooms: []string{"!r:b"}}}, Outbound: []Outbound{{Match: "+4*9"}}}.Validate()
	for _, want := range []string{"inbound[0].to:", "inbound[0].user:", "inbound[1].users:", "inbound[2].room:", "inbound[3].rooms: expected different", "inbound[4].rooms: expected up to", "outbound[0].match:", "outbound[0].trunk:"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %s", err, want)
		}
	}
}

// A rule that passes calls on names where they come from, so that nothing goes
// round in circles.
func TestPassingOnIsExplicit(t *testing.T) {
	for name, r := range map[string]Inbound{
		"no trunk":   {To: "*", Via: "b"},
		"a circle":   {To: "*", Trunk: "b", Via: "b"},
		"a user too": {To: "1", Trunk: "a", Via: "b", User: "@a:b"},
		"a pattern":  {To: "+4*9", Trunk: "a", Via: "b"},
	} {
		if (Plan{Inbound: []Inbound{r}}).Validate() == nil {
			t.Errorf("%s: %+v is taken", name, r)
		}
	}
	if err := (Plan{Inbound: []Inbound{{To: "*", Trunk: "a", Via: "b"}}}).Validate(); err != nil {
		t.Error(err)
	}
}
