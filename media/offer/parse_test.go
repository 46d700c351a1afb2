package offer

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"roomline/media"
)

func TestDirections(t *testing.T) {
	for _, c := range []struct {
		attribute, conn string
		wish            Direction
		answer          string
		send, receive   bool
	}{
		{"sendrecv", "127.0.0.1", SendRecv, "sendrecv", true, true},
		{"sendonly", "127.0.0.1", SendRecv, "recvonly", false, true},
		{"recvonly", "127.0.0.1", SendRecv, "sendonly", true, false},
		{"inactive", "127.0.0.1", SendRecv, "inactive", false, false},
		{"sendrecv", "0.0.0.0", SendRecv, "recvonly", false, true},
		{"recvonly", "0.0.0.0", SendRecv, "inactive", false, false},
		{"sendrecv", "127.0.0.1", SendOnly, "sendonly", true, false},
		{"sendonly", "127.0.0.1", SendOnly, "inactive", false, false},
		{"recvonly", "127.0.0.1", Inactive, "inactive", false, false},
	} {
		sdp := "v=0\nc=IN IP4 " + c.conn + "\nm=audio 4000 RTP/AVP 0\na=" + c.attribute
		l := local(media.PCMU)
		l.Direction = c.wish
		got, n, err := Answer(parse(t, []byte(sdp)), l, media.PCMU)
		if err != nil || n.Send != c.send || n.Receive != c.receive || !strings.Contains(string(got), "a="+c.answer+"\r\n") {
			t.Errorf("%+v: send %v receive %v, %v\n%s", c, n.Send, n.Receive, err, got)
		}
	}
}

