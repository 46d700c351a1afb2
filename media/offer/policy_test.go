package offer

import (
	"errors"
	"strings"
	"testing"

	"roomline/media"
)

const audioAt = "v=0\nc=IN IP4 127.0.0.1\nm=audio 4000 "

func cryptoLine(tag, suite string, first byte, n int) string {
	return "\na=crypto:" + tag + " " + suite + " inline:" + key(first, n)
}

// with is our end under a policy.
func with(p Policy) Local {
	l := local(media.PCMU)
	l.Policy = p
	if p == WebRTC {
		l.Web = Web{"ufrag", "passwordpasswordpassword", strings.TrimSuffix(strings.Repeat("AB:", 32), ":"), "1 1 UDP 2130706431 127.0.0.9 40000 typ host"}
	}
	l.Renew(media.AES256GCM, media.AES128GCM, media.AES256SHA80, media.AES128SHA80)
	return l
}

// The table of R6: what each policy makes of each kind of offer.
func TestPolicyOfOffers(t *testing.T) {
	sha := cryptoLine("1", "AES_CM_128_HMAC_SHA1_80", 1, 30)
	for name, c := range map[string]struct {
		sdp  string
		want [3]any // by policy: an error, or the m= lines of our answer
	}{
		"AVP":                {audioAt + "RTP/AVP 0", [3]any{"RTP/AVP", "RTP/AVP", ErrPlain}},
		"AVPF":               {audioAt + "RTP/AVPF 0", [3]any{"RTP/AVPF", "RTP/AVPF", ErrPlain}},
		"AVP with key":       {audioAt + "RTP/AVP 0" + sha, [3]any{"RTP/AVP", "RTP/AVP +", ErrPlain}},
		"SAVP with key":      {audioAt + "RTP/SAVP 0" + sha, [3]any{ErrSecure, "RTP/SAVP +", "RTP/SAVP +"}},
		"SAVPF with key":     {audioAt + "RTP/SAVPF 0" + sha, [3]any{ErrSecure, "RTP/SAVPF +", "RTP/SAVPF +"}},
		"SAVP without key":   {audioAt + "RTP/SAVP 0", [3]any{ErrSecure, ErrNoKey, ErrNoKey}},
		"SAVP, unknown key":  {audioAt + "RTP/SAVP 0" + cryptoLine("1", "NULL_HMAC_SHA1_80", 1, 30), [3]any{ErrSecure, ErrNoKey, ErrNoKey}},
		"AVP, broken key":    {audioAt + "RTP/AVP 0\na=crypto:1 x", [3]any{"RTP/AVP", "RTP/AVP", ErrPlain}},
		"SAVP, unencrypted":  {audioAt + "RTP/SAVP 0" + sha + " UNENCRYPTED_SRTP", [3]any{ErrSecure, ErrNoKey, ErrNoKey}},
		"DTLS":               {audioAt + "UDP/TLS/RTP/SAVPF 0\na=fingerprint:sha-256 AA", [3]any{ErrSecure, ErrNoKey, ErrNoKey}},
		"key at the session": {"v=0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + key(1, 30) + "\nc=IN IP4 127.0.0.1\nm=audio 4000 RTP/SAVP 0", [3]any{ErrSecure, ErrNoKey, ErrNoKey}},
		"SAVP beside AVP": {audioAt + "RTP/SAVP 0" + sha + "\nm=audio 5000 RTP/AVP 0",
			[3]any{"RTP/SAVP 0 | RTP/AVP", "RTP/SAVP + | RTP/AVP 0", "RTP/SAVP + | RTP/AVP 0"}},
		"AVP beside SAVP": {audioAt + "RTP/AVP 0\nm=audio 5000 RTP/SAVP 0" + sha,
			[3]any{"RTP/AVP | RTP/SAVP 0", "RTP/AVP 0 | RTP/SAVP +", "RTP/AVP 0 | RTP/SAVP +"}},
		"SAVP of no codec beside AVP": {audioAt + "RTP/SAVP 18" + sha + "\nm=audio 5000 RTP/AVP 0",
			[3]any{"RTP/SAVP 0 | RTP/AVP", "RTP/SAVP 0 | RTP/AVP", ErrNoCommon}},
		"SAVP without key beside AVP": {audioAt + "RTP/SAVP 0\nm=audio 5000 RTP/AVP 0",
			[3]any{"RTP/SAVP 0 | RTP/AVP", "RTP/SAVP 0 | RTP/AVP", ErrPlain}},
	} {
		for p, want := range c.want {
			got, err := answered(Policy(p), c.sdp)
			if e, bad := want.(error); bad && !errors.Is(err, e) || !bad && (err != nil || got != want) {
				t.Errorf("%s, srtp %s: %q, %v; want %v", name, Policy(p), got, err, want)
			}
		}
	}
}

// answered is our answer's m= lines in short: the profile, with 0 where it is
// refused and + where it holds a key.
func answered(p Policy, sdp string) (string, error) {
	a, err := p.Parse([]byte(sdp))
	if err != nil {
		return "", err
	}
	answer, n, err := Answer(a, with(p), media.PCMU)
	if err != nil {
		return "", err
	}
	var m []string
	for _, line := range strings.Split(string(answer), "\r\n") {
		switch words := strings.Fields(line); {
		case strings.HasPrefix(line, "m=") && words[1] == "0":
			m = append(m, words[2]+" 0")
		case strings.HasPrefix(line, "m="):
			m = append(m, words[2])
		case strings.HasPrefix(line, "a=crypto:"):
			m[len(m)-1] += " +"
		}
	}
	s := strings.Join(m, " | ")
	if n.Protection.On() != strings.Contains(s, "+") {
		return "", errors.New("what is negotiated is not what is answered")
	}
	return s, nil
}

// A tag of 32 bits is taken only where there is nothing better, the far end's
// order counts else, and our line has its tag and spelling (RFC 4568 §7.1.2).
func TestChoiceOfSuite(t *testing.T) {
	short, sha := cryptoLine("1", "AES_CM_128_HMAC_SHA1_32", 1, 30), cryptoLine("2", "AES_CM_128_HMAC_SHA1_80", 2, 30)
	gcm, big := cryptoLine("3", "AEAD_AES_128_GCM", 3, 28), cryptoLine("4", "AES_CM_256_HMAC_SHA1_80", 4, 46)
	for lines, want := range map[string]string{
		short:             "1 AES_CM_128_HMAC_SHA1_32",
		short + sha:       "2 AES_CM_128_HMAC_SHA1_80",
		sha + gcm:         "2 AES_CM_128_HMAC_SHA1_80",
		short + gcm + sha: "3 AEAD_AES_128_GCM",
		big + gcm:         "4 AES_CM_256_HMAC_SHA1_80",
	} {
		a, err := Required.Parse([]byte(audioAt + "RTP/SAVP 0" + lines))
		if err != nil {
			t.Fatal(err)
		}
		answer, n, err := Answer(a, with(Required), media.PCMU)
		if err != nil || !strings.Contains(string(answer), "\r\na=crypto:"+want+" inline:") || strings.Count(string(answer), "a=crypto") != 1 {
			t.Errorf("want %s, answered %v\n%s", want, err, answer)
		}
		if n.Protection.Receive != a.Keys[want[0]-'0'-byte(a.Keys[0].Tag)].Key && len(a.Keys) == 1 {
			t.Error("not the key of the line")
		}
		if n.Protection.Send == n.Protection.Receive || n.Protection.Send == (media.Key{}) {
			t.Error("our key is theirs, or none")
		}
	}
}

func TestOurOffers(t *testing.T) {
	for p, want := range map[Policy]string{Off: "RTP/AVP 0", Optional: "RTP/AVP 0", Required: "RTP/SAVP 0"} {
		sdp := string(Offer(with(p)))
		if !strings.Contains(sdp, "m=audio 40000 "+want) || strings.Contains(sdp, "a=crypto:1 AEAD_AES_256_GCM inline:") != (p != Off) {
			t.Errorf("%s offers\n%s", p, sdp)
		}
		if strings.Contains(sdp, "SHA1_32") || strings.Contains(sdp, "NULL") {
			t.Errorf("%s offers a weak suite\n%s", p, sdp)
		}
	}
	a, b := with(Required), with(Required)
	if a.Keys[0].Key == b.Keys[0].Key {
		t.Error("two offers have one key")
	}
}

// R6: what answers our offer is what we offered, or there is no call.
func TestPolicyOfAnswers(t *testing.T) {
	gcm, sha := cryptoLine("2", "AEAD_AES_128_GCM", 1, 28), cryptoLine("4", "AES_CM_128_HMAC_SHA1_80", 1, 30)
	for name, c := range map[string]struct {
		sdp  string
		want [3]any
	}{
		"AVP":               {audioAt + "RTP/AVP 0", [3]any{media.NoSuite, media.NoSuite, ErrPlain}},
		"AVP with key":      {audioAt + "RTP/AVP 0" + sha, [3]any{media.NoSuite, media.AES128SHA80, ErrPlain}},
		"SAVP":              {audioAt + "RTP/SAVP 0" + gcm, [3]any{ErrSecure, media.AES128GCM, media.AES128GCM}},
		"two keys":          {audioAt + "RTP/SAVP 0" + gcm + sha, [3]any{ErrSecure, media.AES128GCM, media.AES128GCM}},
		"no key":            {audioAt + "RTP/SAVP 0", [3]any{ErrSecure, ErrNoKey, ErrNoKey}},
		"another tag":       {audioAt + "RTP/SAVP 0" + cryptoLine("1", "AES_CM_128_HMAC_SHA1_80", 1, 30), [3]any{ErrSecure, errNoReply, errNoReply}},
		"not offered":       {audioAt + "RTP/SAVP 0" + cryptoLine("4", "AES_CM_128_HMAC_SHA1_32", 1, 30), [3]any{ErrSecure, errNoReply, errNoReply}},
		"AVP, not offered":  {audioAt + "RTP/AVP 0" + cryptoLine("9", "AES_CM_128_HMAC_SHA1_80", 1, 30), [3]any{media.NoSuite, errNoReply, ErrPlain}},
		"AVP beside a SAVP": {audioAt + "RTP/AVP 0\nm=audio 0 RTP/SAVP 0", [3]any{media.NoSuite, media.NoSuite, ErrPlain}},
	} {
		for p, want := range c.want {
			l := with(Policy(p))
			n, err := media.Negotiated{}, error(nil)
			a, err := Policy(p).Parse([]byte(c.sdp))
			if err == nil {
				n, err = Accept(l, a)
			}
			if e, bad := want.(error); bad && !errors.Is(err, e) || !bad && (err != nil || n.Protection.Suite != want) {
				t.Errorf("%s, srtp %s: %s, %v; want %v", name, Policy(p), n.Protection, err, want)
			}
			if n.Protection.On() && (n.Protection.Send != keyOfSuite(l, n.Protection.Suite) || n.Protection.Receive[0] != 1) {
				t.Errorf("%s: the keys are mixed up", name)
			}
		}
	}
}

func keyOfSuite(l Local, s media.Suite) media.Key {
	for _, c := range l.Keys {
		if c.Suite == s {
			return c.Key
		}
	}
	return media.Key{}
}
