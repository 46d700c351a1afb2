package offer

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"roomline/media"
)

// Descriptions as exchanges, carriers' gateways and telephones write them, with
// what is read from each under srtp: optional.
var samples = map[string]struct {
	formats string // those we know, in order
	events  int
	suite   string // of our answer; empty: plain
	dir     Direction
	ptime   int   // ms
	err     error // under srtp: optional
	off     error // under srtp: off
}{
	"asterisk-offer":             {"opus G722 PCMU PCMA", 2, "", SendRecv, 20, nil, nil},
	"asterisk-answer":            {"G722", 1, "", SendRecv, 20, nil, nil},
	"asterisk-sdes":              {"PCMA PCMU", 1, "AES_CM_128_HMAC_SHA1_80", SendRecv, 20, nil, ErrSecure},
	"asterisk-optimistic":        {"PCMA", 1, "AES_CM_128_HMAC_SHA1_80", SendRecv, 20, nil, nil},
	"asterisk-t38":               {err: ErrNoAudio, off: ErrNoAudio},
	"freeswitch-savp-beside-avp": {"opus G722 PCMU PCMA", 2, "AES_256_CM_HMAC_SHA1_80", SendRecv, 20, nil, nil},
	"freeswitch-hold":            {"PCMU", 1, "", SendOnly, 20, nil, nil},
	"cisco-cube":                 {"PCMU PCMA", 1, "", SendRecv, 20, nil, nil},
	"cisco-cucm-cac":             {"G722 PCMU PCMA", 1, "AEAD_AES_256_GCM", SendRecv, 20, nil, ErrSecure},
	"twilio":                     {"PCMU PCMA", 1, "", SendRecv, 20, nil, nil},
	"twilio-secure":              {"PCMU PCMA", 1, "AES_CM_128_HMAC_SHA1_80", SendRecv, 20, nil, ErrSecure},
	"telnyx":                     {"G722 PCMU PCMA", 1, "", SendRecv, 20, nil, nil},
	"ribbon-sbc":                 {"PCMA PCMU", 1, "", SendRecv, 20, nil, nil},
	"metaswitch":                 {"PCMU", 1, "", SendRecv, 20, nil, nil},
	"audiocodes":                 {"PCMA PCMU", 1, "AES_CM_128_HMAC_SHA1_80", SendRecv, 20, nil, nil},
	"fritzbox":                   {"G722 PCMA PCMU", 1, "", SendRecv, 20, nil, nil},
	"grandstream":                {"PCMU PCMA G722 opus", 1, "AES_CM_128_HMAC_SHA1_80", SendRecv, 20, nil, ErrSecure},
	"yealink":                    {"G722 PCMU PCMA", 1, "AES_CM_128_HMAC_SHA1_80", SendRecv, 20, nil, ErrSecure},
	"linphone":                   {"opus PCMU PCMA", 3, "AES_CM_128_HMAC_SHA1_80", SendRecv, 20, nil, ErrSecure},
	"baresip":                    {"PCMA PCMU", 1, "AES_CM_128_HMAC_SHA1_80", SendRecv, 20, nil, ErrSecure},
	"lync":                       {"PCMU PCMA", 1, "AES_CM_128_HMAC_SHA1_80", SendRecv, 20, nil, ErrSecure},
	"old-polycom":                {"G722 PCMU PCMA", 1, "", SendRecv, 30, nil, nil},
	"gateway-fax-offered-along":  {"PCMA", 1, "", SendRecv, 20, nil, nil},
	"old-hold":                   {"PCMU", 0, "", SendOnly, 20, nil, nil},
	"chrome":                     {err: ErrNoKey, off: ErrSecure},
}

func TestSamples(t *testing.T) {
	files, err := filepath.Glob("testdata/*.sdp")
	if err != nil || len(files) != len(samples) {
		t.Fatalf("%d files for %d samples, %v", len(files), len(samples), err)
	}
	for name, want := range samples {
		sdp := read(t, name+".sdp")
		if _, err := Parse(sdp); !errors.Is(err, want.off) || err == nil != (want.off == nil) {
			t.Errorf("%s without encryption: %v, want %v", name, err, want.off)
		}
		a, err := Optional.Parse(sdp)
		if want.err != nil {
			if !errors.Is(err, want.err) {
				t.Errorf("%s: %v, want %v", name, err, want.err)
			}
			continue
		}
		if err != nil || names(a.Formats()) != want.formats || len(a.Events) != want.events ||
			a.Direction != want.dir || int(a.Ptime.Milliseconds()) != want.ptime {
			t.Errorf("%s is read as %+v, %v", name, a, err)
			continue
		}
		answerSample(t, name, sdp, a, want.suite)
	}
}

func names(formats []media.Format) string {
	var all []string
	for _, f := range formats {
		all = append(all, f.Name)
	}
	return strings.Join(all, " ")
}

// answerSample answers, in the family of the far end, and reads that again.
func answerSample(t *testing.T, name string, sdp []byte, a Audio, suite string) {
	t.Helper()
	l := with(Optional)
	if a.Addr.Addr().Is6() {
		l.Addr = six()
	}
	answer, n, err := Answer(a, l, a.Formats()[0])
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	if want, got := strings.Count("\n"+string(sdp), "\nm="), strings.Count(string(answer), "\nm="); want != got {
		t.Errorf("%s: %d streams are answered by %d", name, want, got)
	}
	if got := n.Protection.String(); got != suite && (suite != "" || n.Protection.On()) {
		t.Errorf("%s is answered by %s, want %s", name, got, suite)
	}
	back, err := Optional.Parse(answer)
	if err != nil || back.Index != a.Index || names(back.Formats()) != a.Formats()[0].Name || len(back.Keys) == 1 != n.Protection.On() {
		t.Errorf("%s: our answer is read as %+v, %v", name, back, err)
	}
}
