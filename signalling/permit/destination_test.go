package permit

import (
	"bufio"
	"os"
	"strings"
	"testing"

	"roomline/signalling"
	"roomline/signalling/number"
)

// T25: who may not dial is told so, and what may not be dialled is told why.
func TestWhoMayDialWhat(t *testing.T) {
	german := made(t, "DE", unlimited)
	abroad := made(t, "DE", func(o *Options) {
		unlimited(o)
		o.Dialing.Allow = []string{"DE", "+44", "+4122", "JM", "+881", "32*"}
		o.Dialing.Emergency = "trunk:pbx"
	})
	anywhere := made(t, "US", func(o *Options) { unlimited(o); o.Dialing.Allow, o.Dialing.Deny = []string{"*"}, nil })
	french := made(t, "FR", func(o *Options) { unlimited(o); o.Dialing.Allow = []string{"FR", "32*"} })
	for _, c := range []struct {
		p                    *Permit
		user, number, reason string
	}{
		{german, alice, home, ""},
		{german, alice, "+4988000450", ""}, // in no range that is known
		{german, alice, "1001", ""},
		{german, alice, "116117", ""},
		{german, "@eve:evil.org", home, "you may not place calls; ask your administrator to name you under permissions"},
		{german, "", home, "you may not place calls; ask your administrator to name you under permissions"},
		{german, alice, "+33123456789", "calls to France are not allowed; ask your administrator to add +33 to dialing.allow"},
		{german, alice, "+18765551234", "calls to Jamaica are not allowed; ask your administrator to add JM to dialing.allow"},
		{german, alice, "+80012345678", "calls to the global network +800 are not allowed; ask your administrator to add +800 to dialing.allow"},
		{german, alice, "+499001234567", "premium numbers are not allowed; ask your administrator to take premium out of dialing.deny"},
		{german, alice, "+491801234567", "shared cost numbers are not allowed; ask your administrator to take shared-cost out of dialing.deny"},
		{german, alice, "*21*03012345#", "service code numbers are not allowed; ask your administrator to take service-code out of dialing.deny"},
		{german, alice, "11833", "premium numbers are not allowed; ask your administrator to take premium out of dialing.deny"},
		{german, alice, "110", "this line cannot place emergency calls; use another phone"},
		{german, alice, "+49110", "invalid_number"},
		{german, alice, "00881612345678", "invalid_number"}, // not as anybody's typing is read
		{german, alice, "03012345678", "invalid_number"},
		{german, alice, "+49 3012345678", "invalid_number"},
		{german, alice, "", "invalid_number"},
		{german, alice, "sip:1@evil.org", "invalid_number"},
		{abroad, alice, "+442079460958", ""},
		{abroad, alice, "+447797123456", ""}, // Jersey, by its prefix
		{abroad, alice, "+447012345678", "personal numbers are not allowed; ask your administrator to take personal out of dialing.deny"},
		{abroad, alice, "+41221234567", ""},
		{abroad, alice, "+41441234567", "calls to Switzerland are not allowed; ask your administrator to add +41 to dialing.allow"},
		{abroad, alice, "+18765551234", ""},
		{abroad, alice, "+14155550100", "calls to the United States are not allowed; ask your administrator to add US to dialing.allow"},
		{abroad, alice, "+881612345678", "satellite numbers are not allowed; ask your administrator to take satellite out of dialing.deny"},
		{abroad, alice, "110", ""},
		{abroad, alice, "+49110", "invalid_number"},
		{anywhere, alice, "+881612345678", ""},
		{anywhere, alice, "+19005550123", ""},
		{anywhere, alice, "911", "this line cannot place emergency calls; use another phone"},
		{french, alice, "3201", ""}, // an extension here, whatever it is elsewhere
		{french, alice, "3615", "premium numbers are not allowed; ask your administrator to take premium out of dialing.deny"},
	} {
		if got := refused(t, c.p, c.user, c.number); got != c.reason {
			t.Errorf("%s to %s: %q, want %q", c.user, c.number, got, c.reason)
		}
	}
}

