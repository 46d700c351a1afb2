package permit

import (
	"log/slog"
	"testing"
	"time"

	"go.uber.org/goleak"

	"roomline/signalling"
	"roomline/signalling/number"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	alice = "@alice:example.org"
	bob   = "@bob:example.org"
	home  = "+493023125606"
)

// made is a permit in a country with the defaults, but for what change does.
func made(t testing.TB, country string, change func(*Options)) *Permit {
	t.Helper()
	numbers, err := number.New(country)
	if err != nil {
		t.Fatal(err)
	}
	opt := Options{Config: Defaults(), Numbers: numbers, Log: slog.New(slog.DiscardHandler),
		Dialing: Dialing{Allow: []string{numbers.Country()}, Deny: DefaultDeny(), Emergency: Block}}
	opt.Config.Fill("example.org")
	if change != nil {
		change(&opt)
	}
	if err := opt.Dialing.Validate(); err != nil {
		t.Fatal(err)
	}
	return New(opt)
}

// unlimited takes all limits away.
func unlimited(o *Options) { o.Config.Limits = Limits{} }

// refused tells what a call was refused for; "" if it was not.
func refused(t *testing.T, p *Permit, user, number string) string {
	t.Helper()
	leave, why, ok := p.Admit(user, number)
	if ok != (leave != nil) {
		t.Errorf("%s to %s: admitted %v, but leave is there: %v", user, number, ok, leave != nil)
	}
	if ok {
		leave(0)
		return ""
	}
	if why.Detail == "" {
		return why.Cause.String()
	}
	if why.Cause != signalling.Forbidden {
		t.Errorf("%s to %s: %v", user, number, why)
	}
	return why.Detail
}

// pass lets time pass, in a bubble of synctest.
func pass(d time.Duration) { <-time.After(d) }
