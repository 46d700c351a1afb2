package sip

import (
	"errors"
	"strings"
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

func TestGranted(t *testing.T) {
	ours := sipmsg.Uri{Scheme: "sip", User: "rabc", Host: "198.51.100.1", Port: 5060}
	for name, c := range map[string]struct {
		headers []string
		want    time.Duration
	}{
		"nothing is listed":              {nil, time.Hour},
		"Expires only":                   {[]string{"Expires: 50"}, 50 * time.Second},
		"ours without expires":           {[]string{"Expires: 50", "Contact: <sip:rabc@198.51.100.1>"}, 50 * time.Second},
		"ours among others":              {[]string{"Contact: <sip:x@198.51.100.1>;expires=9", "Contact: <sip:rabc@198.51.100.1:5060>;expires=8", "Contact: <sip:rabc@198.51.100.7>;expires=99"}, 8 * time.Second},
		"ours, as the registrar sees it": {[]string{"Contact: <sip:rabc@203.0.113.5:40001>;expires=70"}, 70 * time.Second},
		"only others":                    {[]string{"Expires: 50", "Contact: <sip:x@198.51.100.1>;expires=9"}, 0},
		"none any more":                  {[]string{"Contact: <sip:rabc@198.51.100.1>;expires=0"}, 0},
		"nonsense":                       {[]string{"Expires: soon", "Contact: <sip:rabc@198.51.100.1>;expires=-1"}, time.Hour},
		"a century":                      {[]string{"Expires: 3155760000"}, maxExpires},
		"more than can be counted":       {[]string{"Expires: 99999999999999999999"}, time.Hour},
	} {
		req := sipmsg.NewRequest(sipmsg.REGISTER, sipmsg.Uri{Host: "x"})
		req.AppendHeader(&sipmsg.ContactHeader{Address: ours})
		if got := granted(says(200, "OK", c.headers...)(req), ours, time.Hour); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestRegisterIsChecked(t *testing.T) {
	for want, change := range map[string]func(*TrunkConfig){
		"register.expires": func(c *TrunkConfig) { c.Register.Expires = time.Second },
		"register.server":  func(c *TrunkConfig) { c.Register.Server = "x y" },
		"register.user":    func(c *TrunkConfig) { c.Register.User = "me@home" },
		"outbound_proxy":   func(c *TrunkConfig) { c.OutboundProxy = "sip:proxy" },
	} {
		cfg := TrunkDefaults()
		cfg.Host, cfg.Username, cfg.Password, cfg.Register.Enabled = "192.0.2.1", "1", "s3cret", true
		if err := cfg.Validate(); err != nil {
			t.Fatal(err)
		}
		if change(&cfg); cfg.Validate() == nil || !strings.HasPrefix(cfg.Validate().Error(), want+": ") {
			t.Errorf("%s: %v", want, cfg.Validate())
		}
	}
	if err := (TrunkConfig{Host: "192.0.2.1", CallerID: "1", Register: Register{Enabled: true}}).Validate(); err == nil ||
		errors.Unwrap(err) != nil || !strings.Contains(err.Error(), "register.user") {
		t.Errorf("without an account: %v", err)
	}
}

// Whatever a registrar answers, it is asked again, within bounds.
func FuzzRegistrar(f *testing.F) {
	for _, s := range []string{
		"200 OK\r\nContact: <sip:rabc@198.51.100.1:5060>;expires=60\r\nService-Route: <sip:a;lr>, <sip:b;lr>\r\n",
		"200 OK\r\nContact: sip:x@y;expires=99999999999999999999, <sip:rabc@198.51.100.1>;expires=-1\r\nExpires: 1e9\r\n",
		"423 Interval Too Brief\r\nMin-Expires: 4294967295\r\n", "503 No\r\nRetry-After: 18446744073709551615 (x);duration=1\r\n",
		"302 Moved\r\nContact: *\r\n", "699 \x00\r\n", "401 Unauthorized\r\nWWW-Authenticate: Digest\r\n",
	} {
		f.Add(s)
	}
	ours := sipmsg.Uri{Scheme: "sip", User: "rabc", Host: "198.51.100.1", Port: 5060}
	f.Fuzz(func(t *testing.T, s string) {
		msg, err := sipmsg.ParseMessage([]byte("SIP/2.0 " + s + "CSeq: 1 REGISTER\r\nContent-Length: 0\r\n\r\n"))
		res, ok := msg.(*sipmsg.Response)
		if err != nil || !ok || res.IsProvisional() {
			return
		}
		if n := len(serviceRoute(res)); n > maxServiceRoute {
			t.Fatalf("a route of %d hops", n)
		}
		e := regEvent{kind: regReply, status: res.StatusCode, granted: granted(res, ours, time.Hour), least: secondsIn(res, "min-expires"), after: secondsIn(res, "retry-after")}
		r, do := registration{phase: regAsking, wish: time.Hour}.step(e)
		if again := r.phase == regAsking && do.ask; !again && (do.wait < time.Second || do.wait > maxExpires) || r.wish > maxExpires {
			t.Fatalf("%+v does %+v", r, do)
		}
	})
}
