package sip

import (
	"strings"
	"testing"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/media"
	"roomline/media/port"
	"roomline/signalling"
)

// rounds of races each have an agent of their own: RTP ports rest after a call.
const rounds, races = 10, 50

// F33: a thousand races of a CANCEL with a 200, half of them in each direction.

// However a CANCEL and a 200 cross, no leg is left on either side.
func TestCancelAndAnswerOutgoing(t *testing.T) {
	for range rounds {
		t.Run("", racesOutgoing)
	}
}

func racesOutgoing(t *testing.T) {
	b := newBed(t)
	for range races {
		b.box, b.seen = signalling.NewInbox("race", discard()), nil
		leg := b.dial("+4930123")
		invite := b.request("INVITE")
		b.reply(invite, 180, "Ringing", nil)
		b.event(signalling.Ringing)
		done := make(chan struct{})
		go func() { // ends at once; awaited below
			leg.Hangup(signalling.Reason{Cause: signalling.Cancelled})
			close(done)
		}()
		b.reply(invite, 200, "OK", b.sdp("sendrecv", "0"))
		<-done
		for goodbye := false; !goodbye; {
			req, ok := (<-b.got).(*sipmsg.Request)
			if !ok || req.CallID().Value() != invite.CallID().Value() {
				continue
			}
			switch req.Method {
			case sipmsg.CANCEL, sipmsg.BYE:
				b.reply(req, 200, "OK", nil)
				goodbye = req.Method == sipmsg.BYE
			}
		}
		b.event(signalling.Gone, signalling.Answered)
		b.alone()
	}
}

func TestCancelAndAnswerIncoming(t *testing.T) {
	for range rounds {
		t.Run("", racesIncoming)
	}
}

func racesIncoming(t *testing.T) {
	b := newBed(t)
	answered, cancelled := 0, 0
	for range races {
		b.box, b.seen, b.id, b.far = signalling.NewInbox("race", discard()), nil, newTag(), ""
		invite := b.text("INVITE", "+4930555", b.sdp("sendrecv", "0"))
		b.send(invite)
		leg := b.rung()
		done := make(chan struct{})
		go func() { // ends at once; awaited below
			leg.Answer(media.PCMU)
			close(done)
		}()
		cut := strings.ReplaceAll(invite[:strings.Index(invite, "Content-Type")], "INVITE", "CANCEL")
		b.send(cut + "Content-Length: 0\r\n\r\n")
		<-done
		for res := (*sipmsg.Response)(nil); res == nil; {
			msg, ok := (<-b.got).(*sipmsg.Response)
			if !ok || msg.CallID().Value() != b.id || msg.CSeq().MethodName != sipmsg.INVITE || msg.StatusCode < 200 {
				continue
			}
			res = msg
			if res.IsSuccess() {
				answered++
				b.ack(res, nil)
				b.event(signalling.Confirmed)
				leg.Hangup(signalling.Reason{})
				b.reply(b.request("BYE"), 200, "OK", nil)
				b.gone()
			} else {
				cancelled++
				b.send(strings.Replace(b.with(res.CSeq().SeqNo).text("ACK", "+4930555", nil), "To: <sip:", "To: <sip:", 1))
				b.ended(signalling.Cancelled)
			}
		}
	}
	t.Logf("%d answered, %d cancelled", answered, cancelled)
}

// alone fails if a leg is left behind.
func (b *bed) alone() {
	b.t.Helper()
	b.agent.mu.Lock()
	defer b.agent.mu.Unlock()
	if len(b.agent.legs)+len(b.agent.fresh) > 0 {
		b.t.Fatalf("%d ghost legs and %d INVITEs", len(b.agent.legs), len(b.agent.fresh))
	}
}

type broken struct{}

func (broken) Open() (*port.Port, error) {
	var none []*port.Port
	return none[len(none)], nil
}

// A fault in one leg ends that leg, on both sides, and nothing else.
func TestBrokenLeg(t *testing.T) {
	p := newPeer(t, "127.0.0.1")
	b := &bed{peer: p, board: &board{calls: make(chan signalling.Incoming, 1)}, box: signalling.NewInbox("x", discard())}
	b.agent = startAgent(t, map[string]TrunkConfig{"carrier": {Host: p.addr().String(), Numbers: []string{"1"}}}, broken{}, b.board, realTiming())
	p.to = b.agent.listeners[0].addr
	b.dial("+4930123")
	b.ended(signalling.Internal)
	b.send(b.text("INVITE", "1", b.sdp("sendrecv", "0")))
	b.rung()
	b.response("500")
	b.ended(signalling.Internal)
	b.id = newTag()
	b.send(b.text("OPTIONS", "1", nil))
	b.response("200 OPTIONS")
}
