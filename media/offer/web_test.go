package offer

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"roomline/media"
)

func TestWebRTCOffer(t *testing.T) {
	sdp := string(Offer(with(WebRTC)))
	for _, want := range []string{"\r\na=ice-lite\r\nm=audio 40000 UDP/TLS/RTP/SAVPF 0 101\r\n", "\r\na=rtcp-mux\r\n", "\r\na=setup:actpass\r\n",
		"\r\na=ice-ufrag:ufrag\r\n", "\r\na=fingerprint:sha-256 AB:AB:", "\r\na=candidate:1 1 UDP 2130706431 127.0.0.9 40000 typ host\r\n"} {
		if !strings.Contains(sdp, want) {
			t.Errorf("no %q in\n%s", want, sdp)
		}
	}
	if strings.Contains(sdp, "crypto") {
		t.Errorf("keys are offered\n%s", sdp)
	}
}

// A browser's offer, before it knows where it is: c=0.0.0.0 is no hold there.
func TestWebRTCAnswer(t *testing.T) {
	chrome := read(t, "chrome.sdp")
	for setup, want := range map[string]struct {
		answer string
		client bool
	}{"actpass": {"active", true}, "passive": {"active", true}, "active": {"passive", false}} {
		a, err := WebRTC.Parse(bytes.Replace(chrome, []byte("actpass"), []byte(setup), 1))
		if err != nil {
			t.Fatal(err)
		}
		answer, n, err := Answer(a, with(WebRTC), media.PCMU)
		if err != nil || !n.Send || !n.Receive || n.Handshake.Client != want.client || !strings.Contains(string(answer), "a=setup:"+want.answer+"\r\n") ||
			!strings.HasPrefix(n.Handshake.Fingerprint, "19:E2:1C:") {
			t.Errorf("%s: %+v, %v\n%s", setup, n, err, answer)
		}
	}
}

// R8: what lacks a SHA-256 fingerprint, or anything else that it takes, is
// refused; so is any other profile, and WebRTC where it is not wished for.
func TestWebRTCNeeds(t *testing.T) {
	chrome := string(read(t, "chrome.sdp"))
	for name, sdp := range map[string]string{
		"SHA-1":            strings.Replace(chrome, "sha-256 19:", "sha-1 19:", 1),
		"short":            strings.Replace(chrome, "sha-256 19:", "sha-256 ", 1),
		"not hexadecimal":  strings.Replace(chrome, "sha-256 19:", "sha-256 XX:", 1),
		"no fingerprint":   strings.Replace(chrome, "a=fingerprint", "a=x", 1),
		"no setup":         strings.Replace(chrome, "a=setup", "a=x", 1),
		"holdconn":         strings.Replace(chrome, "actpass", "holdconn", 1),
		"no ICE":           strings.Replace(chrome, "a=ice-ufrag", "a=x", 1),
		"no rtcp-mux":      strings.Replace(chrome, "a=rtcp-mux", "a=x", 1),
		"RTP/AVP":          strings.Replace(chrome, "UDP/TLS/RTP/SAVPF", "RTP/AVP", 1),
		"keys in the text": strings.Replace(chrome, "UDP/TLS/RTP/SAVPF", "RTP/SAVP", 1) + "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + key(1, 30) + "\r\n",
	} {
		if _, err := WebRTC.Parse([]byte(sdp)); !errors.Is(err, ErrWeb) {
			t.Errorf("%s: %v", name, err)
		}
	}
	keyed := chrome + "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + key(1, 30) + "\r\n"
	for _, p := range []Policy{Off, Optional, Required} {
		if _, err := p.Parse([]byte(keyed)); err == nil {
			t.Errorf("srtp %s takes it", p)
		}
	}
	session := strings.Replace(chrome, "t=0 0", "t=0 0\r\na=setup:active\r\na=ice-ufrag:x\r\na=fingerprint:SHA-256 "+strings.Repeat("aa:", 31)+"aa", 1)
	for _, cut := range []string{"a=setup:actpass", "a=ice-ufrag:Wd5u", "a=fingerprint:sha-256 19"} {
		session = strings.Replace(session, cut, "a=x", 1)
	}
	if a, err := WebRTC.Parse([]byte(session)); err != nil || a.web.setup != "active" || !strings.HasPrefix(a.web.fingerprint, "AA:AA") {
		t.Errorf("what the session says for all: %+v, %v", a.web, err)
	}
}

// R8: within a call the certificate stays, and our part in the handshake.
func TestWebRTCWithinACall(t *testing.T) {
	chrome := read(t, "chrome.sdp")
	a, err := WebRTC.Parse(chrome)
	if err != nil {
		t.Fatal(err)
	}
	l := with(WebRTC)
	l.Greeted = media.Handshake{Fingerprint: a.web.fingerprint}
	answer, n, err := Answer(a, l, media.PCMU)
	if err != nil || n.Handshake != l.Greeted || !strings.Contains(string(answer), "a=setup:passive") {
		t.Errorf("%+v, %v", n, err)
	}
	swapped, err := WebRTC.Parse(bytes.Replace(chrome, []byte("19:E2"), []byte("20:E2"), 1))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Answer(swapped, l, media.PCMU); !errors.Is(err, ErrWeaker) {
		t.Errorf("answered, %v", err)
	}
	if _, err := Accept(l, swapped); !errors.Is(err, ErrWeaker) {
		t.Errorf("accepted, %v", err)
	}
}
