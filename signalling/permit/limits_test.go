package permit

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"roomline/signalling"
)

// T25: call N+1 of a user is refused, and never N+2 admitted, however many
// are placed at once.
func TestLimitsAreExactUnderRaces(t *testing.T) {
	for name, c := range map[string]struct {
		limits Limits
		want   int64
	}{
		"calls at once": {Limits{CallsPerUser: 7}, 7},
		"rate":          {Limits{CallsPerMinute: 10, CallsPerUser: 100}, 10},
	} {
		t.Run(name, func(t *testing.T) {
			p := made(t, "DE", func(o *Options) { o.Config.Limits = c.limits })
			var admitted atomic.Int64
			var wg sync.WaitGroup
			begin := make(chan struct{})
			for range 101 {
				wg.Go(func() {
					<-begin
					if _, _, ok := p.Admit(alice, home); ok {
						admitted.Add(1)
					}
				})
			}
			close(begin)
			wg.Wait()
			if got := admitted.Load(); got != c.want {
				t.Errorf("%d of 101 calls were admitted, want %d", got, c.want)
			}
			if refused(t, p, bob, home) != "" {
				t.Error("another user pays for it")
			}
		})
	}
}

// T25: a place that is left is free again, once.
func TestCallsAtOnce(t *testing.T) {
	p := made(t, "DE", nil)
	first, _, _ := p.Admit(alice, home)
	second, _, _ := p.Admit(alice, "+498001234567")
	if got := refused(t, p, alice, home); got != "you already have 2 calls" {
		t.Errorf("the third call: %q", got)
	}
	if got := refused(t, p, alice, "110"); got != "this line cannot place emergency calls; use another phone" {
		t.Errorf("an emergency: %q", got)
	}
	first(0)
	first(0) // nobody else's place
	if got := refused(t, p, alice, home); got != "" {
		t.Errorf("after one has ended: %q", got)
	}
	third, _, _ := p.Admit(alice, home)
	if got := refused(t, p, alice, home); got != "you already have 2 calls" {
		t.Errorf("the third call again: %q", got)
	}
	second(time.Second)
	third(time.Second)
}

func TestEmergencyIsBeyondLimits(t *testing.T) {
	p := made(t, "DE", func(o *Options) {
		o.Config.Limits = Limits{CallsPerUser: 1, CallsPerMinute: 1}
		o.Dialing.Emergency = "trunk:pbx"
	})
	if _, _, ok := p.Admit(alice, home); !ok {
		t.Fatal("the first call was refused")
	}
	for range 3 {
		if got := refused(t, p, alice, "112"); got != "" {
			t.Errorf("an emergency: %q", got)
		}
	}
}

func TestCallsPerMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := made(t, "DE", func(o *Options) { o.Config.Limits = Limits{CallsPerMinute: 3} })
		for range 3 {
			if got := refused(t, p, alice, home); got != "" {
				t.Fatal(got)
			}
			pass(10 * time.Second)
		}
		if got := refused(t, p, alice, home); got != "you placed 3 calls within a minute; wait a little" {
			t.Errorf("the fourth call: %q", got)
		}
		pass(30 * time.Second) // a minute after the first
		if got := refused(t, p, alice, home); got != "" {
			t.Errorf("a minute later: %q", got)
		}
		if got := refused(t, p, alice, home); got == "" {
			t.Error("the second one is not a minute old")
		}
	})
}

// T25: minutes are counted by the day of UTC, calls that go on included.
func TestMinutesOfTheDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which begins at midnight
		p := made(t, "DE", func(o *Options) { o.Config.Limits = Limits{MinutesPerUserDay: 60} })
		talk := func(d time.Duration) {
			leave, why, ok := p.Admit(alice, home)
			if !ok {
				t.Fatal(why)
			}
			pass(d)
			leave(d)
		}
		talk(59 * time.Minute)
		leave, _, _ := p.Admit(alice, home)
		if got := refused(t, p, alice, home); got != "" {
			t.Errorf("after 59 minutes: %q", got)
		}
		pass(time.Minute)
		if got := refused(t, p, alice, home); got != "your 60 minutes for today are used up" {
			t.Errorf("in the 60th minute: %q", got)
		}
		leave(0) // it was never answered
		talk(time.Minute)
		if got := refused(t, p, alice, home); got != "your 60 minutes for today are used up" {
			t.Errorf("after 60 minutes: %q", got)
		}
		if got := refused(t, p, bob, home); got != "" {
			t.Errorf("another user: %q", got)
		}
		pass(22 * time.Hour)
		if got := refused(t, p, alice, home); got == "" {
			t.Error("it is 23 o'clock")
		}
		pass(time.Hour)
		if got := refused(t, p, alice, home); got != "" {
			t.Errorf("after midnight: %q", got)
		}
	})
}

