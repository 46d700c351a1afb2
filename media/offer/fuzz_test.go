package offer

import (
	"bytes"
	"testing"

	"roomline/media"
)

func seeds(f *testing.F) {
	f.Add(read(f, "asterisk-offer.sdp"))
	f.Add(read(f, "asterisk-answer.sdp"))
	f.Add(read(f, "freeswitch-savp-beside-avp.sdp"))
	f.Add(read(f, "lync.sdp"))
	f.Add(read(f, "chrome.sdp"))
	f.Add([]byte("v=0\nc=IN IP4 0.0.0.0\nm=image 5 udptl t38\nm=audio 4000/2 RTP/AVP 0 8 96\na=rtpmap:96 opus/48000/2\na=inactive"))
	f.Add([]byte("m=audio 1 RTP/SAVP 0\na=crypto:1 x\nc=IN IP6 ::1"))
	f.Add([]byte("m=audio 65535 RTP/AVP 127 128 -1\na=rtpmap:127 /1/1\na=fmtp:127"))
}

func FuzzParse(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, sdp []byte) {
		for _, p := range []Policy{Off, Optional, Required, WebRTC} {
			a, err := p.Parse(sdp)
			if err != nil {
				continue
			}
			if !a.Addr.IsValid() || a.Addr.Port() == 0 || a.Index >= len(a.Lines) || len(a.Lines) > maxStreams {
				t.Fatalf("took %q as %+v", sdp, a)
			}
			if p == Off && (a.Secure || len(a.Keys) > 0) || a.Secure && len(a.Keys) == 0 && p != WebRTC || p == WebRTC && !a.web.complete() || p == Required && !a.Secure || len(a.Keys) > maxCrypto {
				t.Fatalf("srtp %s took %q as %+v", p, sdp, a)
			}
			if len(a.Codecs)+len(a.Events) > maxFormats || a.Ptime <= 0 || a.Ptime > maxPtime {
				t.Fatalf("limits passed: %+v", a)
			}
		}
	})
}

// FuzzAnswer proves that whatever we read, our answer can be read again under
// the same policy, is protected as we believe, and repeats nothing but its m=
// lines.
func FuzzAnswer(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, sdp []byte) {
		for _, p := range []Policy{Off, Optional, Required, WebRTC} {
			a, err := p.Parse(sdp)
			if err != nil {
				continue
			}
			for _, pick := range []media.Format{media.PCMU, media.PCMA, media.G722, media.Opus} {
				if answer, n, err := Answer(a, with(p), pick); err == nil {
					readAgain(t, p, a, pick, answer, n)
				}
			}
		}
	})
}

func readAgain(t *testing.T, p Policy, a Audio, pick media.Format, answer []byte, n media.Negotiated) {
	t.Helper()
	if bytes.Count(answer, []byte("\r\nm=")) != len(a.Lines) {
		t.Fatalf("%d streams answered with\n%s", len(a.Lines), answer)
	}
	back, err := p.Parse(answer)
	if err != nil || back.Index != a.Index || len(back.Codecs) != 1 || !back.Codecs[0].Format.Same(pick) {
		t.Fatalf("our answer reads as %+v, %v\n%s", back, err, answer)
	}
	if n.Remote != a.Addr || n.SendPT != back.Codecs[0].PT {
		t.Fatalf("negotiated %+v", n)
	}
	if p == WebRTC {
		if !n.Handshake.On() || n.Handshake.Fingerprint != a.web.fingerprint || n.Protection.On() || back.web.setup == a.web.setup || !back.web.complete() {
			t.Fatalf("negotiated %+v, answered\n%s", n, answer)
		}
		return
	}
	keys := bytes.Count(answer, []byte("\r\na=crypto:"))
	switch {
	case n.Protection.On() != (keys == 1) || keys > 1 || p == Off && keys > 0 || p == Required && keys == 0 || back.Secure && keys == 0:
		t.Fatalf("srtp %s, negotiated %s, answered\n%s", p, n.Protection, answer)
	case keys == 1 && (back.Keys[0].Key != n.Protection.Send || n.Protection.Send == n.Protection.Receive):
		t.Fatal("the keys are mixed up")
	}
}