// T25, S14 of the threats: of the listed numbers, which are premium, shared
// cost, personal, pager, satellite and foreign ones of all countries, not one
// gets through by default, from their own countries or from elsewhere.
func TestTollFraud(t *testing.T) {
	f, err := os.Open("testdata/fraud.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	permits := map[string]*Permit{}
	seen, through := 0, 0
	for in := bufio.NewScanner(f); in.Scan(); {
		country, n, _ := strings.Cut(in.Text(), " ")
		if permits[country] == nil {
			permits[country] = made(t, country, unlimited)
		}
		seen++
		if refused(t, permits[country], alice, n) == "" {
			through++
			t.Errorf("%s gets through in %s", n, country)
		}
	}
	if seen < 500 || through > 0 {
		t.Errorf("of %d numbers %d get through", seen, through)
	}
}

func TestEveryRefusalIsCounted(t *testing.T) {
	got := map[string]int{}
	p := made(t, "DE", func(o *Options) {
		o.Refused = func(r Rule) { got[r.String()]++ }
		o.Dialing.Block = []string{"+4930*", Anonymous}
		o.Config.Limits = Limits{CallsPerUser: 1, RingsPerMinute: 1}
	})
	for _, n := range []string{"110", "+499001234567", "+33123456789", "bad"} {
		refused(t, p, alice, n)
	}
	refused(t, p, "@eve:evil.org", home)
	p.Admit(alice, home)
	refused(t, p, alice, home)
	p.Ring(signalling.Party{Number: "+493012345"}, alice)
	p.Ring(signalling.Party{Number: "+4940"}, alice)
	p.Ring(signalling.Party{Number: "+4940"}, alice)
	for _, rule := range []string{"level", "number", "emergency", "class", "country", "calls", "block", "rings"} {
		if got[rule] != 1 {
			t.Errorf("%s was counted %d times", rule, got[rule])
		}
	}
	for _, r := range append(Rules(), ruleCount) {
		if (r.String() == "unknown") != (r == ruleCount) {
			t.Errorf("rule %d is called %v", r, r)
		}
	}
}

func TestDialingIsHeldToSense(t *testing.T) {
	for field, d := range map[string]Dialing{
		"allow[0]": {Allow: []string{"Germany"}}, "allow[1]": {Allow: []string{"DE", "49"}, Emergency: "trunk:"}, "deny[0]": {Deny: []string{"emergency"}},
		"block[0]": {Block: []string{"nobody"}}, "emergency": {Emergency: "pbx"}, "emergency:": {Emergency: "trunk:"}, "allow[0]:": {Allow: []string{"+0"}},
	} {
		err := d.Validate()
		if field == "allow[1]" {
			field = "emergency" // 49 is an extension
		}
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%+v: %v", d, err)
		}
	}
	if err := (Dialing{Allow: []string{"DE", "+49", "32*", "*"}, Deny: Denied(), Emergency: "trunk:pbx", Block: []string{"+49*", "1001", Anonymous}}).Validate(); err != nil {
		t.Error(err)
	}
}

func FuzzAdmit(f *testing.F) {
	for _, s := range []string{home, "+499001234567", "110", "*21#", "+", "", "+4990012345678901234567890", "tel:110", "11 0", "+49110"} {
		f.Add(s)
	}
	p := made(f, "DE", unlimited)
	numbers, err := number.New("DE")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, n string) {
		leave, why, ok := p.Admit(alice, n)
		if !ok {
			if leave != nil || why.Cause != signalling.Forbidden && why.Cause != signalling.InvalidNumber {
				t.Fatalf("%q: %v", n, why)
			}
			return
		}
		leave(0)
		read, err := numbers.Parse(n)
		if c := numbers.Class(n); err != nil || read != n || c != number.Ordinary && c != number.Extension && c != number.ShortCode || strings.HasPrefix(n, "+") && !strings.HasPrefix(n, "+49") {
			t.Fatalf("%q, a number of class %v, gets through", n, c)
		}
	})
}
