package peer

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"roomline/media"
)

func contains(t *testing.T, text string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("no %q in\n%s", w, text)
		}
	}
}

func lacks(t *testing.T, text string, not ...string) {
	t.Helper()
	for _, w := range not {
		if strings.Contains(text, w) {
			t.Errorf("%q in\n%s", w, text)
		}
	}
}

func chromeOffer(t testing.TB) string {
	t.Helper()
	b, err := os.ReadFile("testdata/chrome-offer.sdp")
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(b), "\r\n", "\n")
}

// edited replaces pairs of old and new text.
func edited(text string, pairs ...string) string { return strings.NewReplacer(pairs...).Replace(text) }

const print1 = "a=fingerprint:sha-256 67:4E:93:2D:7E:51:CE:A4:04:5C:12:A8:B9:A1:7B:6F:0E:3F:B8:A4:1F:EE:96:4B:C9:54:39:77:09:5D:20:3F\n"

// TestFormats, and what is refused: no sha-256 fingerprint (R8), and whatever is
// too long or too much (R9).
func TestFormats(t *testing.T) {
	chrome := chromeOffer(t)
	all := []media.Format{media.Opus, media.G722, media.PCMU, media.PCMA}
	section := chrome[strings.Index(chrome, "m=audio"):]
	for name, c := range map[string]struct {
		offer string
		want  []media.Format
		err   error
	}{
		"chrome":             {chrome, all, nil},
		"crlf":               {strings.ReplaceAll(chrome, "\n", "\r\n"), all, nil},
		"no final line end":  {strings.TrimSpace(chrome), all, nil},
		"static types":       {edited(chrome, "a=rtpmap:0 PCMU/8000\n", "", "a=rtpmap:8 PCMA/8000\n", ""), all, nil},
		"spelled otherwise":  {edited(chrome, "opus/48000/2", "OPUS/48000/2", "PCMU/8000", "pcmu/8000/1"), all, nil},
		"session level":      {edited(chrome, print1, "", "t=0 0\n", "t=0 0\n"+print1), all, nil},
		"empty":              {"", nil, ErrNoAudio},
		"refused audio":      {edited(chrome, "m=audio 40598", "m=audio 0"), nil, ErrNoAudio},
		"bundle only":        {edited(chrome, "m=audio 40598", "m=audio 0", "a=mid:0\n", "a=mid:0\na=bundle-only\n"), all, nil},
		"plain RTP":          {edited(chrome, "UDP/TLS/RTP/SAVPF", "RTP/AVP"), nil, ErrNoAudio},
		"video only":         {edited(chrome, "m=audio", "m=video"), nil, ErrNoAudio},
		"no fingerprint":     {edited(chrome, print1, ""), nil, ErrNoFingerprint},
		"sha-1 only":         {edited(chrome, "fingerprint:sha-256", "fingerprint:sha-1"), nil, ErrNoFingerprint},
		"short fingerprint":  {edited(chrome, "67:4E:93", "67:4E"), nil, ErrNoFingerprint},
		"no ufrag":           {edited(chrome, "a=ice-ufrag:De2b\n", ""), nil, ErrNoCredentials},
		"long ufrag":         {edited(chrome, "De2b", strings.Repeat("x", 300)), nil, ErrNoCredentials},
		"too many bytes":     {chrome + "a=x:" + strings.Repeat("x", maxDescription) + "\n", nil, ErrTooLarge},
		"too many lines":     {chrome + strings.Repeat("a=x\n", maxLines), nil, ErrTooLarge},
		"too many sections":  {chrome + strings.Repeat(section, maxSections), nil, ErrTooLarge},
		"payload type 300":   {edited(chrome, "SAVPF 111", "SAVPF 300 111"), all, nil},
		"no format we know":  {edited(chrome, "SAVPF 111 63 9 0 8 13 110 126", "SAVPF 63 13"), nil, nil},
		"telephone-event":    {edited(chrome, "SAVPF 111 63 9 0 8 13", "SAVPF 13"), nil, nil},
		"the same one twice": {edited(chrome, "SAVPF 111", "SAVPF 111 96", "a=rtpmap:63", "a=rtpmap:96 opus/48000/2\na=rtpmap:63"), all, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Formats(c.offer)
			if name == "empty" && err != nil {
				return // any error will do
			}
			if !errors.Is(err, c.err) || err == nil && !slices.Equal(got, c.want) {
				t.Errorf("got %v, %v; want %v, %v", got, err, c.want, c.err)
			}
		})
	}
}

