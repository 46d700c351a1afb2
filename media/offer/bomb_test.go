package offer

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"roomline/media"
)

// R9, Janus 3414 (lines), Asterisk 2018 (fmtp, rtpmap): what is too much is
// refused, what is just within the bounds costs at most 50 ms and 5 MB.
func TestBombs(t *testing.T) {
	const head = "v=0\nc=IN IP4 127.0.0.1\nm=audio 4000 RTP/AVP 0\n"
	var sixteen strings.Builder
	for i := range 16 {
		fmt.Fprintf(&sixteen, "m=audio %d RTP/SAVP 0 8%s\n%s", 4000+i, strings.Repeat(" 96", 62), strings.Repeat("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:"+key(1, 30)+"\n", 20))
	}
	fill := func(line string) string {
		return head + strings.Repeat(line+"\n", min(1990, ((32<<10)-len(head))/(len(line)+1)))
	}
	for name, c := range map[string]struct {
		sdp  string
		want error
	}{
		"megabytes":           {head + strings.Repeat("a=x\n", 1<<20), ErrTooLarge},
		"one line":            {head + "a=" + strings.Repeat("x", 33<<10), ErrTooLarge},
		"lines":               {head + strings.Repeat("\n", 2001), ErrTooLarge},
		"streams":             {head + strings.Repeat("m=x 0 x\n", 16), ErrTooLarge},
		"formats":             {"v=0\nc=IN IP4 127.0.0.1\nm=audio 4000 RTP/AVP " + strings.Repeat("0 ", 65), ErrTooLarge},
		"sixteen full ones":   {"v=0\nc=IN IP4 127.0.0.1\n" + sixteen.String(), nil},
		"candidates":          {fill("a=candidate:1 1 UDP 2130706431 10.0.0.1 8998 typ host"), nil},
		"rtpmaps":             {fill("a=rtpmap:0 PCMU/8000"), nil},
		"fmtps":               {fill("a=fmtp:0 " + strings.Repeat("a;", 200)), nil},
		"keys":                {fill("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + key(1, 30)), nil},
		"keys of many colons": {fill("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + strings.Repeat("|", 200)), nil},
		"directions":          {fill("a=inactive"), nil},
		"connections":         {fill("c=IN IP4 127.0.0.1"), nil},
	} {
		for _, p := range []Policy{Off, Optional} {
			spent, taken, err := costOf(func() error { return parseAndAnswer(p, []byte(c.sdp)) })
			if !errors.Is(err, c.want) && !(p == Off && errors.Is(err, ErrSecure)) {
				t.Errorf("%s: %v, want %v", name, err, c.want)
			}
			if spent > 50*time.Millisecond || taken > 5<<20 {
				t.Errorf("%s of %d bytes: %v, %d bytes", name, len(c.sdp), spent, taken)
			}
		}
	}
}

func parseAndAnswer(p Policy, sdp []byte) error {
	a, err := p.Parse(sdp)
	if err != nil {
		return err
	}
	_, _, err = Answer(a, with(p), media.PCMU)
	return err
}

// costOf is the least time of ten, and the memory of one.
func costOf(f func() error) (spent time.Duration, taken uint64, err error) {
	spent = time.Hour
	var before, after runtime.MemStats
	for range 10 {
		runtime.ReadMemStats(&before)
		began := time.Now()
		err = f()
		spent = min(spent, time.Since(began))
		runtime.ReadMemStats(&after)
		taken = after.TotalAlloc - before.TotalAlloc
	}
	return spent, taken, err
}

// Numbers at and past their ends; only the clocks that an encoding can have
// count.
func TestNumericBounds(t *testing.T) {
	for attribute, known := range map[string]bool{
		"a=rtpmap:96 opus/48000/2": true, "a=rtpmap:96 OPUS/48000/2": true, "a=rtpmap:96 opus/48000": false, "a=rtpmap:96 opus/48000/1": false,
		"a=rtpmap:96 opus/44100/2": false, "a=rtpmap:96 PCMU/16000": false, "a=rtpmap:96 PCMU/8000/1": true, "a=rtpmap:96 PCMU/8000/0": false,
		"a=rtpmap:96 PCMU/8000/8": false, "a=rtpmap:96 PCMU/0": false, "a=rtpmap:96 PCMU/-8000": false, "a=rtpmap:96 PCMU/4294967296": false,
		"a=rtpmap:96 PCMU/384001": false, "a=rtpmap:96 PCMU": false, "a=rtpmap:96": false, "a=rtpmap: 96  PCMU/8000 ": true, "a=rtpmap:96 g722/16000": true,
	} {
		a, err := Parse([]byte("v=0\nc=IN IP4 127.0.0.1\nm=audio 4000 RTP/AVP 96 300 -5 99999999999 128\n" + attribute))
		if err != nil || len(a.Formats()) == 1 != known || len(a.Codecs) != 1 {
			t.Errorf("%s: %v of %v, %v", attribute, a.Formats(), a.Codecs, err)
		}
	}
}