// S20 of the threats: of a hundred calls from one caller in a minute three ring.
func TestRings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := made(t, "DE", func(o *Options) { o.Dialing.Block = []string{"+49900*", "+4930123", Anonymous} })
		rings := 0
		for range 100 {
			why, ok := p.Ring(signalling.Party{Number: "+4940123"}, alice)
			if ok {
				rings++
			} else if why.Cause != signalling.Busy {
				t.Errorf("refused as %v", why)
			}
			pass(500 * time.Millisecond)
		}
		if rings != 3 {
			t.Errorf("%d rings", rings)
		}
		if _, ok := p.Ring(signalling.Party{Number: "+4940123"}, bob); !ok {
			t.Error("another user pays for it")
		}
		for _, from := range []signalling.Party{{Number: "+499001"}, {Number: "+4930123"}, {}, {Number: "+4911", Hidden: true}} {
			if why, ok := p.Ring(from, alice); ok || why.Cause != signalling.Rejected {
				t.Errorf("%+v is blocked, and was answered %v, %v", from, why, ok)
			}
		}
		if _, ok := p.Ring(signalling.Party{Number: "+49301234"}, alice); !ok {
			t.Error("a number that only begins like a blocked one is blocked")
		}
	})
}

// Memory is bounded: users who come once are forgotten a minute later, and
// those who talked the day after.
func TestIdleUsersAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := made(t, "DE", func(o *Options) { o.Config.Levels = Levels{everybody: signalling.Dial} })
		for i := range 10_000 {
			leave, why := p.enter(fmt.Sprintf("@u%d:example.org", i)) // what Admit does once the number is weighed
			if why != nil {
				t.Fatal(why)
			}
			leave(time.Duration(i%2) * time.Second) // every other one talks
			if _, ok := p.Ring(signalling.Party{Number: fmt.Sprintf("+49401%d", i)}, alice); !ok {
				t.Fatal("no ring")
			}
		}
		if a, b, c := len(p.accounts.user), len(p.placed.seen), len(p.rung.seen); a != 5000 || b != 10_000 || c != 10_000 {
			t.Errorf("at once: %d accounts, %d callers, %d rung", a, b, c)
		}
		pass(25 * time.Hour)
		refused(t, p, alice, home)
		p.Ring(signalling.Party{Number: "+4940"}, alice)
		if a, b, c := len(p.accounts.user), len(p.placed.seen), len(p.rung.seen); a != 0 || b != 1 || c != 1 {
			t.Errorf("the next day: %d accounts, %d callers, %d rung", a, b, c)
		}
	})
}

// A flood of users who do not exist fills what there is, and no more.
func TestFloodIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWindow(3)
		for i := range maxKeys + 100 {
			if ok := w.take(fmt.Sprint(i), time.Now()); ok != (i < maxKeys) {
				t.Fatalf("the %dth: %v", i, ok)
			}
		}
		if !w.take("5", time.Now()) {
			t.Error("who was there has to wait, too")
		}
		pass(time.Minute)
		if !w.take("new", time.Now()) || len(w.seen) != 1 {
			t.Errorf("%d keys a minute later", len(w.seen))
		}
	})
}

func BenchmarkAdmit(b *testing.B) {
	p := made(b, "DE", unlimited)
	for b.Loop() {
		leave, _, ok := p.Admit(alice, home)
		if !ok {
			b.Fatal("refused")
		}
		leave(time.Second)
	}
}
