package offer

import (
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
	"testing"

	"roomline/media"
)

// key is a key and salt of n bytes in base64, named by its first byte.
func key(first byte, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = first + byte(i)
	}
	return base64.StdEncoding.EncodeToString(b)
}

func TestCryptoLines(t *testing.T) {
	k30 := key(1, 30)
	for line, want := range map[string]string{
		"1 AES_CM_128_HMAC_SHA1_80 inline:" + k30:                                       "1 AES_CM_128_HMAC_SHA1_80",
		"1 aes_cm_128_hmac_sha1_32 INLINE:" + k30:                                       "1 AES_CM_128_HMAC_SHA1_32",
		"  4  AES_CM_128_HMAC_SHA1_80   inline:" + k30 + "  ":                           "4 AES_CM_128_HMAC_SHA1_80",
		"999999999 AES_CM_128_HMAC_SHA1_80 inline:" + k30:                               "999999999 AES_CM_128_HMAC_SHA1_80",
		"1 AES_256_CM_HMAC_SHA1_80 inline:" + key(1, 46):                                "1 AES_256_CM_HMAC_SHA1_80",
		"1 AES_CM_256_HMAC_SHA1_80 inline:" + key(1, 46):                                "1 AES_256_CM_HMAC_SHA1_80",
		"1 AES_CM_256_HMAC_SHA1_32 inline:" + strings.TrimRight(key(1, 46), "="):        "1 AES_256_CM_HMAC_SHA1_32",
		"1 AEAD_AES_128_GCM inline:" + key(1, 28):                                       "1 AEAD_AES_128_GCM",
		"1 AEAD_AES_256_GCM inline:" + strings.TrimRight(key(1, 44), "="):               "1 AEAD_AES_256_GCM",
		"1 AES_CM_128_HMAC_SHA1_80 inline:" + k30 + "|2^20|1:4":                         "1 AES_CM_128_HMAC_SHA1_80 00000001",
		"1 AES_CM_128_HMAC_SHA1_80 inline:" + k30 + "|1:1":                              "1 AES_CM_128_HMAC_SHA1_80 01",
		"1 AES_CM_128_HMAC_SHA1_80 inline:" + k30 + "|2^48":                             "1 AES_CM_128_HMAC_SHA1_80",
		"1 AES_CM_128_HMAC_SHA1_80 inline:" + k30 + "|1048576":                          "1 AES_CM_128_HMAC_SHA1_80",
		"1 AES_CM_128_HMAC_SHA1_80 inline:" + k30 + " WSH=128 KDR=0 -FEC_ORDER=FEC_SRT": "1 AES_CM_128_HMAC_SHA1_80",
	} {
		c, ok := readCrypto(line)
		got := strings.TrimSpace(strings.Join([]string{strconv.Itoa(c.Tag), c.Suite.String(), hex.EncodeToString([]byte(c.MKI))}, " "))
		if !ok || got != want || c.Key[0] != 1 || c.Key[27] != 28 {
			t.Errorf("%q: %v %q", line, ok, got)
		}
	}
	for _, line := range []string{
		"", "1", "1 AES_CM_128_HMAC_SHA1_80", "x AES_CM_128_HMAC_SHA1_80 inline:" + k30, "-1 AES_CM_128_HMAC_SHA1_80 inline:" + k30,
		"1234567890 AES_CM_128_HMAC_SHA1_80 inline:" + k30,
		"1 NULL_HMAC_SHA1_80 inline:" + k30, "1 F8_128_HMAC_SHA1_80 inline:" + k30, "1 AES_192_CM_HMAC_SHA1_80 inline:" + key(1, 38), "1 none inline:",
		"1 AES_CM_128_HMAC_SHA1_80 inline:" + key(1, 29), "1 AES_CM_128_HMAC_SHA1_80 inline:" + key(1, 31), "1 AEAD_AES_128_GCM inline:" + k30,
		"1 AES_CM_128_HMAC_SHA1_80 inline:", "1 AES_CM_128_HMAC_SHA1_80 inline:!!!!", "1 AES_CM_128_HMAC_SHA1_80 mikey:" + k30, "1 AES_CM_128_HMAC_SHA1_80 " + k30,
		"1 AES_CM_128_HMAC_SHA1_80 inline:" + k30 + ";inline:" + k30 + "|2^20|2:4", // several keys
		"1 AES_CM_128_HMAC_SHA1_80 inline:" + k30 + "|2^19", "1 AES_CM_128_HMAC_SHA1_80 inline:" + k30 + "|2^49", "1 AES_CM_128_HMAC_SHA1_80 inline:" + k30 + "|0",
		"1 AES_CM_128_HMAC_SHA1_80 inline:" + k30 + "|2^999", "1 AES_CM_128_HMAC_SHA1_80 inline:" + k30 + "|x",
		"1 AES_CM_128_HMAC_SHA1_80 inline:" + k30 + "|1:5", "1 AES_CM_128_HMAC_SHA1_80 inline:" + k30 + "|256:1", "1 AES_CM_128_HMAC_SHA1_80 inline:" + k30 + "|1:0",
		"1 AES_CM_128_HMAC_SHA1_80 inline:" + k30 + "|1:4|2^20", "1 AES_CM_128_HMAC_SHA1_80 inline:" + k30 + "|2^20|1:4|x",
		// R6: no parameter takes away what the suite promises
		"1 AES_CM_128_HMAC_SHA1_80 inline:" + k30 + " UNENCRYPTED_SRTP", "1 AES_CM_128_HMAC_SHA1_80 inline:" + k30 + " UNENCRYPTED_SRTCP",
		"1 AES_CM_128_HMAC_SHA1_80 inline:" + k30 + " UNAUTHENTICATED_SRTP", "1 AES_CM_128_HMAC_SHA1_80 inline:" + k30 + " KDR=20",
		"1 AES_CM_128_HMAC_SHA1_80 inline:" + k30 + " WSH=32", "1 AES_CM_128_HMAC_SHA1_80 inline:" + k30 + " FUTURE=1",
	} {
		if c, ok := readCrypto(line); ok {
			t.Errorf("%q was taken as %d %s", line, c.Tag, c.Suite)
		}
	}
}

