package peer

import (
	"slices"
	"testing"

	"roomline/media"
)

// call connects two peers of two factories, a having offered.
func call(t testing.TB, formats []media.Format, pick media.Format) (a, b *Peer) {
	t.Helper()
	fa, fb := newFactory(t), newFactory(t)
	sa, sb := newStates(), newStates()
	a, offer, err := fa.Offer(formats, sa.on)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeTwice(t, a) })
	b, answer, err := fb.Answer(offer, pick, sb.on)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeTwice(t, b) })
	if err := a.Accept(answer); err != nil {
		t.Fatal(err)
	}
	sa.await(t, Connected)
	sb.await(t, Connected)
	return a, b
}

func TestBothWays(t *testing.T) {
	for _, f := range []media.Format{media.PCMU, media.PCMA, media.G722} {
		t.Run(f.Name, func(t *testing.T) {
			a, b := call(t, []media.Format{media.PCMU, media.PCMA, media.G722, media.Opus}, f)
			if !a.Format().Same(f) || !b.Format().Same(f) {
				t.Fatalf("formats are %v and %v", a.Format(), b.Format())
			}
			ea, eb := newEar(), newEar()
			a.SendTo(ea)
			b.SendTo(eb)
			speak(t, a, 8000, 0x11)
			speak(t, b, 8000, 0x22)
			got := eb.next(t, filled(0x11))
			for range 2 { // the first is counted for certain once the second is here
				ea.next(t, filled(0x22))
			}
			if got.Clock != 8000 || got.SSRC == 7 {
				t.Errorf("packet %+v", got)
			}
			if s := b.Stats(); s.Received == 0 || s.Lost != 0 || s.Rejected != 0 || s.Sent == 0 || s.First.IsZero() {
				t.Errorf("stats %+v", s)
			}
		})
	}
}

func TestOfferListsFormatsInOrder(t *testing.T) {
	f := newFactory(t)
	p, offer, err := f.Offer([]media.Format{media.PCMA, media.Opus, media.PCMU}, newStates().on)
	if err != nil {
		t.Fatal(err)
	}
	defer closeTwice(t, p)
	got, err := Formats(offer)
	if err != nil || !slices.Equal(got, []media.Format{media.PCMA, media.Opus, media.PCMU}) {
		t.Errorf("formats %v, %v", got, err)
	}
	contains(t, offer, "m=audio 9 UDP/TLS/RTP/SAVPF 8 111 0 110 126", "a=msid:"+p.StreamID()+" ", "a=sendrecv",
		"a=setup:actpass", "a=end-of-candidates", "telephone-event/8000", "telephone-event/48000")
}

// TestHoldIsNoLoss: what was not sent while the far end held leaves no gap in
// its sequence numbers.
func TestHoldIsNoLoss(t *testing.T) {
	a, b := call(t, []media.Format{media.PCMU}, media.PCMU)
	ear := newEar()
	b.SendTo(ear)
	say := func(seq uint16) {
		if err := a.WritePacket(&media.Packet{SSRC: 5, Sequence: seq, Timestamp: uint32(seq) * 160, Clock: 8000, Payload: []byte{byte(seq)}}); err != nil {
			t.Error(err)
		}
	}
	is := func(fill byte) func(media.Packet) bool {
		return func(p media.Packet) bool { return p.Payload[0] == fill }
	}
	say(1)
	before := ear.next(t, is(1))
	a.track.hold(true)
	for seq := range uint16(50) {
		say(2 + seq)
	}
	a.track.hold(false)
	say(100)
	after := ear.next(t, is(100))
	if after.Sequence != before.Sequence+1 || after.SSRC != before.SSRC {
		t.Errorf("sequence %d after %d", after.Sequence, before.Sequence)
	}
}
