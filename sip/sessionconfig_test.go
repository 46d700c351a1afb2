package sip

import (
	"strings"
	"testing"
	"time"
)

func TestSessionAndDigitsOfATrunk(t *testing.T) {
	for _, c := range []struct {
		want   string // how the error begins; empty: none
		change func(*TrunkConfig)
	}{
		{"", func(*TrunkConfig) {}},
		{"", func(c *TrunkConfig) { c.SessionExpires = 0 }},
		{"", func(c *TrunkConfig) { c.SessionExpires, c.SessionMin = 90*time.Second, 90*time.Second }},
		{"session_min: ", func(c *TrunkConfig) { c.SessionMin = 89 * time.Second }},
		{"session_expires: ", func(c *TrunkConfig) { c.SessionExpires, c.SessionMin = 2*time.Minute, 3*time.Minute }},
		{"session_expires: ", func(c *TrunkConfig) { c.SessionExpires = -time.Second }},
		{"session_expires: ", func(c *TrunkConfig) { c.SessionExpires = 25 * time.Hour }},
		{"dtmf: ", func(c *TrunkConfig) { c.DTMF = "rfc2833" }},
		{"", func(c *TrunkConfig) { c.DTMF = "inband" }},
	} {
		cfg := TrunkDefaults()
		cfg.Host, cfg.Numbers = "h", []string{"+4930555"}
		c.change(&cfg)
		err := cfg.Validate()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want)) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}