func TestCryptoLinesAreBounded(t *testing.T) {
	var s section
	for i := range 100 {
		s.crypto(strconv.Itoa(i/2) + " AES_CM_128_HMAC_SHA1_80 inline:" + key(byte(i), 30))
	}
	if len(s.keys) != maxCrypto || s.keys[1].Tag != 1 || s.keys[1].Key[0] != 2 {
		t.Errorf("%d lines, the second %d", len(s.keys), s.keys[1].Tag)
	}
}

func TestFreshKeysDiffer(t *testing.T) {
	seen := map[media.Key]bool{}
	for range 50 {
		for _, c := range Fresh(media.AES128GCM, media.AES128SHA80) {
			if seen[c.Key] || c.Key == (media.Key{}) {
				t.Fatal("a key came twice")
			}
			seen[c.Key] = true
		}
	}
}

// What we write is what we read: FuzzCrypto begins there.
func FuzzCrypto(f *testing.F) {
	f.Add("1 AES_CM_128_HMAC_SHA1_80 inline:" + key(1, 30) + "|2^20|1:4 WSH=64")
	f.Add("2 AEAD_AES_256_GCM inline:" + key(1, 44))
	f.Add("1 AES_CM_256_HMAC_SHA1_32 inline:" + key(9, 46) + "|1:1 KDR=0 -X")
	f.Fuzz(func(t *testing.T, line string) {
		c, ok := readCrypto(line)
		if !ok {
			return
		}
		w := &writer{}
		w.crypto(c)
		again, ok := readCrypto(strings.TrimSuffix(strings.TrimPrefix(w.String(), "a=crypto:"), "\r\n"))
		if again.MKI = c.MKI; !ok || again != c {
			t.Errorf("%q was written as %q", line, w)
		}
	})
}
