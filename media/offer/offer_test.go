package offer

import (
	"errors"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"roomline/media"
)

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func parse(t testing.TB, sdp []byte) Audio {
	t.Helper()
	a, err := Parse(sdp)
	if err != nil {
		t.Fatalf("Parse: %v\n%s", err, sdp)
	}
	return a
}

func local(formats ...media.Format) Local {
	return Local{Addr: netip.MustParseAddrPort("127.0.0.9:40000"), Formats: formats, SessionID: 7, Version: 1}
}

// lines joins as the wire has them.
func lines(l ...string) string { return strings.Join(l, "\r\n") + "\r\n" }

func TestOfferOfAsterisk(t *testing.T) {
	a := parse(t, read(t, "asterisk-offer.sdp"))
	if a.Addr.String() != "127.7.0.1:20400" || a.Direction != SendRecv || a.Ptime != 20*time.Millisecond || a.Secure {
		t.Errorf("read as %+v", a)
	}
	var names []string
	for _, f := range a.Formats() {
		names = append(names, f.Name)
	}
	if got := strings.Join(names, " "); got != "opus G722 PCMU PCMA" {
		t.Errorf("formats in order %q", got)
	}
	if len(a.Events) != 2 || a.Events[0].PT != 101 || a.Events[0].Format.ClockRate != 48000 || a.Events[0].Fmtp != "0-16" {
		t.Errorf("events %+v", a.Events)
	}
}

func TestAnswerToAsterisk(t *testing.T) {
	a := parse(t, read(t, "asterisk-offer.sdp"))
	sdp, n, err := Answer(a, local(media.PCMU), media.PCMU)
	if err != nil {
		t.Fatal(err)
	}
	want := lines("v=0", "o=- 7 1 IN IP4 127.0.0.9", "s=-", "c=IN IP4 127.0.0.9", "t=0 0",
		"m=audio 40000 RTP/AVP 0 102", "a=rtpmap:0 PCMU/8000",
		"a=rtpmap:102 telephone-event/8000", "a=fmtp:102 0-16", "a=ptime:20", "a=sendrecv")
	if string(sdp) != want {
		t.Errorf("answered\n%s\nwant\n%s", sdp, want)
	}
	expect := media.Negotiated{Format: media.PCMU, Event: true, EventClock: 8000, SendEventPT: 102, RecvEventPT: 102,
		Ptime: 20 * time.Millisecond, Remote: a.Addr, Send: true, Receive: true}
	if n != expect {
		t.Errorf("negotiated %+v", n)
	}
}

func TestAnswerTakesTheEventOfTheCodecsClock(t *testing.T) {
	a := parse(t, read(t, "asterisk-offer.sdp"))
	sdp, n, err := Answer(a, local(), media.Opus)
	if err != nil || n.SendPT != 107 || n.EventClock != 48000 || n.RecvEventPT != 101 {
		t.Fatalf("%+v, %v", n, err)
	}
	for _, want := range []string{"m=audio 40000 RTP/AVP 107 101\r\n", "a=rtpmap:107 opus/48000/2\r\n", "a=fmtp:107 useinbandfec=1\r\n"} {
		if !strings.Contains(string(sdp), want) {
			t.Errorf("no %q in\n%s", want, sdp)
		}
	}
	a.Events = a.Events[1:]
	if _, n, _ = Answer(a, local(), media.Opus); n.EventClock != 8000 || n.SendEventPT != 102 {
		t.Errorf("with 8000 alone: %+v", n)
	}
	a.Events = nil
	if _, n, _ = Answer(a, local(), media.Opus); n.Event {
		t.Errorf("with none: %+v", n)
	}
}

