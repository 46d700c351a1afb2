package port

import (
	"errors"
	"testing"
	"time"
)

func TestExhaustionEndsWithAClose(t *testing.T) {
	r, clock := frozen(t, config(3))
	var ports []*Port
	seen := map[uint16]bool{}
	for range 3 {
		p := open(t, r)
		if a := p.Addr(); a.Port()%2 != 0 || seen[a.Port()] || a.Addr().String() != here {
			t.Errorf("given %v", a)
		}
		seen[p.Addr().Port()] = true
		ports = append(ports, p)
	}
	if _, err := r.Open(); !errors.Is(err, ErrExhausted) || r.Free() != 0 {
		t.Fatalf("a fourth: %v, %d free", err, r.Free())
	}
	_ = ports[1].Close()
	_ = ports[1].Close()
	if _, err := r.Open(); !errors.Is(err, ErrExhausted) {
		t.Errorf("at once: %v", err)
	}
	clock.forward(leastSilence + 1)
	if p := open(t, r); p.Addr() != ports[1].Addr() {
		t.Errorf("recovered as %v", p.Addr())
	}
}

func TestAClosedPairIsDrained(t *testing.T) {
	r, clock := frozen(t, config(1))
	p := open(t, r)
	alice := newPhone(t, "127.77.0.2", p.Addr())
	_ = p.Close()
	for range 40 { // as long as she talks it is not given out, even where no other is left
		alice.say(0, 1)
		clock.forward(10 * time.Second)
		if _, err := r.Open(); !errors.Is(err, ErrExhausted) {
			t.Fatalf("opened while alice talks: %v", err)
		}
	}
	clock.forward(defaultDrain - 1)
	r.sweep()
	if r.Free() != 0 {
		t.Error("free too early")
	}
	clock.forward(1)
	r.sweep()
	if r.Free() != 1 {
		t.Error("never free")
	}
	again, heard := open(t, r), newEar()
	again.Start(plain(alice.addr()))
	again.SendTo(heard)
	alice.say(0, 2)
	if got := heard.next(t); got.Payload[0] != 2 {
		t.Errorf("heard packet %d of the call before", got.Payload[0])
	}
}

func TestQuarantineIsCapped(t *testing.T) {
	r, clock := frozen(t, config(1))
	p := open(t, r)
	alice := newPhone(t, "127.77.0.2", p.Addr())
	_ = p.Close()
	for spent := time.Duration(0); spent < maxQuarantine; spent += 20 * time.Second {
		if r.Free() != 0 {
			t.Fatalf("free after %v", spent)
		}
		alice.say(0, 1)
		clock.forward(20 * time.Second)
		r.sweep()
	}
	if r.Free() != 1 {
		t.Error("alice keeps the pair for ever")
	}
}

func TestTheOldestSilentPairGoesFirst(t *testing.T) {
	r, clock := frozen(t, config(2))
	a, b := open(t, r), open(t, r)
	_ = b.Close()
	clock.forward(time.Second)
	_ = a.Close()
	clock.forward(leastSilence + 1)
	if p := open(t, r); p.Addr() != b.Addr() {
		t.Errorf("took %v, not the older %v", p.Addr(), b.Addr())
	}
}

func TestAPortThatAnotherProgramHolds(t *testing.T) {
	r, _ := frozen(t, config(2))
	taken, err := listenUDP(r.bind, r.cfg.first()+1) // the RTCP port of the first pair
	if err != nil {
		t.Fatal(err)
	}
	p := open(t, r)
	if int(p.Addr().Port()) != r.cfg.first()+2 {
		t.Errorf("given %v", p.Addr())
	}
	if _, err := r.Open(); !errors.Is(err, ErrExhausted) || r.Free() != 1 {
		t.Errorf("%v, %d free", err, r.Free())
	}
	_ = taken.Close()
	open(t, r)
}

func TestCloseEndsEverything(t *testing.T) {
	r, err := NewRange(config(3), quiet())
	if err != nil {
		t.Fatal(err)
	}
	p, q := open(t, r), open(t, r)
	_ = p.Close()
	r.Close()
	r.Close()
	if _, err := r.Open(); !errors.Is(err, ErrClosed) {
		t.Errorf("Open after Close: %v", err)
	}
	_ = q.Close()
	for _, x := range []*Port{p, q} { // their sockets are free for others
		conn, err := listenUDP(r.bind, int(x.Addr().Port()))
		if err != nil {
			t.Fatalf("a socket is left: %v", err)
		}
		_ = conn.Close()
	}
}

func TestValidate(t *testing.T) {
	if err := Default().Validate(); err != nil {
		t.Errorf("the default: %v", err)
	}
	for want, change := range map[string]func(*Config){
		`address "pbx" is not an IP address`:                          func(c *Config) { c.Address = "pbx" },
		`advertise "pbx" is not an IP address`:                        func(c *Config) { c.Advertise = "pbx" },
		"advertise must name one IP address where address is 0.0.0.0": func(c *Config) { c.Address = "0.0.0.0" },
		"advertise and address must both be IPv4 or both IPv6":        func(c *Config) { c.Advertise = "2001:db8::1" },
		"ports 80 to 29999 are not within 1024 to 65535":              func(c *Config) { c.Low = 80 },
		"ports 20000 to 65536 are not within 1024 to 65535":           func(c *Config) { c.High = 65536 },
		"ports 20001 to 20002 hold no even port with the next":        func(c *Config) { c.Low, c.High = 20001, 20002 },
		"drain is below 0": func(c *Config) { c.Drain = -1 },
		"ports 20000 to 20000 hold no even port with the next":             func(c *Config) { c.High = 20000 },
		"advertise must name one IP address where address is ::":           func(c *Config) { c.Address = "::" },
		"advertise must name one IP address where address is 127.0.0.1":    func(c *Config) { c.Advertise = "224.0.0.1" },
		"ports 20000 to 10 hold no even port with the next":                func(c *Config) { c.High = 10 },
		"ports 20000 to 9223372036854775807 are not within 1024 to 65535":  func(c *Config) { c.High = 1<<63 - 1 },
		"ports -9223372036854775808 to 29999 are not within 1024 to 65535": func(c *Config) { c.Low = -1 << 63 },
	} {
		c := Default()
		change(&c)
		if err := c.Validate(); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestAPortThatNobodyKnowsIsFreeAtOnce(t *testing.T) {
	r, _ := frozen(t, config(1))
	free := r.Free()
	p, err := r.Open()
	if err != nil {
		t.Fatal(err)
	}
	p.Untold().Close()
	if r.Free() != free {
		t.Errorf("%d of %d are free", r.Free(), free)
	}
}
