package permit

import (
	"testing"

	"roomline/signalling"
)

func TestMostSpecificNameDecides(t *testing.T) {
	p := made(t, "DE", func(o *Options) {
		o.Config.Levels = Levels{"*": signalling.Receive, "example.org": signalling.Dial, "[::1]:8448": signalling.Dial,
			"@ops:example.org": signalling.Admin, "@mallet:example.org": signalling.None}
	})
	for user, want := range map[string]signalling.Level{
		"@alice:example.org": signalling.Dial, "@ops:example.org": signalling.Admin, "@mallet:example.org": signalling.None,
		"@bob:elsewhere.org": signalling.Receive, "@a:[::1]:8448": signalling.Dial, "@a:EXAMPLE.org": signalling.Receive,
		"@alice:example.org.evil.org": signalling.Receive, "@alice:evil.org:example.org": signalling.Receive,
		"example.org": signalling.Receive, "": signalling.Receive,
	} {
		if got := p.levels.Of(user); got != want {
			t.Errorf("%q has level %v, want %v", user, got, want)
		}
		if p.May(user, want+1) || !p.May(user, want) || !p.May(user, signalling.None) {
			t.Errorf("%q may not do exactly what %v includes", user, want)
		}
	}
	if made(t, "DE", func(o *Options) { o.Config.Levels = nil }).May("@alice:example.org", signalling.Receive) {
		t.Error("where nobody is named, somebody may")
	}
}

func TestFillNamesTheDomainOnlyWhereNobodyIsNamed(t *testing.T) {
	c := Defaults()
	c.Fill("example.org")
	if c.Levels.Of("@alice:example.org") != signalling.Dial || c.Levels.Of("@bob:elsewhere.org") != signalling.None {
		t.Errorf("got %v", c.Levels)
	}
	c = Config{Levels: Levels{"@ops:example.org": signalling.Admin}}
	c.Fill("example.org")
	if c.Levels.Of("@alice:example.org") != signalling.None {
		t.Errorf("got %v", c.Levels)
	}
}

func TestNamed(t *testing.T) {
	for name, ok := range map[string]bool{"*": true, "example.org": true, "example.org:8448": true, "[::1]": true, "@a:b": true,
		"@a": false, "": false, "exa mple": false, "#room:example.org": false, "@:": false} {
		if err := Named(name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestLimitsAreHeldToSense(t *testing.T) {
	if err := Defaults().Limits.Validate(); err != nil {
		t.Error(err)
	}
	for _, l := range []Limits{{CallsPerUser: -1}, {CallsPerMinute: 1001}, {RingsPerMinute: 1001}, {MinutesPerUserDay: -5}} {
		if l.Validate() == nil {
			t.Errorf("%+v passed", l)
		}
	}
}
