package peer

import (
	"errors"
	"strings"
	"testing"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"roomline/media"
)

// offeredCall connects a peer that calls to a browser that answers.
func offeredCall(t testing.TB, f *Factory) (*Peer, *browser) {
	t.Helper()
	b, s := newBrowser(t, webrtc.MimeTypePCMU), newStates()
	p, offer, err := f.Offer([]media.Format{media.PCMU, media.PCMA}, s.on)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeTwice(t, p) })
	if _, err := p.Reoffer(true); !errors.Is(err, ErrState) {
		t.Errorf("an offer before the first answer: %v", err)
	}
	if err := p.Accept(b.answer(t, offer)); err != nil {
		t.Fatal(err)
	}
	s.await(t, Connected)
	return p, b
}

func reoffer(t testing.TB, p *Peer, hold bool) string {
	t.Helper()
	offer, err := p.Reoffer(hold)
	if err != nil {
		t.Fatal(err)
	}
	return offer
}

// answerAs answers with a direction that a real browser would choose: pion,
// playing it, knows only some.
func (b *browser) answerAs(t testing.TB, offer, direction string) string {
	t.Helper()
	return strings.Replace(b.answer(t, offer), "a=sendrecv", "a="+direction, 1)
}

func version(t testing.TB, text string) string {
	t.Helper()
	_, rest, _ := strings.Cut(text, "o=- ")
	fields := strings.Fields(rest)
	if len(fields) < 2 {
		t.Fatalf("no origin in\n%s", text)
	}
	return fields[0] + " " + fields[1]
}

// TestWeHoldAndResume: T42, the caller's half; the callee sees the phone's hold.
func TestWeHoldAndResume(t *testing.T) {
	p, b := offeredCall(t, newFactory(t))
	ear := newEar()
	p.SendTo(ear)
	speak(t, p, 8000, 0x44)
	speak(t, b, 8000, 0x55)
	heard := b.listen(t)
	before := hears(t, heard, says(0x44))
	seen := map[string]bool{}
	for _, c := range []struct {
		hold          bool
		offer, answer string
	}{{true, "sendonly", "recvonly"}, {true, "sendonly", "recvonly"}, {false, "sendrecv", "sendrecv"}, {true, "sendonly", "inactive"}, {false, "sendrecv", "sendrecv"}} {
		offer := reoffer(t, p, c.hold)
		contains(t, offer, "a="+c.offer+"\r\n", "a=setup:actpass\r\n", "m=audio 9 UDP/TLS/RTP/SAVPF 0 126\r\n", "a=msid:"+p.StreamID()+" ", "a=candidate:")
		if v := version(t, offer); seen[v] {
			t.Errorf("version %s twice", v)
		} else {
			seen[v] = true
		}
		if _, err := p.Reoffer(c.hold); !errors.Is(err, ErrState) {
			t.Errorf("a second offer: %v", err)
		}
		if err := p.Accept(b.answerAs(t, offer, c.answer)); err != nil {
			t.Fatalf("%s: %v", c.offer, err)
		}
		if held := p.track.held; held != (c.answer == "inactive") {
			t.Errorf("%s: held is %v", c.answer, held)
		}
		if err := p.Accept(chromeOffer(t)); !errors.Is(err, ErrState) {
			t.Errorf("a second answer: %v", err)
		}
	}
	<-drained(ear)
	<-drainedRTP(heard)
	after := hears(t, heard, func(r *rtp.Packet) bool { return says(0x44)(r) && r.SequenceNumber != before.SequenceNumber })
	if after.SSRC != before.SSRC {
		t.Errorf("SSRC went from %d to %d", before.SSRC, after.SSRC)
	}
	ear.next(t, filled(0x55))
}

// TestOffersCollide: T42. As the caller we keep ours and the browser's is
// dropped; as the callee we never make one.
func TestOffersCollide(t *testing.T) {
	p, b := offeredCall(t, newFactory(t))
	theirs, err := b.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	ours := reoffer(t, p, true)
	if _, _, err := p.Renegotiate(theirs.SDP); !errors.Is(err, ErrCollision) {
		t.Errorf("their offer: %v", err)
	}
	if err := p.Accept(b.answerAs(t, ours, "recvonly")); err != nil {
		t.Fatalf("their answer to ours: %v", err)
	}
	answer, held := renegotiate(t, p, b, "sendrecv", nil) // what they wanted, once more
	contains(t, answer, "a=sendonly\r\n")                 // we still hold
	if held {
		t.Error("held")
	}
	callee, _, _ := answeredCall(t, newFactory(t))
	if _, err := callee.Reoffer(true); !errors.Is(err, ErrState) {
		t.Errorf("an offer of the callee: %v", err)
	}
}

