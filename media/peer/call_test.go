package peer

import (
	"bytes"
	"errors"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"roomline/media"
)

// answeredCall connects a browser that calls to a peer that answers.
func answeredCall(t testing.TB, f *Factory) (*Peer, *browser, states) {
	t.Helper()
	b, s := newBrowser(t, webrtc.MimeTypePCMU), newStates()
	p, answer, err := f.Answer(b.offer(t, nil), media.PCMU, s.on)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeTwice(t, p) })
	b.remote(t, webrtc.SDPTypeAnswer, answer)
	s.await(t, Connected)
	select {
	case <-b.up:
	case <-time.After(patience):
		t.Fatal("the browser never connected")
	}
	return p, b, s
}

func TestBrowserCalls(t *testing.T) {
	p, b, _ := answeredCall(t, newFactory(t))
	ear := newEar()
	p.SendTo(ear)
	speak(t, b, 8000, 0x33)
	speak(t, p, 8000, 0x44)
	ear.next(t, filled(0x33))
	hears(t, b.listen(t), says(0x44))
}

func TestBrowserAnswersWithoutNamingItsSource(t *testing.T) {
	f, s, b := newFactory(t), newStates(), newBrowser(t, webrtc.MimeTypePCMA)
	p, offer, err := f.Offer([]media.Format{media.PCMA, media.PCMU}, s.on)
	if err != nil {
		t.Fatal(err)
	}
	defer closeTwice(t, p)
	var answer strings.Builder
	for line := range strings.Lines(b.answer(t, offer)) {
		if !strings.HasPrefix(line, "a=ssrc") {
			answer.WriteString(line)
		}
	}
	if err := p.Accept(answer.String()); err != nil {
		t.Fatal(err)
	}
	if err := p.Accept(answer.String()); !errors.Is(err, ErrState) {
		t.Errorf("second answer: %v", err)
	}
	s.await(t, Connected)
	ear := newEar()
	p.SendTo(ear)
	speak(t, b, 8000, 0x55)
	ear.next(t, filled(0x55))
	if !p.Format().Same(media.PCMA) {
		t.Errorf("format %v", p.Format())
	}
}

// renegotiate has the browser offer again with its direction changed.
func renegotiate(t *testing.T, p *Peer, b *browser, direction string, o *webrtc.OfferOptions) (answer string, held bool) {
	t.Helper()
	offer := strings.Replace(b.offer(t, o), "a=sendrecv", "a="+direction, 1)
	answer, held, err := p.Renegotiate(offer)
	if err != nil {
		t.Fatal(err)
	}
	return answer, held
}

// TestHoldAndResume: T40.
func TestHoldAndResume(t *testing.T) {
	p, b, _ := answeredCall(t, newFactory(t))
	speak(t, p, 8000, 0x44)
	heard := b.listen(t)
	before := hears(t, heard, says(0x44))
	for _, c := range []struct {
		offer, answer string
		held          bool
	}{
		{"sendonly", "recvonly", true}, {"inactive", "inactive", true}, {"recvonly", "sendonly", false}, {"sendrecv", "sendrecv", false},
	} {
		answer, held := renegotiate(t, p, b, c.offer, nil)
		contains(t, answer, "a="+c.answer+"\r\n", "a=setup:active\r\n")
		if held != c.held {
			t.Errorf("%s: held is %v", c.offer, held)
		}
		sent := p.Stats().Sent
		if err := p.WritePacket(&media.Packet{SSRC: 9, Clock: 8000, Payload: []byte{1}}); err != nil {
			t.Error(err)
		}
		if c.held && p.Stats().Sent != sent {
			t.Errorf("%s: a packet was sent", c.offer)
		}
		// Pion, playing the browser, needs the plain form.
		b.remote(t, webrtc.SDPTypeAnswer, strings.Replace(answer, "a="+c.answer, "a=sendrecv", 1))
	}
	after := hears(t, heard, func(r *rtp.Packet) bool { return says(0x44)(r) && r.SequenceNumber != before.SequenceNumber })
	if after.SSRC != before.SSRC {
		t.Errorf("SSRC went from %d to %d", before.SSRC, after.SSRC)
	}
}

// TestRestartOfICEKeepsAudio: T41.
func TestRestartOfICEKeepsAudio(t *testing.T) {
	p, b, _ := answeredCall(t, newFactory(t))
	ear := newEar()
	p.SendTo(ear)
	speak(t, b, 8000, 0x66)
	speak(t, p, 8000, 0x67)
	heard := b.listen(t)
	for range 2 {
		answer, held := renegotiate(t, p, b, "sendrecv", &webrtc.OfferOptions{ICERestart: true})
		if held {
			t.Error("held")
		}
		b.remote(t, webrtc.SDPTypeAnswer, answer)
		contains(t, answer, "a=end-of-candidates")
		for _, c := range []chan struct{}{drained(ear), drainedRTP(heard)} {
			<-c
		}
		ear.next(t, filled(0x66))
		hears(t, heard, says(0x67))
	}
}

