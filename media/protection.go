package media

import (
	"fmt"
	"log/slog"
)

// Suite is how a stream is encrypted and authenticated (RFC 4568 §6.2, RFC
// 6188, RFC 7714). The zero value is not at all.
type Suite uint8

// The suites of SRTP that are spoken here. None leaves out encryption or
// authentication.
const (
	NoSuite Suite = iota
	AES128SHA32
	AES256SHA32
	AES128SHA80
	AES256SHA80
	AES128GCM
	AES256GCM
)

// suite is a suite's IANA name and, in bytes, its master key, master salt and
// the tag of an RTP packet.
type suite struct {
	name           string
	key, salt, tag int
}

var suites = [...]suite{
	NoSuite:     {"none", 0, 0, 0},
	AES128SHA32: {"AES_CM_128_HMAC_SHA1_32", 16, 14, 4},
	AES256SHA32: {"AES_256_CM_HMAC_SHA1_32", 32, 14, 4},
	AES128SHA80: {"AES_CM_128_HMAC_SHA1_80", 16, 14, 10},
	AES256SHA80: {"AES_256_CM_HMAC_SHA1_80", 32, 14, 10},
	AES128GCM:   {"AEAD_AES_128_GCM", 16, 12, 16},
	AES256GCM:   {"AEAD_AES_256_GCM", 32, 12, 16},
}

// String is the name in SDP: "AES_CM_128_HMAC_SHA1_80".
func (s Suite) String() string { return s.row().name }

func (s Suite) row() suite {
	if int(s) >= len(suites) {
		s = NoSuite
	}
	return suites[s]
}

// KeyLen is the length of the master key in bytes, SaltLen that of its salt.
func (s Suite) KeyLen() int { return s.row().key }

// SaltLen is the length of the master salt in bytes.
func (s Suite) SaltLen() int { return s.row().salt }

// Short tells whether packets carry a tag of 32 bits only, which one guess in
// 2^32 hits.
func (s Suite) Short() bool { return s.row().tag == 4 }

// AtLeast tells whether s is no weaker than t, neither in key nor in tag.
func (s Suite) AtLeast(t Suite) bool {
	return s.row().key >= t.row().key && s.row().tag >= t.row().tag
}

// maxKey is the longest master key with its salt, in bytes.
const maxKey = 32 + 14

// Key is a master key and the salt after it, as a=crypto carries them, filled
// up with zeros. However it is printed, only a mask comes out.
type Key [maxKey]byte

// String masks the key for fmt.
func (Key) String() string { return "••••" }

// GoString masks the key for %#v.
func (k Key) GoString() string { return k.String() }

// Format masks the key for every verb, %x and %d too.
func (k Key) Format(f fmt.State, _ rune) { fmt.Fprint(f, k.String()) }

// LogValue masks the key for slog.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalText masks the key for JSON and every other text encoding.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Protection is how one stream is encrypted (SRTP, RFC 3711), each direction by
// its own key. The zero value is plain RTP.
type Protection struct {
	Suite         Suite
	Send, Receive Key
	MKI           string // at the end of what we receive (RFC 3711 §3.1); empty: none
}

// On tells whether the stream is encrypted at all.
func (p Protection) On() bool { return p.Suite != NoSuite }

// String is the suite alone.
func (p Protection) String() string { return p.Suite.String() }
