package offer

import (
	"errors"
	"strings"
	"testing"

	"roomline/media"
)

// A later offer of ours keeps every stream in its place (RFC 3264 §8), and
// every number at what it means (§8.3.2; asterisk-opus 21).
func TestOfferWithinASession(t *testing.T) {
	remote := parse(t, []byte("v=0\nc=IN IP4 127.0.0.1\nm=video 0 RTP/AVP 96\nm=audio 4000 RTP/AVP 101 8 110\n"+
		"a=rtpmap:101 opus/48000/2\na=rtpmap:110 telephone-event/48000\nm=image 0 udptl t38"))
	l := local(media.Opus)
	l.Lines, l.Index = remote.Lines, remote.Index
	l.Numbers = []Codec{{101, media.Opus, ""}, Event(110, 48000)}
	sdp := string(Offer(l))
	want := "m=video 0 RTP/AVP 96\r\nm=audio 40000 RTP/AVP 101 127 110\r\na=rtpmap:101 opus/48000/2\r\na=fmtp:101 useinbandfec=1\r\n" +
		"a=rtpmap:127 telephone-event/8000\r\n"
	if !strings.Contains(sdp, want) || !strings.HasSuffix(sdp, "m=image 0 udptl t38\r\n") {
		t.Errorf("offered\n%s", sdp)
	}
	n, err := Accept(l, parse(t, []byte("c=IN IP4 127.0.0.1\nm=audio 4000 RTP/AVP 99 100\na=rtpmap:99 opus/48000/2\na=rtpmap:100 telephone-event/48000")))
	if err != nil || n.SendPT != 99 || n.RecvPT != 101 || n.SendEventPT != 100 || n.RecvEventPT != 110 {
		t.Errorf("agreed on %+v, %v", n, err)
	}
}

func TestStoppedStream(t *testing.T) {
	for sdp, want := range map[string]error{
		"c=IN IP4 127.0.0.1\nm=audio 0 RTP/AVP 0":                             ErrStopped,
		"m=video 0 RTP/AVP 96\nm=audio 0 RTP/AVP 0":                           ErrStopped,
		"c=IN IP4 127.0.0.1\nm=audio 0 RTP/AVP 0\nm=image 5000 udptl t38":     ErrNoAudio, // a fax
		"c=IN IP4 127.0.0.1\nm=video 0 RTP/AVP 96":                            ErrNoAudio,
		"c=IN IP4 127.0.0.1\nm=audio 0 RTP/AVP 0\nm=audio 5000 RTP/SAVPF 0\n": ErrSecure,
	} {
		a, err := Parse([]byte(sdp))
		if !errors.Is(err, want) || want == ErrNoAudio && errors.Is(err, ErrStopped) {
			t.Errorf("%q: %v, want %v", sdp, err, want)
		}
		if want != ErrStopped {
			continue
		}
		answer := string(Stop(a, local(media.PCMU)))
		if strings.Count(answer, "m=") != len(a.Lines) || !strings.Contains(answer, "m=audio 0 RTP/AVP 0\r\n") {
			t.Errorf("answered\n%s", answer)
		}
	}
}