// T8, as far as session descriptions of clients go; media/offer fuzzes those of trunks.
func FuzzFormats(f *testing.F) {
	chrome := chromeOffer(f)
	f.Add(chrome)
	f.Add(edited(chrome, "m=audio", "m=video 9 UDP/TLS/RTP/SAVPF 96\na=mid:v\nm=audio"))
	f.Add("v=0\r\no=- 0 0 IN IP4 0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE\r\nm=audio 9 TLS 0\r\n")
	f.Fuzz(func(t *testing.T, offer string) {
		formats, err := Formats(offer)
		if err != nil {
			return
		}
		d, err := parse(offer, "")
		if err != nil {
			t.Fatal("parsed once, then not")
		}
		for _, pick := range formats {
			list, err := d.pick(pick)
			if err != nil {
				t.Fatalf("%v was listed, but cannot be picked", pick)
			}
			// What pion is given must itself be sound.
			if p, err := parse(d.plain(list), ""); err != nil || !slices.Contains(p.formats(), pick) {
				t.Fatalf("own copy: %v\n%s", err, d.plain(list))
			}
		}
	})
}

func TestAnswerToChromeHasOneFormatAndItsEvents(t *testing.T) {
	for _, c := range []struct {
		pick media.Format
		line string
		want []string
	}{
		{media.PCMU, "SAVPF 0 126", []string{"a=rtpmap:0 PCMU/8000\r\n", "a=rtpmap:126 telephone-event/8000\r\n"}},
		{media.G722, "SAVPF 9 126", []string{"a=rtpmap:9 G722/8000\r\n", "a=rtpmap:126 telephone-event/8000\r\n"}},
		{media.Opus, "SAVPF 111 110", []string{"a=rtpmap:111 opus/48000/2\r\n", "a=rtpmap:110 telephone-event/48000\r\n", "useinbandfec=1"}},
	} {
		f := newFactory(t)
		p, answer, err := f.Answer(chromeOffer(t), c.pick, newStates().on)
		if err != nil {
			t.Fatal(err)
		}
		contains(t, answer, append(c.want, "m=audio 9 UDP/TLS/RTP/"+c.line+"\r\n", "a=setup:active\r\n", "a=mid:0\r\n", "a=sendrecv\r\n",
			"a=group:BUNDLE 0\r\n", "a=msid:"+p.StreamID()+" ", "a=rtcp-mux\r\n", "a=end-of-candidates\r\n", "a=fingerprint:sha-256 ")...)
		if n := strings.Count(answer, "a=rtpmap:"); n != 2 {
			t.Errorf("%d rtpmaps in\n%s", n, answer)
		}
		lacks(t, answer, "usedtx", "extmap:", "red/", "transport-cc")
		closeTwice(t, p)
	}
}

func TestAnswerFallsBackToTheOtherEventClock(t *testing.T) {
	f := newFactory(t)
	p, answer, err := f.Answer(edited(chromeOffer(t), "13 110 126", "13 110"), media.PCMU, newStates().on)
	if err != nil {
		t.Fatal(err)
	}
	defer closeTwice(t, p)
	contains(t, answer, "SAVPF 0 110\r\n", "a=rtpmap:110 telephone-event/48000\r\n")
}

// section is the part of a description that begins with m.
func section(t *testing.T, text, m string) string {
	t.Helper()
	_, rest, ok := strings.Cut(text, "\r\nm="+m)
	if !ok {
		t.Fatalf("no %s in\n%s", m, text)
	}
	part, _, _ := strings.Cut(rest, "\r\nm=")
	return "m=" + m + part + "\r\n"
}

