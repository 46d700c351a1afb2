package sip

import (
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// office is a clerk whose registrar is a script, and who lives in a bubble of time.
type office struct {
	*clerk
	t     *testing.T
	seen  chan *sipmsg.Request
	say   chan func(*sipmsg.Request) *sipmsg.Response // one for each REGISTER; nil: silence
	now   atomic.Pointer[seat]
	times []time.Time // of the REGISTERs
	wire  atomic.Pointer[chan struct{}]
	leave chan struct{}
	done  chan struct{}
}

func newOffice(t *testing.T, change ...func(*TrunkConfig)) *office {
	t.Helper()
	cfg := TrunkDefaults()
	cfg.Host, cfg.Username, cfg.Password, cfg.Numbers = "192.0.2.1", "gw", "s3cret", []string{"+4930555"}
	cfg.Register.Enabled = true
	for _, c := range change {
		c(&cfg)
	}
	a, err := New(Config{Listen: []string{"udp://127.0.0.1:0"}}, map[string]TrunkConfig{"carrier": cfg}, nil, nil, nil, discard())
	if err != nil {
		t.Fatal(err)
	}
	trunk := a.trunks["carrier"]
	if err := trunk.host.lookup(t.Context(), time.Second); err != nil {
		t.Fatal(err)
	}
	l := &listener{listenAddr: listenAddr{"udp", netip.MustParseAddrPort("0.0.0.0:5060")}}
	o := &office{t: t, clerk: newClerk(trunk), seen: make(chan *sipmsg.Request, 1000), say: make(chan func(*sipmsg.Request) *sipmsg.Response, 1000),
		leave: make(chan struct{}), done: make(chan struct{})}
	o.wire.Store(new(chan struct{}))
	o.now.Store(&seat{netip.MustParseAddrPort("192.0.2.1:5060"), l, "198.51.100.1"})
	o.clerk.seat = func() (seat, bool) { return *o.now.Load(), true }
	o.clerk.holds = func(was seat) bool { return was == *o.now.Load() }
	o.clerk.ask = o.exchange
	o.clerk.line = func(seat) <-chan struct{} { return *o.wire.Load() }
	return o
}

func (o *office) exchange(req *sipmsg.Request, within time.Duration, until <-chan struct{}) (*sipmsg.Response, error) {
	o.seen <- req
	o.times = append(o.times, time.Now())
	select {
	case say := <-o.say:
		res := say(req)
		res.SetSource(o.now.Load().remote.String())
		return res, nil
	case <-time.After(within):
		return nil, errSilence
	case <-until:
		return nil, errLeaving
	}
}

// open runs the clerk until the test ends it.
func (o *office) open() {
	go func() { // ends with shut
		defer close(o.done)
		o.run(o.leave)
	}()
	synctest.Wait()
}

func (o *office) shut() {
	close(o.leave)
	<-o.done
}

// next is the REGISTER that has come by now, nil if none has.
func (o *office) next() *sipmsg.Request {
	synctest.Wait()
	select {
	case req := <-o.seen:
		return req
	default:
		return nil
	}
}

func (o *office) is(want string) {
	o.t.Helper()
	synctest.Wait()
	if got := o.trunk.agent.Registrations()["carrier"]; got != want {
		o.t.Errorf("the registration is %q, want %q", got, want)
	}
}

// mineIn is the Contact that a REGISTER is about: the first.
func mineIn(req *sipmsg.Request) *sipmsg.Uri {
	return &req.GetHeaders("contact")[0].(*sipmsg.ContactHeader).Address
}

// says answers with a status and headers; "mine" stands for our own Contact.
func says(status int, phrase string, headers ...string) func(*sipmsg.Request) *sipmsg.Response {
	return func(req *sipmsg.Request) *sipmsg.Response {
		res := sipmsg.NewResponseFromRequest(req, status, phrase, nil)
		for _, h := range headers {
			name, value, _ := strings.Cut(h, ": ")
			mine := "<" + mineIn(req).String() + ">"
			if value = strings.ReplaceAll(value, "mine", mine); name == "Contact" {
				c := &sipmsg.ContactHeader{}
				c.DisplayName, _ = sipmsg.ParseAddressValue(value, &c.Address, &c.Params)
				res.AppendHeader(c)
				continue
			}
			res.AppendHeader(sipmsg.NewHeader(name, value))
		}
		return res
	}
}

// livekit #524: an account stays registered, for as long as the program runs.
func TestRegistrationIsRefreshed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		for range 100 {
			o.say <- says(200, "OK", "Contact: <sip:other@203.0.113.9>;expires=7", "Contact: mine;expires=100")
		}
		o.open()
		o.is("registered")
		if home := o.trunk.host.home.Load(); home == nil || *home != o.now.Load().remote {
			t.Errorf("registered at %v", home)
		}
		<-time.After(time.Hour)
		o.is("registered")
		first := o.next()
		for i := 1; i < len(o.times); i++ {
			if gap := o.times[i].Sub(o.times[i-1]); gap < 80*time.Second || gap > 90*time.Second {
				t.Errorf("refreshed after %s", gap)
			}
			again := o.next()
			if again.CallID().Value() != first.CallID().Value() || again.CSeq().SeqNo != first.CSeq().SeqNo+uint32(i) {
				t.Errorf("Call-ID or CSeq of\n%s", again)
			}
		}
		if n := len(o.times); n < 40 || n > 45 {
			t.Errorf("%d REGISTERs in an hour", n)
		}
		o.shut()
	})
}

