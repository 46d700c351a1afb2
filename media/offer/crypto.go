package offer

import (
	"crypto/rand"
	"encoding/base64"
	"math/bits"
	"strconv"
	"strings"

	"roomline/media"
)

// Crypto is one a=crypto line: a suite, and the key that its writer encrypts
// with (RFC 4568 §9.1).
type Crypto struct {
	Tag   int
	Suite media.Suite
	Name  string // of the suite, as the far end spells it; empty: its own
	Key   media.Key
	MKI   string // at the end of each of its writer's packets; empty: none
}

// Limits on a=crypto lines.
const (
	maxCrypto   = 16              // of one stream that are kept
	maxMKI      = 4               // bytes
	leastLife   = uint64(1) << 20 // packets; what a call of four hours needs (RFC 4568 §6.1)
	leastWindow = 64              // packets (RFC 4568 §6.3.7)
)

// spellings are names of suites that are in use beside the registered ones.
func spellings() map[string]media.Suite {
	return map[string]media.Suite{"AES_CM_256_HMAC_SHA1_80": media.AES256SHA80, "AES_CM_256_HMAC_SHA1_32": media.AES256SHA32}
}

func suiteOf(name string) (media.Suite, bool) {
	for s := media.AES128SHA32; s <= media.AES256GCM; s++ {
		if strings.EqualFold(s.String(), name) {
			return s, true
		}
	}
	s, ok := spellings()[strings.ToUpper(name)]
	return s, ok
}

// crypto keeps a line that we could use; any other is as good as none (RFC 4568
// §7.1.2).
func (s *section) crypto(value string) {
	c, ok := readCrypto(value)
	for _, other := range s.keys {
		ok = ok && other.Tag != c.Tag
	}
	if ok && len(s.keys) < maxCrypto {
		s.keys = append(s.keys, c)
	}
}

// readCrypto reads "1 AES_CM_128_HMAC_SHA1_80 inline:KEY|2^20|1:4 WSH=64".
func readCrypto(value string) (c Crypto, ok bool) {
	words := strings.Fields(value)
	if len(words) < 3 {
		return c, false
	}
	tag, err := strconv.ParseUint(words[0], 10, 30)
	if err != nil || len(words[0]) > 9 {
		return c, false
	}
	c.Tag, c.Name = int(tag), words[1]
	if c.Suite, ok = suiteOf(c.Name); !ok {
		return c, false
	}
	if c.Key, c.MKI, ok = keyOf(words[2], c.Suite); !ok {
		return c, false
	}
	for _, parameter := range words[3:] {
		if !harmless(parameter) {
			return c, false
		}
	}
	return c, true
}

// keyOf reads "inline:KEY", "inline:KEY|2^48", "inline:KEY|1:4" or
// "inline:KEY|2^48|1:4" (§6.1). A line of several keys is left alone.
func keyOf(word string, suite media.Suite) (k media.Key, mki string, ok bool) {
	method, info, _ := strings.Cut(word, ":")
	parts := strings.Split(info, "|")
	if !strings.EqualFold(method, "inline") || len(parts) > 3 || strings.Contains(info, ";") {
		return k, "", false
	}
	raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(parts[0], "=")) // some leave the padding out
	if err != nil || len(raw) != suite.KeyLen()+suite.SaltLen() {
		return k, "", false
	}
	copy(k[:], raw)
	for i, p := range parts[1:] {
		if strings.Contains(p, ":") && i == len(parts)-2 {
			if mki, ok = identifier(p); !ok {
				return k, "", false
			}
		} else if !lasts(p) {
			return k, "", false
		}
	}
	return k, mki, true
}

// identifier reads a master key identifier, "1:4": its value and its length in
// bytes.
func identifier(s string) (string, bool) {
	number, length, _ := strings.Cut(s, ":")
	value, err := strconv.ParseUint(number, 10, 8*maxMKI)
	n, bad := strconv.ParseUint(length, 10, 8)
	if err != nil || bad != nil || n == 0 || n > maxMKI || bits.Len64(value) > int(8*n) {
		return "", false
	}
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(value >> (8 * (len(b) - 1 - i)))
	}
	return string(b), true
}

// lasts tells whether a key lives for as many packets as a call may have: "2^31"
// or a plain number, at most 2^48.
func lasts(life string) bool {
	if power, ok := strings.CutPrefix(life, "2^"); ok {
		n, err := strconv.ParseUint(power, 10, 8)
		return err == nil && n <= 48 && uint64(1)<<n >= leastLife
	}
	n, err := strconv.ParseUint(life, 10, 64)
	return err == nil && n >= leastLife && n <= 1<<48
}

// harmless tells whether a session parameter changes nothing for us: no
// parameter that takes encryption or authentication away does (§6.3).
func harmless(parameter string) bool {
	name, value, _ := strings.Cut(parameter, "=")
	n, err := strconv.ParseUint(value, 10, 32)
	switch {
	case strings.HasPrefix(parameter, "-"): // may be passed over, §6.3.7
		return true
	case strings.EqualFold(name, "KDR"):
		return err == nil && n == 0
	case strings.EqualFold(name, "WSH"):
		return err == nil && n >= leastWindow
	}
	return false
}

// Fresh makes a line with a new key for each suite, tagged from 1 on.
func Fresh(suites ...media.Suite) []Crypto {
	lines := make([]Crypto, len(suites))
	for i, s := range suites {
		lines[i] = Crypto{Tag: i + 1, Suite: s}
		_, _ = rand.Read(lines[i].Key[:s.KeyLen()+s.SaltLen()]) // never fails, since Go 1.24
	}
	return lines
}

// crypto writes one line.
func (w *writer) crypto(c Crypto) {
	name := c.Name
	if name == "" {
		name = c.Suite.String()
	}
	key := base64.StdEncoding.EncodeToString(c.Key[:c.Suite.KeyLen()+c.Suite.SaltLen()])
	w.line("a=crypto:%d %s inline:%s", c.Tag, name, key)
}