// TestTheOldPathIsHeardUntilThereIsANewOne: T41. A browser that begins ICE anew
// goes on sending from where it was.
func TestTheOldPathIsHeardUntilThereIsANewOne(t *testing.T) {
	p, b, s := answeredCall(t, newFactory(t))
	ear := newEar()
	p.SendTo(ear)
	speak(t, b, 8000, 0x66)
	ear.next(t, filled(0x66))
	var offer strings.Builder
	for line := range strings.Lines(b.offer(t, nil)) {
		switch {
		case strings.HasPrefix(line, "a=candidate:"): // the new path is not known yet
		case strings.HasPrefix(line, "a=ice-ufrag:"):
			offer.WriteString("a=ice-ufrag:anew\r\n")
		default:
			offer.WriteString(line)
		}
	}
	if _, _, err := p.Renegotiate(offer.String()); err != nil {
		t.Fatal(err)
	}
	<-drained(ear)
	for range 50 {
		ear.next(t, filled(0x66))
	}
	if len(s) != 0 {
		t.Errorf("the peer is %v", <-s)
	}
}

func drained(e ear) chan struct{} {
	done := make(chan struct{})
	for {
		select {
		case <-e:
		default:
			close(done)
			return done
		}
	}
}

func drainedRTP(c chan *rtp.Packet) chan struct{} {
	done := make(chan struct{})
	for {
		select {
		case <-c:
		default:
			close(done)
			return done
		}
	}
}

func TestRenumberedPayloadTypes(t *testing.T) {
	f, b, s := newFactory(t), newBrowser(t, webrtc.MimeTypeOpus), newStates()
	p, answer, err := f.Answer(b.offer(t, nil), media.Opus, s.on)
	if err != nil {
		t.Fatal(err)
	}
	defer closeTwice(t, p)
	b.remote(t, webrtc.SDPTypeAnswer, answer)
	s.await(t, Connected)
	answer, _, err = p.Renegotiate(edited(b.offer(t, nil), "SAVPF 111", "SAVPF 100", ":111 ", ":100 "))
	if err != nil {
		t.Fatal(err)
	}
	contains(t, answer, "SAVPF 100 110\r\n", "a=rtpmap:100 opus/48000/2\r\n", "a=fmtp:100 ")
	lacks(t, answer, ":111 ")
}