// F15: one retry with credentials, then a long wait; never a stream of REGISTERs.
func TestRegisteringWithAWrongPassword(t *testing.T) {
	for name, c := range map[string]struct {
		last func(*sipmsg.Request) *sipmsg.Response
		want string
	}{
		"403":   {says(403, "Forbidden"), "failed: 403 wrong password"},
		"401":   {says(401, "Unauthorized", challenge), "failed: 401 wrong password"},
		"realm": {says(407, "No", `Proxy-Authenticate: Digest realm="x", nonce="n"`), "failed: 407 wrong password"},
	} {
		synctest.Test(t, func(t *testing.T) {
			o := newOffice(t)
			o.say <- says(401, "Unauthorized", challenge)
			o.say <- c.last
			o.open()
			o.is(c.want)
			if o.next().GetHeader("Authorization") != nil {
				t.Error(name, "credentials before they were asked for")
			}
			right(t, o.next(), "Authorization", "s3cret")
			<-time.After(29 * time.Second)
			if o.next() != nil {
				t.Error(name, "asked again within 30 s")
			}
			<-time.After(17 * time.Second)
			if o.next() == nil {
				t.Error(name, "never asked again")
			}
			o.shut()
		})
	}
}

// A stale nonce is not a wrong password.
func TestStaleNonceOfARegistrar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.say <- says(401, "Unauthorized", challenge)
		o.say <- says(401, "Unauthorized", strings.Replace(challenge, `"n1"`, `"n2", stale=true`, 1))
		o.say <- says(200, "OK", "Contact: mine;expires=60")
		o.open()
		o.is("registered")
		for range 2 {
			o.next()
		}
		if last := o.next(); !strings.Contains(last.GetHeader("Authorization").Value(), "n2") {
			t.Errorf("the last REGISTER\n%s", last)
		}
		o.shut()
	})
}

func TestTooBrief(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, func(c *TrunkConfig) { c.Register.Expires = time.Minute })
		o.say <- says(423, "Interval Too Brief", "Min-Expires: 600")
		o.say <- says(200, "OK", "Expires: 600")
		o.open()
		o.is("registered")
		for _, want := range []string{"60", "600"} {
			if got := o.next().GetHeader("Expires").Value(); got != want {
				t.Errorf("asked for %s s, want %s", got, want)
			}
		}
		<-time.After(9 * time.Minute)
		if got := o.next().GetHeader("Expires").Value(); got != "600" {
			t.Errorf("refreshed with %s s", got)
		}
		o.shut()
	})
}

func TestSilentRegistrar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.open()
		<-time.After(11 * time.Second)
		o.is("unreachable")
		o.say <- says(503, "Busy", "Retry-After: 100 (sorry)")
		<-time.After(6 * time.Second)
		o.is("failed: 503 Busy")
		for range 2 {
			o.next()
		}
		o.say <- says(200, "OK")
		<-time.After(95 * time.Second)
		if o.next() != nil {
			t.Error("a Retry-After of 100 s was not waited for")
		}
		<-time.After(6 * time.Second)
		o.is("registered")
		o.shut()
	})
}

// S1: an answer that breaks us ends neither the program nor the registration.
func TestAnswerThatBreaksTheClerk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		broken := func(*sipmsg.Request) *sipmsg.Response { return nil } // which nobody expects
		o.say <- broken
		o.say <- says(200, "OK")
		o.say <- broken
		o.open()
		o.is("unreachable")
		<-time.After(7 * time.Second)
		o.is("registered")
		o.shut()
		o.is("not registered")
	})
}

// F19: an address that changes is registered within one look, and the old
// binding goes in the same request.
func TestMovedRegistration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		for range 3 {
			o.say <- says(200, "OK", "Contact: mine;expires=3600")
		}
		o.open()
		first := o.next().Contact().Address
		moved := *o.now.Load()
		moved.host = "198.51.100.2"
		o.now.Store(&moved)
		<-time.After(61 * time.Second)
		again := o.next()
		if again == nil {
			t.Fatal("the new address was not registered")
		}
		list := again.GetHeaders("contact")
		if len(list) != 2 || mineIn(again).Host != "198.51.100.2" || mineIn(again).User != first.User ||
			!strings.HasPrefix(list[1].Value(), "<"+first.String()+">;expires=0") {
			t.Errorf("REGISTER\n%s", again)
		}
		<-time.After(10 * time.Minute)
		if more := o.next(); more != nil {
			t.Errorf("asked again for nothing:\n%s", more)
		}
		o.shut()
		if last := o.next(); last.Contact().Address.Host != "198.51.100.2" || last.GetHeader("Expires").Value() != "0" {
			t.Errorf("the last REGISTER\n%s", last)
		}
	})
}

