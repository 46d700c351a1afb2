package permit

import (
	"testing"

	"roomline/signalling"
)

// Whoever may not call a number may not write to it either.
func TestWhoMayWrite(t *testing.T) {
	p := made(t, "DE", func(o *Options) { o.Config.Levels = Levels{"example.org": signalling.Dial, bob: signalling.Receive} })
	for _, c := range []struct {
		user, number string
		ok           bool
	}{
		{alice, home, true}, {bob, home, false}, {"@eve:evil.org", home, false}, {alice, "+4990012345678", false}, {alice, "+33123456789", false},
		{alice, "112", false}, {alice, "hello", false},
	} {
		if why, ok := p.Write(c.user, c.number); ok != c.ok || !ok && why.Cause != signalling.Forbidden && why.Cause != signalling.InvalidNumber {
			t.Errorf("%s to %s: %v %s", c.user, c.number, ok, why)
		}
	}
}

// S20 for messages: so many a minute, by who writes; calls are counted apart.
func TestTextsAreCounted(t *testing.T) {
	p := made(t, "DE", func(o *Options) { o.Dialing.Block = []string{"+4966*"} })
	from := signalling.Party{Number: "+4940111"}
	for range textsPerMinute {
		if _, ok := p.Write(alice, home); !ok {
			t.Fatal("too few may be written")
		}
		if _, ok := p.Read(from, alice); !ok {
			t.Fatal("too few may be read")
		}
	}
	if why, ok := p.Write(alice, home); ok || why.Cause != signalling.Forbidden {
		t.Errorf("one more: %v %s", ok, why)
	}
	if why, ok := p.Read(from, alice); ok || why.Cause != signalling.Busy {
		t.Errorf("one more is read: %v %s", ok, why)
	}
	if _, ok := p.Read(from, bob); !ok {
		t.Error("another user pays for it")
	}
	if why, ok := p.Read(signalling.Party{Number: "+4966123"}, bob); ok || why.Cause != signalling.Rejected {
		t.Errorf("a blocked number: %v %s", ok, why)
	}
	if refused(t, p, alice, home) != "" {
		t.Error("messages count as calls")
	}
}
