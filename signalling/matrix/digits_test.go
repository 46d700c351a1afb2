package matrix

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"roomline/media"
	"roomline/media/dtmf"
	"roomline/signalling"
)

// reaches tells whether what a call writes to a leg goes to a peer.
func reaches(l signalling.Leg, p *fakePeer) bool {
	k, ok := l.Media().(*keyed)
	return ok && k.Peer == Peer(p)
}

// Digits within the audio are written into the room once for each press, and
// go on to the client as they came.
func TestDigitsWithinTheAudio(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	_, leg, p, _ := r.answered(r.inviteV1())
	m := leg.Media()
	for i, d := range []byte("5#A") {
		list, err := dtmf.Packets(d, 100*time.Millisecond, 8000)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range list {
			if err := m.WritePacket(&media.Packet{Payload: one.Payload[:], SSRC: 1, Timestamp: uint32(4000 * i), Clock: 8000, Event: true}); err != nil {
				t.Fatal(err)
			}
		}
		r.wantBody(r.expect(typeDigits), "digits", string(d))
		r.c.outboxes.Wait()
	}
	if got := p.get(func() string { return p.digits }); got != "" {
		t.Errorf("played %q a second time", got)
	}
	if err := m.WritePacket(&media.Packet{Payload: []byte{1}}); err != nil {
		t.Error(err)
	}
}

// Digits are played and written into the room; what comes while the
// homeserver is busy with some is joined, up to a limit.
func TestDigitsInTheRoom(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	in, leg, p, a := r.answered(r.inviteV1())
	first := time.Now().UnixMilli()
	leg.SendDigit('1')
	e := r.expect(typeDigits)
	r.wantBody(e, "digits", "1")
	r.wantBody(e, "call_id", "call1")
	r.wantBody(e, "party_id", a.Body["party_id"])
	if at, _ := e.Body["at"].(float64); int64(at) < first || int64(at) > time.Now().UnixMilli() || e.As != ghost {
		t.Errorf("at %v as %s", e.Body["at"], e.As)
	}
	r.c.outboxes.Wait()
	fail := true
	r.hs.set(func() {
		r.hs.script = func(e sent) (int, string) {
			if e.Type == typeDigits && fail {
				return http.StatusBadGateway, ""
			}
			return 0, ""
		}
	})
	leg.SendDigit('2')
	r.until("the homeserver is asked", func() (asked bool) {
		r.hs.set(func() {
			asked = len(r.hs.tries) > 0 && strings.Contains(r.hs.tries[len(r.hs.tries)-1].Raw, `"digits":"2"`)
		})
		return asked
	})
	const rest = "345*#ABCD"
	for _, d := range rest + "x\n" + strings.Repeat("0", 100) {
		leg.SendDigit(byte(d))
	}
	r.until("all are played", func() bool { return len(p.get(func() string { return p.digits })) == 2+len(rest)+100 })
	r.hs.set(func() { fail = false })
	r.wantBody(r.expect(typeDigits), "digits", "2")
	r.wantBody(r.expect(typeDigits), "digits", rest+strings.Repeat("0", maxDigits-len(rest)))
	leg.Hangup(signalling.Reason{Cause: signalling.NormalClearing})
	r.expect(typeHangup)
	r.follow(in, signalling.Gone)
}