// F19: bindings of all addresses that we had meanwhile go, and none that we are
// back at.
func TestRegistrationThatMovesOnAndOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.say <- says(200, "OK", "Contact: mine;expires=3600")
		o.open()
		if o.next() == nil {
			t.Fatal("not registered")
		}
		move := func(host string) *sipmsg.Request {
			moved := *o.now.Load()
			moved.host = host
			o.now.Store(&moved)
			<-time.After(61 * time.Second) // a look, and the end of an attempt before
			var last *sipmsg.Request
			for req := o.next(); req != nil; req = o.next() {
				last = req
			}
			return last
		}
		gone := func(req *sipmsg.Request) (all string) {
			for _, h := range req.GetHeaders("contact")[1:] {
				all += h.(*sipmsg.ContactHeader).Address.Host + " "
			}
			return all
		}
		if got := gone(move("198.51.100.2")); got != "198.51.100.1 " { // nobody answers
			t.Errorf("from the second: %s", got)
		}
		if got := gone(move("198.51.100.3")); got != "198.51.100.1 198.51.100.2 " {
			t.Errorf("from the third: %s", got)
		}
		o.say <- says(200, "OK", "Contact: mine;expires=3600")
		if got := gone(move("198.51.100.1")); got != "198.51.100.2 198.51.100.3 " {
			t.Errorf("back at the first: %s", got)
		}
		o.is("registered")
		o.shut()
	})
}

// S10: a place that a 3xx named is no registrar's own, and gets no credentials.
func TestCredentialsAreForTheRegistrar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, func(cfg *TrunkConfig) { cfg.AllowFrom = []string{"192.0.2.0/24"} })
		o.trunk.agent.listeners = []*listener{o.now.Load().listener}
		o.say <- says(302, "Moved", "Contact: <sip:192.0.2.8>")
		o.say <- func(req *sipmsg.Request) *sipmsg.Response {
			moved := *o.now.Load()
			moved.remote = netip.MustParseAddrPort("192.0.2.8:5060")
			o.now.Store(&moved)
			return says(401, "Unauthorized", challenge)(req)
		}
		o.open()
		o.is("failed: 401 the challenge did not come from the trunk's host")
		for req := o.next(); req != nil; req = o.next() {
			if req.GetHeader("Authorization") != nil {
				t.Errorf("credentials for %s", req.Destination())
			}
		}
		o.shut()
	})
}

// A connection that is lost is made anew, and the registration with it; but a
// registrar that hangs up after every answer is not asked again and again.
func TestRegistrationFollowsItsConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		cut := func() {
			wire := *o.wire.Load()
			next := make(chan struct{})
			o.wire.Store(&next)
			if wire != nil {
				close(wire)
			}
		}
		cut()
		for range 10 {
			o.say <- says(200, "OK", "Contact: mine;expires=3600")
		}
		o.open()
		o.next()
		<-time.After(10 * time.Minute)
		cut()
		<-time.After(4 * time.Second)
		if o.next() == nil {
			t.Error("not registered again on a new connection")
		}
		cut()
		<-time.After(20 * time.Second)
		if o.next() != nil {
			t.Error("registered again after a few seconds")
		}
		<-time.After(10 * time.Second)
		if o.next() == nil {
			t.Error("not registered again half a minute later")
		}
		o.is("registered")
		o.shut()
	})
}

// F23: what is leaving waits for no answer that it does not need.
func TestLeavingWhileAsking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.open()
		o.next()
		start := time.Now()
		o.shut()
		last := o.next()
		if last == nil || last.GetHeader("Expires").Value() != "0" || strings.Contains(last.String(), "*") {
			t.Errorf("the last REGISTER\n%s", last)
		}
		if took := time.Since(start); took > o.quick {
			t.Errorf("it took %s", took)
		}
		o.is("not registered")
	})
}

// A 3xx is followed within the trunk's own addresses only; our whereabouts and
// credentials are for nobody else (S15).
func TestRedirectedRegistration(t *testing.T) {
	for _, c := range []struct{ to, want string }{
		{"192.0.2.8:5062", "registered"},
		{"203.0.113.1", "failed: 302 leads to a place that is not the trunk's"},
	} {
		synctest.Test(t, func(t *testing.T) {
			o := newOffice(t, func(cfg *TrunkConfig) { cfg.AllowFrom = []string{"192.0.2.0/24"} })
			l := o.now.Load().listener
			o.trunk.agent.listeners = []*listener{l}
			o.say <- says(302, "Moved", "Contact: <sip:"+c.to+">")
			o.say <- says(200, "OK", "Contact: mine;expires=60")
			o.open()
			o.is(c.want)
			o.next()
			if second := o.next(); c.want != "registered" {
				if second != nil {
					t.Errorf("followed to %s", second.Destination())
				}
			} else if second.Destination() != c.to || second.Recipient.String() != "sip:"+c.to || second.To().Address.Host != "192.0.2.1" {
				t.Errorf("followed to %s:\n%s", second.Destination(), second)
			}
			o.shut()
		})
	}
}
