package peer

import (
	"regexp"
	"strings"

	"github.com/pion/sdp/v3"
)

func (d *description) readSecurity() error {
	d.ufrag, _ = d.attribute("ice-ufrag")
	d.pwd, _ = d.attribute("ice-pwd")
	if !token(d.ufrag) || !token(d.pwd) {
		return ErrNoCredentials
	}
	lists := [][]sdp.Attribute{d.section().Attributes, d.sdp.Attributes}
	if d.bundled != nil {
		lists = append(lists, d.bundled.Attributes)
	}
	for _, list := range lists {
		if d.print = fingerprint(list); d.print != "" {
			return nil
		}
	}
	return ErrNoFingerprint
}

func token(s string) bool { return s != "" && len(s) <= maxToken && !strings.ContainsAny(s, " \t") }

// fingerprint finds a well-formed sha-256 one (RFC 8122 §5); older hashes do
// not count.
func fingerprint(list []sdp.Attribute) string {
	for _, a := range list {
		if a.Key != "fingerprint" {
			continue
		}
		hash, value, _ := strings.Cut(a.Value, " ")
		value = strings.ToUpper(strings.TrimSpace(value))
		if strings.EqualFold(hash, "sha-256") && printPattern.MatchString(value) {
			return value
		}
	}
	return ""
}

var printPattern = regexp.MustCompile(`^([0-9A-F]{2}:){31}[0-9A-F]{2}$`)