// TestRenegotiateRefuses: another fingerprint above all (R8 of the threats: a far
// end that is swapped in the middle of a call).
func TestRenegotiateRefuses(t *testing.T) {
	p, b, _ := answeredCall(t, newFactory(t))
	offer := b.offer(t, nil)
	stranger := newBrowser(t, webrtc.MimeTypePCMU)
	for name, c := range map[string]struct {
		offer string
		err   error
	}{
		"another fingerprint": {stranger.offer(t, nil), ErrFingerprint},
		"without our format":  {strings.ReplaceAll(offer, "PCMU/8000", "VOID/8000"), ErrNoFormat},
		"nothing":             {"", ErrNoAudio},
	} {
		if _, _, err := p.Renegotiate(c.offer); err == nil || name != "nothing" && !errors.Is(err, c.err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := p.Renegotiate(offer); err != nil {
		t.Errorf("the peer did not survive: %v", err)
	}
}

// TestOffersThatChangeTheCallLittle: T43, T44. Cameras, shared screens and more
// microphones are refused, in whatever order, and the call goes on; so it does
// after an offer that cannot be taken.
func TestOffersThatChangeTheCallLittle(t *testing.T) {
	p, b, _ := answeredCall(t, newFactory(t))
	ear := newEar()
	p.SendTo(ear)
	speak(t, b, 8000, 0x66)
	plain := strings.ReplaceAll(b.offer(t, nil), "\r\n", "\n")
	head, audio, _ := strings.Cut(plain, "m=audio")
	audio = "m=audio" + audio
	second := edited(audio, "a=mid:0", "a=mid:m")
	for name, c := range map[string]struct {
		offer    string
		sections int
		err      error
	}{
		"a camera":               {head + audio + videoSection, 2, nil},
		"a camera first":         {head + videoSection + audio, 2, nil},
		"two and data":           {head + audio + videoSection + strings.ReplaceAll(videoSection, "mid:v", "mid:w") + dataSection, 4, nil},
		"a second microphone":    {head + audio + second, 2, nil},
		"another one in front":   {head + second + audio, 2, nil},
		"attributes in reverse":  {head + reversed(audio), 1, nil},
		"no direction":           {strings.Replace(plain, "a=sendrecv\n", "", 1), 1, nil},
		"sixteen sections":       {head + audio + strings.Repeat(videoSection, 15), 16, nil},
		"seventeen":              {head + audio + strings.Repeat(videoSection, 16), 0, ErrTooLarge},
		"its audio refused":      {strings.Replace(plain, "m=audio 9", "m=audio 0", 1), 0, ErrNoAudio},
		"its credentials gone":   {edited(plain, "a=ice-pwd:", "a=x-pwd:"), 0, ErrNoCredentials},
		"its fingerprint gone":   {edited(plain, "a=fingerprint:", "a=x-print:"), 0, ErrNoFingerprint},
		"its codec gone":         {edited(plain, "PCMU/8000", "VOID/8000"), 0, ErrNoFormat},
		"more than may be read":  {plain + "a=x:" + strings.Repeat("x", maxDescription), 0, ErrTooLarge},
		"a role that is unknown": {edited(plain, "a=setup:actpass", "a=setup:holdconn"), 1, nil},
	} {
		t.Run(name, func(t *testing.T) {
			answer, _, err := p.Renegotiate(c.offer)
			if !errors.Is(err, c.err) {
				t.Fatalf("%v, want %v", err, c.err)
			}
			if n := strings.Count(answer, "m="); err == nil && n != c.sections {
				t.Errorf("%d sections in\n%s", n, answer)
			}
			if err == nil {
				contains(t, section(t, answer, "audio 9"), "a=mid:0\r\n", "a=sendrecv\r\n", "SAVPF 0 126\r\n")
			}
			<-drained(ear)
			ear.next(t, filled(0x66))
		})
	}
}

// reversed turns a section's attributes around.
func reversed(section string) string {
	lines := strings.Split(strings.TrimSpace(section), "\n")
	slices.Reverse(lines[2:]) // after m= and c=
	return strings.Join(lines, "\n") + "\n"
}

func TestFarEndVanishes(t *testing.T) {
	f := newFactory(t, func(c *Config) { c.ICETimeout = time.Second })
	_, b, s := answeredCall(t, f)
	begun := time.Now()
	b.vanish()
	s.await(t, Interrupted)
	s.await(t, Lost)
	if d := time.Since(begun); d > 4*time.Second {
		t.Errorf("it took %v", d)
	}
}

func TestFarEndLeaves(t *testing.T) {
	f := newFactory(t, func(c *Config) { c.ICETimeout = time.Second })
	_, b, s := answeredCall(t, f)
	b.leave()
	s.await(t, Lost)
}

func TestNobodyConnects(t *testing.T) {
	f := newFactory(t, func(c *Config) { c.ConnectTimeout = 100 * time.Millisecond })
	s := newStates()
	p, _, err := f.Answer(chromeOffer(t), media.PCMU, s.on)
	if err != nil {
		t.Fatal(err)
	}
	defer closeTwice(t, p)
	s.await(t, Lost)
}

func TestClosedPeerIsSilentAndRefuses(t *testing.T) {
	f := newFactory(t)
	p, b, s := answeredCall(t, f)
	closeTwice(t, p)
	b.leave()
	if err := p.WritePacket(&media.Packet{Payload: []byte{1}}); !errors.Is(err, ErrClosed) {
		t.Errorf("write: %v", err)
	}
	if err := p.AddCandidate(Candidate{}); !errors.Is(err, ErrClosed) {
		t.Errorf("candidate: %v", err)
	}
	if _, _, err := p.Renegotiate(chromeOffer(t)); !errors.Is(err, ErrClosed) {
		t.Errorf("renegotiate: %v", err)
	}
	if err := p.SendDigit('1'); !errors.Is(err, ErrClosed) {
		t.Errorf("digit: %v", err)
	}
	closeTwice(t, f)
	if _, _, err := f.Offer([]media.Format{media.PCMU}, s.on); !errors.Is(err, ErrClosed) {
		t.Errorf("offer: %v", err)
	}
	if len(s) != 0 {
		t.Errorf("%v after Close", <-s)
	}
}

func TestFactoryClosesItsPeers(t *testing.T) {
	f := newFactory(t)
	p, _, _ := answeredCall(t, f)
	closeTwice(t, f)
	if err := p.WritePacket(&media.Packet{Payload: []byte{1}}); !errors.Is(err, ErrClosed) {
		t.Errorf("write: %v", err)
	}
}

func TestFiftyPeersLeaveNothing(t *testing.T) {
	f := newFactory(t)
	goroutines, sockets := runtime.NumGoroutine(), openFiles(t)
	var peers []*Peer
	for i := range 50 {
		var p *Peer
		var err error
		if i%2 == 0 {
			p, _, err = f.Answer(chromeOffer(t), media.PCMU, newStates().on)
		} else {
			p, _, err = f.Offer([]media.Format{media.PCMU}, newStates().on)
		}
		if err != nil {
			t.Fatal(err)
		}
		peers = append(peers, p)
	}
	if n := openFiles(t); n > sockets {
		t.Errorf("%d more files with 50 peers on one port", n-sockets)
	}
	for _, p := range peers {
		closeTwice(t, p)
	}
	within(t, func() bool { return runtime.NumGoroutine() <= goroutines })
	if n := openFiles(t); n > sockets {
		t.Errorf("%d files more than before", n-sockets)
	}
	if n := len(f.peers); n != 0 {
		t.Errorf("%d peers remembered", n)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// within waits for what a library does after its Close has returned.
func within(t *testing.T, ok func() bool) {
	t.Helper()
	limit := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			var b bytes.Buffer
			buf := make([]byte, 1<<20)
			b.Write(buf[:runtime.Stack(buf, true)])
			t.Fatalf("it never came to pass\n%s", b.String())
		}
	}
}