// TestAnOfferThatNobodyAnswers leaves the call as it was, for either side.
func TestAnOfferThatNobodyAnswers(t *testing.T) {
	p, b := offeredCall(t, newFactory(t))
	p.Abandon()
	lost := reoffer(t, p, true)
	p.Abandon()
	p.Abandon()
	late := b.answerAs(t, lost, "recvonly")
	if err := p.Accept(late); !errors.Is(err, ErrState) {
		t.Errorf("an answer too late: %v", err)
	}
	answer, _ := renegotiate(t, p, b, "sendrecv", nil)
	contains(t, answer, "a=sendrecv\r\n")
	b.remote(t, webrtc.SDPTypeAnswer, answer)
	if err := p.Accept(b.answerAs(t, reoffer(t, p, true), "recvonly")); err != nil {
		t.Fatal(err)
	}
	speak(t, p, 8000, 0x44)
	hears(t, b.listen(t), says(0x44))
}

// TestAnAnswerThatCannotBeUsed ends its offer and nothing else.
func TestAnAnswerThatCannotBeUsed(t *testing.T) {
	p, b := offeredCall(t, newFactory(t))
	stranger := newBrowser(t, webrtc.MimeTypePCMU)
	for name, c := range map[string]struct {
		edit func(string) string
		err  error
	}{
		"of another browser": {func(string) string { return stranger.offer(t, nil) }, ErrFingerprint},
		"another codec":      {func(s string) string { return strings.ReplaceAll(s, "PCMU/8000", "VOID/8000") }, ErrNoFormat},
		"other credentials":  {func(s string) string { return strings.ReplaceAll(s, "a=ice-ufrag:", "a=ice-ufrag:x") }, ErrState},
		"no audio":           {func(s string) string { return strings.ReplaceAll(s, "m=audio 9", "m=audio 0") }, ErrNoAudio},
	} {
		answer := b.answerAs(t, reoffer(t, p, true), "recvonly")
		if err := p.Accept(c.edit(answer)); !errors.Is(err, c.err) {
			t.Errorf("%s: %v, want %v", name, err, c.err)
		}
		p.Abandon() // what could not even be read leaves the offer open
		got, _ := renegotiate(t, p, b, "sendrecv", nil)
		contains(t, got, "a=sendrecv\r\n")
		b.remote(t, webrtc.SDPTypeAnswer, got)
	}
}

// TestReofferKeepsEverySection that the far end has named (RFC 9429 §5.2.2).
func TestReofferKeepsEverySection(t *testing.T) {
	p, b := offeredCall(t, newFactory(t))
	if _, err := b.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo); err != nil {
		t.Fatal(err)
	}
	answer, _ := renegotiate(t, p, b, "sendrecv", nil)
	b.remote(t, webrtc.SDPTypeAnswer, answer)
	offer := reoffer(t, p, true)
	contains(t, section(t, offer, "video"), "m=video 0 ", "a=mid:1\r\n", "a=inactive\r\n")
	contains(t, section(t, offer, "audio"), "a=mid:0\r\n", "a=sendonly\r\n")
	if err := p.Accept(b.answerAs(t, offer, "recvonly")); err != nil {
		t.Fatal(err)
	}
}

func TestReofferAfterClose(t *testing.T) {
	p, _ := offeredCall(t, newFactory(t))
	closeTwice(t, p)
	if _, err := p.Reoffer(true); !errors.Is(err, ErrClosed) {
		t.Errorf("%v", err)
	}
	p.Abandon()
}

// TestHeldByAnAnswer: the far end wanted to hold too, took its own offer back,
// and says so in its answer to ours.
func TestHeldByAnAnswer(t *testing.T) {
	p, b := offeredCall(t, newFactory(t))
	for direction, held := range map[string]bool{"recvonly": false, "inactive": true} {
		if err := p.Accept(b.answerAs(t, reoffer(t, p, true), direction)); err != nil {
			t.Fatal(err)
		}
		if p.Held() != held {
			t.Errorf("%s: held %v", direction, p.Held())
		}
	}
}