const (
	videoSection = "m=video 9 UDP/TLS/RTP/SAVPF 96 97\nc=IN IP4 0.0.0.0\na=mid:v\na=sendrecv\na=rtpmap:96 VP8/90000\na=rtpmap:97 rtx/90000\n"
	dataSection  = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\nc=IN IP4 0.0.0.0\na=mid:d\na=sctp-port:5000\n"
)

// TestAnswerRefusesOtherSectionsByName: T43.
func TestAnswerRefusesOtherSectionsByName(t *testing.T) {
	f := newFactory(t)
	p, answer, err := f.Answer(edited(chromeOffer(t), "BUNDLE 0", "BUNDLE 0 v d")+videoSection+dataSection, media.PCMA, newStates().on)
	if err != nil {
		t.Fatal(err)
	}
	defer closeTwice(t, p)
	video, data := section(t, answer, "video"), section(t, answer, "application")
	contains(t, video, "m=video 0 UDP/TLS/RTP/SAVPF 96\r\n", "c=IN IP4 0.0.0.0\r\n", "a=mid:v\r\n", "a=rtpmap:96 VP8/90000\r\n", "a=inactive\r\n")
	lacks(t, video, "ice-", "candidate")
	contains(t, section(t, answer, "audio"), "SAVPF 8 126\r\n", "a=mid:0\r\n", "a=sendrecv\r\n", "a=candidate:")
	contains(t, data, " 0 UDP/DTLS/SCTP webrtc-datachannel\r\n", "a=mid:d\r\n", "a=inactive\r\n")
	contains(t, answer, "a=group:BUNDLE 0\r\n")
}

// TestAnswerKeepsTheSectionThatCarriesTheBundle: Chrome, which puts everything
// on the transport of the first section, takes no answer without it.
func TestAnswerKeepsTheSectionThatCarriesTheBundle(t *testing.T) {
	f := newFactory(t)
	offer := edited(chromeOffer(t), "BUNDLE 0", "BUNDLE v 0 d", "m=audio", videoSection+"m=audio") + dataSection
	p, answer, err := f.Answer(offer, media.PCMA, newStates().on)
	if err != nil {
		t.Fatal(err)
	}
	defer closeTwice(t, p)
	contains(t, section(t, answer, "video"), "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n", "a=mid:v\r\n", "a=inactive\r\n", "a=ice-ufrag:", "a=rtcp-mux\r\n",
		"a=setup:active\r\n", "a=candidate:")
	contains(t, section(t, answer, "application"), "m=application 0 ")
	contains(t, answer, "a=group:BUNDLE v 0\r\n")
}

func TestAnswerWithoutMidOrBundle(t *testing.T) {
	f := newFactory(t)
	p, answer, err := f.Answer(edited(chromeOffer(t), "a=mid:0\n", "", "a=group:BUNDLE 0\n", ""), media.PCMU, newStates().on)
	if err != nil {
		t.Fatal(err)
	}
	defer closeTwice(t, p)
	lacks(t, answer, "a=mid", "a=group")
}

// TestOnlyTheConfiguredAddressIsTold: R11.
func TestOnlyTheConfiguredAddressIsTold(t *testing.T) {
	for name, public := range map[string]string{"own": "", "behind NAT": "203.0.113.7"} {
		t.Run(name, func(t *testing.T) {
			f := newFactory(t, func(c *Config) { c.PublicIP = public })
			p, offer, err := f.Offer([]media.Format{media.PCMU}, newStates().on)
			if err != nil {
				t.Fatal(err)
			}
			defer closeTwice(t, p)
			want := public
			if want == "" {
				want = "127.0.0.1"
			}
			found := 0
			for line := range strings.Lines(offer) {
				if strings.HasPrefix(line, "a=candidate:") {
					found++
					contains(t, line, " "+want+" ", " typ host")
				}
			}
			if found == 0 {
				t.Errorf("no candidate in\n%s", offer)
			}
			if public != "" {
				lacks(t, offer, "127.0.0.1")
			}
		})
	}
}
