package offer

import (
	"strings"
	"testing"

	"roomline/media"
)

// The exchanges of RFC 4317, seen from Bob, as far as they are audio: what he
// is offered, and what each of our answers' streams is. Video, and a second
// audio stream, are refused in their places.
func TestExamplesOfRFC4317(t *testing.T) {
	const (
		alice = "v=0\r\no=alice 2890844526 2890844526 IN IP4 127.0.0.2\r\ns=\r\nc=IN IP4 127.0.0.2\r\nt=0 0\r\n"
		both  = alice + "m=audio 49170 RTP/AVP 0 8 97\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:97 iLBC/8000\r\n" +
			"m=video 51372 RTP/AVP 31 32\r\na=rtpmap:31 H261/90000\r\na=rtpmap:32 MPV/90000\r\n"
		one = alice + "m=audio 49170 RTP/AVP 0 97\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:97 iLBC/8000\r\n"
	)
	for section, c := range map[string]struct {
		offer, formats, answer string
		send, receive          bool
	}{
		"2.1 audio and video":   {both, "PCMU PCMA", "audio 40000 0 sendrecv | video 0 31 32", true, true},
		"2.2 two codecs of it":  {strings.Replace(both, "0 8 97", "97 8", 1), "PCMA", "audio 40000 8 sendrecv | video 0 31 32", true, true},
		"2.3 video is refused":  {strings.Replace(both, "m=video 51372", "m=video 0", 1), "PCMU PCMA", "audio 40000 0 sendrecv | video 0 31 32", true, true},
		"2.4 two audio streams": {one + "m=audio 49172 RTP/AVP 98\r\na=rtpmap:98 telephone-event/8000\r\na=sendonly\r\n", "PCMU", "audio 40000 0 sendrecv | audio 0 98", true, true},
		"2.5 changed ports":     {strings.Replace(both, "49170", "49178", 1), "PCMU PCMA", "audio 40000 0 sendrecv | video 0 31 32", true, true},
		"2.6 one codec of two":  {one, "PCMU", "audio 40000 0 sendrecv", true, true},
		"3.1 hold":              {one + "a=sendonly\r\n", "PCMU", "audio 40000 0 recvonly", false, true},
		"3.1 hold by both":      {one + "a=inactive\r\n", "PCMU", "audio 40000 0 inactive", false, false},
		"3.1 unhold":            {one + "a=sendrecv\r\n", "PCMU", "audio 40000 0 sendrecv", true, true},
		"3.2 hold of two streams": {one + "a=sendonly\r\nm=audio 49172 RTP/AVP 98\r\na=rtpmap:98 telephone-event/8000\r\na=sendonly\r\n", "PCMU",
			"audio 40000 0 recvonly | audio 0 98", false, true},
		"4.1 a second stream is added":   {one + "m=audio 49172 RTP/AVP 98\r\na=rtpmap:98 telephone-event/8000\r\na=recvonly\r\n", "PCMU", "audio 40000 0 sendrecv | audio 0 98", true, true},
		"4.2 video is added":             {one + "m=video 49172 RTP/AVP 31\r\na=rtpmap:31 H261/90000\r\n", "PCMU", "audio 40000 0 sendrecv | video 0 31", true, true},
		"4.3 and taken away":             {one + "m=video 0 RTP/AVP 31\r\na=rtpmap:31 H261/90000\r\n", "PCMU", "audio 40000 0 sendrecv | video 0 31", true, true},
		"5.1 third party: on hold first": {strings.Replace(one, "c=IN IP4 127.0.0.2", "c=IN IP4 0.0.0.0", 1), "PCMU", "audio 40000 0 recvonly", false, true},
	} {
		a, err := Parse([]byte(c.offer))
		if err != nil || names(a.Formats()) != c.formats {
			t.Errorf("%s: %s, %v", section, names(a.Formats()), err)
			continue
		}
		answer, n, err := Answer(a, local(media.PCMU, media.PCMA), a.Formats()[0])
		if got := streams(string(answer)); err != nil || got != c.answer || n.Send != c.send || n.Receive != c.receive {
			t.Errorf("%s: answered %q, %v %v, %v", section, got, n.Send, n.Receive, err)
		}
	}
}

// streams is a description in one line: each m= line without its profile, and
// the direction of those that live.
func streams(sdp string) string {
	var all []string
	for line := range strings.SplitSeq(sdp, "\r\n") {
		if m, ok := strings.CutPrefix(line, "m="); ok {
			words := strings.Fields(m)
			all = append(all, strings.Join(append(words[:2:2], words[3:]...), " "))
		}
		for _, d := range []Direction{SendRecv, SendOnly, RecvOnly, Inactive} {
			if line == "a="+d.String() {
				all[len(all)-1] += " " + d.String()
			}
		}
	}
	return strings.Join(all, " | ")
}
