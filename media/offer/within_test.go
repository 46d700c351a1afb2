package offer

import (
	"errors"
	"strings"
	"testing"

	"roomline/media"
)

// A far end that sends our own key back would have both directions encrypted
// alike (RFC 3711 §9.1).
func TestOurOwnKeyIsRefused(t *testing.T) {
	l := with(Required)
	echo := strings.Replace(string(Offer(l)), "127.0.0.9", "127.0.0.1", 2)
	a, err := Required.Parse([]byte(echo))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Accept(l, a); !errors.Is(err, ErrOurKey) {
		t.Errorf("accepted, %v", err)
	}
	l.Agreed = media.Protection{Suite: media.AES256GCM, Send: l.Keys[0].Key}
	if _, _, err := Answer(a, l, media.PCMU); !errors.Is(err, ErrOurKey) {
		t.Errorf("answered, %v", err)
	}
}

// R6, pjsip 300-323: within an encrypted call neither a re-INVITE nor an UPDATE
// drops to AVP or to a weaker suite, under any policy.
func TestNothingWeakensACall(t *testing.T) {
	for _, p := range []Policy{Optional, Required} {
		l := with(p)
		l.Agreed = media.Protection{Suite: media.AES128GCM, Send: media.Key{9}, Receive: media.Key{8}}
		plain := map[string]error{"RTP/AVP 0": ErrWeaker, "RTP/SAVP 0" + cryptoLine("1", "AES_CM_128_HMAC_SHA1_80", 1, 30): ErrWeaker}
		for sdp, want := range plain {
			a, err := p.Parse([]byte(audioAt + sdp))
			if err == nil {
				_, _, err = Answer(a, l, media.PCMU)
			}
			if !errors.Is(err, want) && !errors.Is(err, ErrPlain) {
				t.Errorf("%s: %q was answered, %v", p, sdp, err)
			}
			if a, err = p.Parse([]byte(audioAt + sdp)); err == nil {
				_, err = Accept(l, a)
			}
			if err == nil {
				t.Errorf("%s: %q was accepted", p, sdp)
			}
		}
		a, err := p.Parse([]byte(audioAt + "RTP/SAVP 0" + cryptoLine("1", "AES_CM_128_HMAC_SHA1_80", 1, 30) + cryptoLine("2", "AEAD_AES_256_GCM", 1, 44)))
		if err != nil {
			t.Fatal(err)
		}
		if _, n, err := Answer(a, l, media.PCMU); err != nil || n.Protection.Suite != media.AES256GCM {
			t.Errorf("%s: upwards it is %s, %v", p, n.Protection, err)
		}
		l.Renew(media.AES256GCM, media.AES128GCM, media.AES256SHA80, media.AES128SHA80)
		if len(l.Keys) != 2 || l.Keys[1].Suite != media.AES128GCM {
			t.Errorf("offers %d suites in the call", len(l.Keys))
		}
	}
}

// Our key stays while theirs does, and in an offer of ours within the call; it
// is new with each key of theirs.
func TestKeysWithinACall(t *testing.T) {
	ask := func(first byte) Audio {
		a, err := Required.Parse([]byte(audioAt + "RTP/SAVP 0" + cryptoLine("1", "AES_CM_128_HMAC_SHA1_80", first, 30)))
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	l := with(Required)
	_, one, _ := Answer(ask(1), l, media.PCMU)
	l.Agreed = one.Protection
	if _, two, _ := Answer(ask(1), l, media.PCMU); two.Protection != one.Protection {
		t.Error("a refresh changed the key")
	}
	if _, three, err := Answer(ask(7), l, media.PCMU); err != nil || three.Protection.Send == one.Protection.Send || three.Protection.Receive[0] != 7 {
		t.Errorf("a new key of theirs: %v", err)
	}
	l.Keep()
	if len(l.Keys) != 1 || l.Keys[0].Key != one.Protection.Send || l.Keys[0].Suite != media.AES128SHA80 {
		t.Error("an offer within the call is not for its key")
	}
	l.Proto = "RTP/SAVPF"
	if !strings.Contains(string(Offer(l)), "RTP/SAVPF 0") {
		t.Error("nor in its profile")
	}
	l.Agreed = media.Protection{}
	if l.Keep(); len(l.Keys) != 0 {
		t.Error("a plain call offers keys")
	}
}
