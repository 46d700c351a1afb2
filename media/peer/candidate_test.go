package peer

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/pion/webrtc/v4"

	"roomline/media"
)

// TestCandidatesBeforeTheAnswer: T3, with the prefix of a line of SDP, and the
// end of them in between.
func TestCandidatesBeforeTheAnswer(t *testing.T) {
	f, s, b := newFactory(t), newStates(), newBrowser(t, webrtc.MimeTypePCMU)
	p, offer, err := f.Offer([]media.Format{media.PCMU}, s.on)
	if err != nil {
		t.Fatal(err)
	}
	defer closeTwice(t, p)
	answer := b.answer(t, offer)
	var bare strings.Builder
	for line := range strings.Lines(answer) {
		if c, ok := strings.CutPrefix(line, "a=candidate:"); ok {
			if err := p.AddCandidate(Candidate{Candidate: "a=candidate:" + strings.TrimSpace(c)}); err != nil {
				t.Error(err)
			}
		} else {
			bare.WriteString(line)
		}
	}
	if err := p.AddCandidate(Candidate{}); err != nil { // the end
		t.Error(err)
	}
	if err := p.Accept(bare.String()); err != nil {
		t.Fatal(err)
	}
	s.await(t, Connected)
}

// TestCandidatesThatAreNotTaken: T3, and R10: no name is looked up and nothing is
// sent to where only our own machine is reached; nor for another generation's ufrag.
func TestCandidatesThatAreNotTaken(t *testing.T) {
	f := newFactory(t)
	p, _, err := f.Answer(chromeOffer(t), media.PCMU, newStates().on)
	if err != nil {
		t.Fatal(err)
	}
	defer closeTwice(t, p)
	other, mine, absent, old := "v", "0", "", "Zz9z"
	before := p.checked
	for line, want := range map[string]error{
		"candidate:1 1 udp 2122260223 0ac6d8a2-1ed0-4a9b.local 4000 typ host": nil,
		"candidate:1 1 udp 2122260223 db.internal 5432 typ host":              nil,
		"candidate:1 1 tcp 1518280447 127.0.0.1 9 typ host tcptype active":    nil,
		"candidate:1 1 udp 2122260223 169.254.169.254 80 typ host":            nil,
		"candidate:1 1 udp 2122260223 224.0.0.1 80 typ host":                  nil,
		"candidate:1 1 udp 2122260223 0.0.0.0 80 typ host":                    nil,
		"candidate:1 1 udp 2122260223 ::1 80 typ host":                        nil,
		"garbage": ErrCandidate,
		"candidate:1 1 udp 2122260223 127.0.0.1 port typ host":                            ErrCandidate,
		"candidate:1 1 udp 99999999999999 127.0.0.1 80 typ host":                          ErrCandidate,
		"candidate:1 1 udp 1 127.0.0.1 80 typ wormhole":                                   ErrCandidate,
		"candidate:1 1 udp 2122260223 127.0.0.1 80 typ host " + strings.Repeat("x", 2000): ErrCandidate,
	} {
		if err := p.AddCandidate(Candidate{Candidate: line}); !errors.Is(err, want) {
			t.Errorf("%.70s: %v, want %v", line, err, want)
		}
	}
	good := "candidate:1 1 udp 2122260223 127.0.0.1 4000 typ host"
	for _, c := range []Candidate{{Candidate: good, UsernameFragment: &old}} {
		if err := p.AddCandidate(c); err != nil {
			t.Error(err)
		}
	}
	if p.checked != before {
		t.Errorf("%d were taken", p.checked-before)
	}
	for _, mid := range []*string{nil, &absent, &mine, &other} {
		if err := p.AddCandidate(Candidate{Candidate: good, SDPMid: mid}); err != nil {
			t.Error(err)
		}
	}
	if p.checked != before+4 {
		t.Errorf("%d of 4 were taken", p.checked-before)
	}
}

func TestCandidatesOfARefusedSection(t *testing.T) {
	f := newFactory(t)
	offer := chromeOffer(t) + "m=video 9 UDP/TLS/RTP/SAVPF 96\nc=IN IP4 0.0.0.0\na=mid:v\na=rtpmap:96 VP8/90000\n"
	p, _, err := f.Answer(offer, media.PCMU, newStates().on)
	if err != nil {
		t.Fatal(err)
	}
	defer closeTwice(t, p)
	before, mid := p.checked, "v"
	if err := p.AddCandidate(Candidate{Candidate: "candidate:1 1 udp 1 127.0.0.1 4000 typ host", SDPMid: &mid}); err != nil || p.checked != before {
		t.Errorf("taken: %v, error %v", p.checked != before, err)
	}
}

// TestCandidatesAreBounded: T3.
func TestCandidatesAreBounded(t *testing.T) {
	f := newFactory(t)
	p, _, err := f.Offer([]media.Format{media.PCMU}, newStates().on)
	if err != nil {
		t.Fatal(err)
	}
	defer closeTwice(t, p)
	for i := range maxCandidates {
		if err := p.AddCandidate(Candidate{Candidate: fmt.Sprintf("candidate:1 1 udp 1 127.0.0.1 %d typ host", 2000+i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.AddCandidate(Candidate{Candidate: "candidate:1 1 udp 1 127.0.0.1 1 typ host"}); !errors.Is(err, ErrCandidates) {
		t.Errorf("number %d: %v", maxCandidates+1, err)
	}
	if len(p.pending) != maxCandidates {
		t.Errorf("%d wait", len(p.pending))
	}
}

// TestTenThousandCandidates: T3, R10. They cost a call that stands nothing.
func TestTenThousandCandidates(t *testing.T) {
	p, b, s := answeredCall(t, newFactory(t))
	ear := newEar()
	p.SendTo(ear)
	speak(t, b, 8000, 0x66)
	refused, bad := 0, 0
	for i := range 10_000 {
		err := p.AddCandidate(Candidate{Candidate: fmt.Sprintf("a=candidate:1 1 udp 1 127.0.%d.%d 9 typ host", i/250, i%250+1)})
		switch {
		case errors.Is(err, ErrCandidates):
			refused++
		case err != nil:
			bad++
		}
	}
	if p.checked > maxChecked || refused < 10_000-maxCandidates || bad != 0 {
		t.Errorf("%d checked, %d refused, %d bad", p.checked, refused, bad)
	}
	<-drained(ear)
	ear.next(t, filled(0x66))
	if len(s) != 0 {
		t.Errorf("the peer is %v", <-s)
	}
}

func FuzzCandidate(f *testing.F) {
	f.Add("candidate:1 1 udp 2122260223 127.0.0.1 4000 typ host generation 0 network-id 1")
	f.Add("candidate:1 1 udp 1 10.0.0.1 4000 typ relay raddr 0.0.0.0 rport 0")
	f.Fuzz(func(t *testing.T, line string) {
		ip, err := parseCandidate(line)
		if err != nil && ip.IsValid() {
			t.Errorf("an address and an error from %q", line)
		}
	})
}
