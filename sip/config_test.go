package sip

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDefaultsAreValid(t *testing.T) {
	if err := Defaults().Validate(); err != nil {
		t.Error(err)
	}
	ok := TrunkConfig{Host: "sip.example.org:5080", Numbers: []string{"+4930555"}}
	if err := ok.Validate(); err != nil {
		t.Error(err)
	}
	full := ok.withDefaults()
	if full.CallerID != "+4930555" || full.ConnectTimeout != 4*time.Second || !reflect.DeepEqual(full.Codecs, []string{"pcmu", "pcma", "g722"}) {
		t.Errorf("%+v", full)
	}
	account := TrunkConfig{Host: "sip.example.org", Username: "gw", Password: "p"}
	if err := account.Validate(); err != nil || account.withDefaults().CallerID != "gw" {
		t.Errorf("without numbers the account calls: %v, %+v", err, account.withDefaults())
	}
}

func TestConfigErrorsNameTheField(t *testing.T) {
	for _, c := range []struct {
		cfg  Config
		want string
	}{
		{Config{}, "listen: "},
		{Config{Listen: []string{"udp://127.0.0.1:5060", "tls://127.0.0.1:5061"}}, "listen[1]: "},
		{Config{Listen: []string{"sctp://127.0.0.1:5060"}}, "listen[0]: "},
		{Config{Listen: []string{"udp://localhost:5060"}}, "listen[0]: "},
		{Config{Listen: []string{"udp://127.0.0.1:5060"}, TLS: TLS{Certificate: "c"}}, "tls: "},
		{Config{Listen: []string{"udp://127.0.0.1:5060"}, TLS: TLS{ClientCA: "c"}}, "tls.client_ca: "},
		{Config{Listen: []string{"udp://127.0.0.1:5060"}, Advertise: "a b"}, "advertise: "},
	} {
		if err := c.cfg.Validate(); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %s", c.cfg, err, c.want)
		}
	}
}

func TestTrunkErrorsNameTheField(t *testing.T) {
	for _, c := range []struct {
		want   string
		change func(*TrunkConfig)
	}{
		{"host: ", func(c *TrunkConfig) { c.Host = "" }},
		{"host: ", func(c *TrunkConfig) { c.Host = "h:0" }},
		{"host: ", func(c *TrunkConfig) { c.Host = "sip:h" }},
		{"transport: ", func(c *TrunkConfig) { c.Transport = "sctp" }},
		{"tls: ", func(c *TrunkConfig) { c.TLS.CA = "ca.pem" }},
		{"tls: ", func(c *TrunkConfig) { c.Transport, c.TLS.Key = "tls", "key.pem" }},
		{"tls.server_name: ", func(c *TrunkConfig) { c.Transport, c.TLS.ServerName = "wss", "a b" }},
		{"ws_path: ", func(c *TrunkConfig) { c.Transport, c.WSPath = "ws", "ws" }},
		{"ws_path: ", func(c *TrunkConfig) { c.Transport, c.WSPath = "ws", "/ws HTTP/1.1\r\nX: y" }},
		{"keepalive: ", func(c *TrunkConfig) { c.Keepalive = time.Millisecond }},
		{"number_format: ", func(c *TrunkConfig) { c.NumberFormat = "national" }},
		{"codecs[1]: ", func(c *TrunkConfig) { c.Codecs = []string{"PCMA", "g729"} }},
		{"transfer: ", func(c *TrunkConfig) { c.Transfer = "always" }},
		{"early_media: ", func(c *TrunkConfig) { c.EarlyMedia = "answer" }},
		{"reliable: ", func(c *TrunkConfig) { c.Reliable = "yes" }},
		{"refer_to: ", func(c *TrunkConfig) { c.ReferTo = "sips" }},
		{"password: ", func(c *TrunkConfig) { c.Username = "u" }},
		{"username: ", func(c *TrunkConfig) { c.Password = "p" }},
		{"numbers[0]: ", func(c *TrunkConfig) { c.Numbers, c.CallerID = []string{"?"}, "1" }},
		{"caller_id: ", func(c *TrunkConfig) { c.Numbers = nil }},
		{"allow_from[0]: ", func(c *TrunkConfig) { c.AllowFrom = []string{"everyone"} }},
		{"connect_timeout: ", func(c *TrunkConfig) { c.ConnectTimeout = time.Hour }},
		{"silence_timeout: ", func(c *TrunkConfig) { c.SilenceTimeout = -1 }},
	} {
		cfg := TrunkConfig{Host: "h", Numbers: []string{"+4930555"}}
		c.change(&cfg)
		if err := cfg.Validate(); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}

func TestNumbers(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"+49 (30) 555-12.3", "+493055512" + "3"}, {"+49%2030", "+4930"}, {"600;ext=1", "600"}, {"*21#", "*21#"},
		{"", ""}, {"+", ""}, {"1+2", ""}, {"a b@c", ""}, {"<1>", ""}, {strings.Repeat("1", 65), ""}, {"1\r\nX: y", ""},
	} {
		if got := dialled(c.in); got != c.want {
			t.Errorf("dialled(%q) = %q, want %q", c.in, got, c.want)
		}
	}
	for _, c := range []struct{ in, format, out, back string }{
		{"+4930555666", formatE164, "+4930555666", "+4930555666"},
		{"+4930555666", formatPlusLess, "4930555666", "+4930555666"},
		{"600", formatPlusLess, "600", "600"},
		{"030555", formatAsIs, "030555", "030555"},
	} {
		if got := outward(c.in, c.format); got != c.out {
			t.Errorf("outward(%q, %s) = %q", c.in, c.format, got)
		}
		if got := inward(c.out, c.format); got != c.back {
			t.Errorf("inward(%q, %s) = %q", c.out, c.format, got)
		}
	}
}