func TestLenience(t *testing.T) {
	for name, sdp := range map[string]string{
		"no v, o, s or t":           "c=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 8\r\n",
		"b= before c=":              "v=0\r\nb=AS:64\r\nm=audio 4000 RTP/AVP 8\r\nb=AS:64\r\nc=IN IP4 127.0.0.1\r\n",
		"unknown lines":             "v=0\r\nx=what\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 8\r\ny=0\r\na=\r\n",
		"fax first":                 "v=0\r\nc=IN IP4 127.0.0.1\r\nm=image 5000 udptl t38\r\nm=audio 4000 RTP/AVP 8",
		"encrypted first":           "v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 5000 RTP/SAVP 8\r\nm=audio 4000 RTP/AVP 8",
		"refused first":             "v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 0 RTP/AVP 0\r\nm=audio 4000 RTP/AVP 8",
		"speechless first":          "v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 5000 RTP/AVP 18\r\nm=audio 4000 RTP/AVP 8",
		"blank and trailing blanks": "v=0 \n\nc=IN IP4 127.0.0.1 \nm=audio 4000/2 rtp/avp 8 8 \n\n",
		"name in session, IP below": "v=0\nc=IN IP4 pbx.example\nm=audio 4000 RTP/AVP 8\nc=IN IP4 127.0.0.1",
		"mapped address":            "v=0\nc=IN IP6 ::ffff:127.0.0.1\nm=audio 4000 RTP/AVP 8",
		"broken rtpmap of another":  "v=0\nc=IN IP4 127.0.0.1\nm=audio 4000 RTP/AVP 8 96\na=rtpmap:96 x/99999999999\na=ptime:0",
	} {
		a, err := Parse([]byte(sdp))
		if err != nil || a.Addr.String() != "127.0.0.1:4000" || len(a.Formats()) != 1 || a.Ptime != 20*time.Millisecond {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
	}
}

func TestRefusals(t *testing.T) {
	const c = "v=0\nc=IN IP4 127.0.0.1\n"
	for name, x := range map[string]struct {
		sdp  string
		want error
	}{
		"empty":          {"", ErrNoAudio},
		"fax":            {c + "m=image 4000 udptl t38", ErrNoAudio},
		"port 0":         {c + "m=audio 0 RTP/AVP 0", ErrNoAudio},
		"SDES":           {c + "m=audio 4000 RTP/SAVP 0\na=crypto:1 x", ErrSecure},
		"DTLS":           {c + "m=audio 4000 UDP/TLS/RTP/SAVPF 0", ErrSecure},
		"no c=":          {"v=0\nm=audio 4000 RTP/AVP 0", ErrSyntax},
		"host name":      {"v=0\nc=IN IP4 pbx.example\nm=audio 4000 RTP/AVP 0", ErrSyntax},
		"multicast":      {"v=0\nc=IN IP4 224.2.1.1/127\nm=audio 4000 RTP/AVP 0", ErrSyntax},
		"broadcast":      {"v=0\nc=IN IP4 255.255.255.255\nm=audio 4000 RTP/AVP 0", ErrSyntax},
		"zone":           {"v=0\nc=IN IP6 fe80::1%eth0\nm=audio 4000 RTP/AVP 0", ErrSyntax},
		"version":        {"v=1\nc=IN IP4 127.0.0.1\nm=audio 4000 RTP/AVP 0", ErrSyntax},
		"not SDP":        {"hello", ErrSyntax},
		"port too high":  {c + "m=audio 65536 RTP/AVP 0", ErrSyntax},
		"port below 0":   {c + "m=audio -1 RTP/AVP 0", ErrSyntax},
		"unprintable":    {c + "m=audio 4000 RTP/AVP 0\x01", ErrSyntax},
		"many streams":   {c + strings.Repeat("m=audio 0 RTP/AVP 0\n", 17), ErrTooLarge},
		"many lines":     {c + strings.Repeat("a=x\n", 2001), ErrTooLarge},
		"many bytes":     {c + "a=" + strings.Repeat("x", 32<<10), ErrTooLarge},
		"many formats":   {c + "m=audio 4000 RTP/AVP" + strings.Repeat(" 0", 65), ErrTooLarge},
		"a clipped m=":   {c + "m=audio", ErrSyntax},
		"c= of ATM form": {"c=ATM NSAP 47\nm=audio 4000 RTP/AVP 0", ErrSyntax},
	} {
		if _, err := Parse([]byte(x.sdp)); !errors.Is(err, x.want) {
			t.Errorf("%s: %v, want %v", name, err, x.want)
		}
	}
	_, err := Parse([]byte(c + "m=audio 65536 RTP/AVP 0"))
	if !strings.HasPrefix(fmt.Sprint(err), "line 3: ") {
		t.Errorf("the error names no line: %v", err)
	}
}

func TestOtherStreamsAreRefusedInPlace(t *testing.T) {
	sdp := "v=0\nc=IN IP4 127.0.0.1\nm=video 4002 RTP/AVP 99 100\nm=audio 4000 RTP/AVPF 8\nm=image 4004 udptl t38"
	got, _, err := Answer(parse(t, []byte(sdp)), local(), media.PCMA)
	if err != nil {
		t.Fatal(err)
	}
	var m []string
	for _, line := range strings.Split(string(got), "\r\n") {
		if strings.HasPrefix(line, "m=") {
			m = append(m, line)
		}
	}
	if s := strings.Join(m, "|"); s != "m=video 0 RTP/AVP 99 100|m=audio 40000 RTP/AVPF 8|m=image 0 udptl t38" {
		t.Errorf("streams %s", s)
	}
}

func TestPacketTime(t *testing.T) {
	for value, want := range map[string]time.Duration{"30": 30e6, "20": 20e6, "0": 20e6, "-5": 20e6, "201": 20e6, "99999999999": 20e6, "x": 20e6} {
		a := parse(t, []byte("c=IN IP4 127.0.0.1\nm=audio 4000 RTP/AVP 0\na=ptime:"+value))
		if a.Ptime != want {
			t.Errorf("ptime %s read as %v", value, a.Ptime)
		}
	}
}