func TestOurOfferIsWhatWeWouldAccept(t *testing.T) {
	l := local(media.Opus, media.G722, media.PCMA, media.PCMU)
	want := lines("v=0", "o=- 7 1 IN IP4 127.0.0.9", "s=-", "c=IN IP4 127.0.0.9", "t=0 0",
		"m=audio 40000 RTP/AVP 107 9 8 0 101 102", "a=rtpmap:107 opus/48000/2", "a=fmtp:107 useinbandfec=1",
		"a=rtpmap:9 G722/8000", "a=rtpmap:8 PCMA/8000", "a=rtpmap:0 PCMU/8000",
		"a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-16",
		"a=rtpmap:102 telephone-event/48000", "a=fmtp:102 0-16", "a=ptime:20", "a=sendrecv")
	sdp := Offer(l)
	if string(sdp) != want {
		t.Errorf("offered\n%s", sdp)
	}
	if got := parse(t, sdp).Formats(); len(got) != 4 {
		t.Errorf("we read our own offer as %v", got)
	}
	if strings.Contains(string(Offer(local(media.PCMU))), "48000") {
		t.Error("a 48 kHz telephone-event is offered without opus")
	}
	l.Addr = netip.MustParseAddrPort("[2001:db8::1]:40000")
	if !strings.Contains(string(Offer(l)), "c=IN IP6 2001:db8::1\r\n") {
		t.Error("an IPv6 address is not offered as IP6")
	}
}

func TestAcceptAsterisk(t *testing.T) {
	n, err := Accept(local(media.G722, media.PCMU), parse(t, read(t, "asterisk-answer.sdp")))
	if err != nil || n.Format != media.G722 || n.SendPT != 9 || n.RecvPT != 9 || n.EventClock != 8000 {
		t.Errorf("%+v, %v", n, err)
	}
	_, err = Accept(local(media.PCMU), parse(t, read(t, "asterisk-answer.sdp")))
	if !errors.Is(err, ErrNoCommon) {
		t.Errorf("without G722: %v", err)
	}
}

func TestAcceptKeepsEachDirectionsNumbers(t *testing.T) {
	answer := parse(t, []byte("c=IN IP4 127.0.0.1\nm=audio 5000 RTP/AVP 96 97\na=rtpmap:96 OPUS/48000/2\na=rtpmap:97 telephone-event/48000"))
	n, err := Accept(local(media.Opus), answer)
	if err != nil || n.SendPT != 96 || n.RecvPT != 107 || n.SendEventPT != 97 || n.RecvEventPT != 102 {
		t.Errorf("%+v, %v", n, err)
	}
	unnamed := parse(t, []byte("c=IN IP4 127.0.0.1\nm=audio 5000 RTP/AVP 107"))
	if n, err := Accept(local(media.Opus), unnamed); err != nil || n.Format != media.Opus || n.Event {
		t.Errorf("a number of ours without rtpmap: %+v, %v", n, err)
	}
}

func TestAnswerRefusesWhatWasNotOffered(t *testing.T) {
	_, _, err := Answer(parse(t, read(t, "asterisk-answer.sdp")), local(), media.PCMA)
	if !errors.Is(err, ErrNoCommon) {
		t.Errorf("got %v", err)
	}
}

// A far end of the other address family would hear nothing and be unheard.
func TestFamiliesMustMatch(t *testing.T) {
	six := parse(t, []byte("c=IN IP6 2001:db8::1\nm=audio 5000 RTP/AVP 0"))
	if _, _, err := Answer(six, local(), media.PCMU); !errors.Is(err, ErrFamily) {
		t.Errorf("answered with %v", err)
	}
	if _, err := Accept(local(media.PCMU), six); !errors.Is(err, ErrFamily) {
		t.Errorf("accepted with %v", err)
	}
	for _, ok := range []string{"c=IN IP6 ::ffff:192.0.2.1", "c=IN IP6 ::", "c=IN IP4 0.0.0.0"} {
		if _, _, err := Answer(parse(t, []byte(ok+"\nm=audio 5000 RTP/AVP 0")), local(), media.PCMU); err != nil {
			t.Errorf("%s: %v", ok, err)
		}
	}
}

func six() netip.AddrPort { return netip.MustParseAddrPort("[2001:db8::1]:40000") }
