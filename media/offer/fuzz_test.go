package offer

import (
	"bytes"
	"testing"

	"roomline/media"
)

func seeds(f *testing.F) {
	f.Add(read(f, "asterisk-offer.sdp"))
	f.Add(read(f, "asterisk-answer.sdp"))
	f.Add([]byte("v=0\nc=IN IP4 0.0.0.0\nm=image 5 udptl t38\nm=audio 4000/2 RTP/AVP 0 8 96\na=rtpmap:96 opus/48000/2\na=inactive"))
	f.Add([]byte("m=audio 1 RTP/SAVP 0\na=crypto:1 x\nc=IN IP6 ::1"))
	f.Add([]byte("m=audio 65535 RTP/AVP 127 128 -1\na=rtpmap:127 /1/1\na=fmtp:127"))
}

func FuzzParse(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, sdp []byte) {
		a, err := Parse(sdp)
		if err != nil {
			return
		}
		if !a.Addr.IsValid() || a.Addr.Port() == 0 || a.Secure || a.Index >= len(a.Lines) || len(a.Lines) > maxStreams {
			t.Fatalf("took %q as %+v", sdp, a)
		}
		if len(a.Codecs)+len(a.Events) > maxFormats || a.Ptime <= 0 || a.Ptime > maxPtime {
			t.Fatalf("limits passed: %+v", a)
		}
	})
}

// FuzzAnswer proves that whatever we read, our answer can be read again and
// repeats nothing but its m= lines.
func FuzzAnswer(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, sdp []byte) {
		a, err := Parse(sdp)
		if err != nil {
			return
		}
		for _, pick := range []media.Format{media.PCMU, media.PCMA, media.G722, media.Opus} {
			answer, n, err := Answer(a, local(), pick)
			if err != nil {
				continue
			}
			if bytes.Count(answer, []byte("\r\nm=")) != len(a.Lines) {
				t.Fatalf("%d streams answered with\n%s", len(a.Lines), answer)
			}
			back, err := Parse(answer)
			if err != nil || back.Index != a.Index || len(back.Codecs) != 1 || !back.Codecs[0].Format.Same(pick) {
				t.Fatalf("our answer reads as %+v, %v\n%s", back, err, answer)
			}
			if n.Remote != a.Addr || n.SendPT != back.Codecs[0].PT {
				t.Fatalf("negotiated %+v", n)
			}
		}
	})
}
