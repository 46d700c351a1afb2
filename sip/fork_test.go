package sip

import (
	"fmt"
	"net"
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/media"
	"roomline/signalling"
)

// at is the peer's description with its audio at another socket.
func (p *peer) at(rtp *net.UDPConn, formats string) []byte {
	q := &peer{rtp: rtp}
	return q.sdp("sendrecv", formats)
}

// forking has the peer ring for a call of ours as several phones.
func (b *bed) forking(tags ...string) (signalling.Leg, *sipmsg.Request) {
	b.t.Helper()
	leg := b.dial("+4930123")
	invite := b.request("INVITE")
	for _, tag := range tags {
		b.replyAs(tag, invite, 180, "Ringing", nil)
	}
	b.event(signalling.Ringing)
	return leg, invite
}

// S19: of several forks that answer one has the call; each of the others gets
// its ACK and a BYE at once, in its own dialog.
func TestForkedAnswers(t *testing.T) {
	b := newBed(t)
	leg, invite := b.forking("f0", "f1", "f2", "f3", "f4")
	b.replyAs("f2", invite, 200, "OK", b.sdp("sendrecv", "0"))
	if ack := b.request("ACK"); tagOf(ack.To().Params) != "f2" {
		t.Errorf("ACK\n%s", ack)
	}
	b.event(signalling.Answered)
	began := time.Now()
	for _, tag := range []string{"f0", "f1", "f3", "f4"} {
		b.replyAs(tag, invite, 200, "OK", b.sdp("sendrecv", "0"))
	}
	acks, byes := map[string]int{}, map[string]int{}
	for len(byes) < 4 {
		req, ok := (<-b.got).(*sipmsg.Request)
		if !ok {
			continue
		}
		tag := tagOf(req.To().Params)
		switch req.Method {
		case sipmsg.ACK:
			acks[tag]++
		case sipmsg.BYE:
			byes[tag]++
			b.reply(req, 200, "OK", nil)
		}
	}
	if took := time.Since(began); took > 2*time.Second { // it takes milliseconds, where one does not wait for another
		t.Errorf("the other forks were ended after %v", took)
	}
	if acks["f2"]+byes["f2"] != 0 || acks["f0"] == 0 || acks["f1"] == 0 || acks["f3"] == 0 || acks["f4"] == 0 {
		t.Errorf("ACKs %v, BYEs %v", acks, byes)
	}
	leg.Hangup(signalling.Reason{})
	bye := b.request("BYE")
	if tagOf(bye.To().Params) != "f2" {
		t.Errorf("BYE for %s", tagOf(bye.To().Params))
	}
	b.reply(bye, 200, "OK", nil)
	b.gone()
}

// A fork that answers only to say nothing more keeps the others from no BYE.
func TestSilentForksAreEndedSideBySide(t *testing.T) {
	b := newBed(t)
	_, invite := b.forking("f0", "f1", "f2", "f3")
	b.replyAs("f0", invite, 200, "OK", b.sdp("sendrecv", "0"))
	b.event(signalling.Answered)
	began := time.Now()
	for _, tag := range []string{"f1", "f2", "f3"} {
		b.replyAs(tag, invite, 200, "OK", b.sdp("sendrecv", "0"))
	}
	for byes := map[string]bool{}; len(byes) < 3; { // none of which has an answer
		if req, ok := (<-b.got).(*sipmsg.Request); ok && req.Method == sipmsg.BYE {
			byes[tagOf(req.To().Params)] = true
		}
	}
	if took := time.Since(began); took > 2*time.Second { // it takes milliseconds, where one does not wait for another
		t.Errorf("the forks were ended after %v", took)
	}
}

// One CANCEL ends them all, and who answers all the same gets ACK and BYE.
func TestCancelOfForks(t *testing.T) {
	b := newBed(t)
	leg, invite := b.forking("f0", "f1", "f2")
	leg.Hangup(signalling.Reason{Cause: signalling.Cancelled})
	cancel := b.request("CANCEL")
	if tagOf(cancel.To().Params) != "" || branchOf(cancel) != branchOf(invite) { // RFC 3261 §9.1
		t.Errorf("CANCEL\n%s", cancel)
	}
	b.reply(cancel, 200, "OK", nil)
	b.replyAs("f1", invite, 200, "OK", b.sdp("sendrecv", "0"))
	b.request("ACK")
	bye := b.request("BYE")
	if tagOf(bye.To().Params) != "f1" {
		t.Errorf("BYE for %s", tagOf(bye.To().Params))
	}
	b.reply(bye, 200, "OK", nil)
	b.gone()
}

// The fork that spoke last is heard, and who answers is heard then; a repeated
// response changes nothing.
func TestLatestForkIsHeard(t *testing.T) {
	b := newBed(t)
	one, two := socket(t, "127.0.0.1"), socket(t, "127.0.0.1")
	leg := b.dial("+4930123")
	invite := b.request("INVITE")
	at := rtpOf(t, invite.Body())
	b.replyAs("f1", invite, 183, "Session Progress", b.at(one, "0"))
	if e := b.event(signalling.Early); e.Connect {
		t.Error("the caller is to be answered")
	}
	heard := make(chan media.Packet, 20)
	leg.Media().SendTo(sink(heard))
	hears := func(want *net.UDPConn) {
		t.Helper()
		for late := time.After(patience); ; {
			b.rtp = want
			b.says(at, 1)
			select {
			case <-heard:
				return
			case <-time.After(20 * time.Millisecond):
			case <-late:
				t.Fatal("nothing was heard")
			}
		}
	}
	speaks := func(want *net.UDPConn) {
		t.Helper()
		if err := leg.Media().WritePacket(&media.Packet{Payload: make([]byte, 160), Clock: 8000}); err != nil {
			t.Fatal(err)
		}
		b.rtp = want
		b.hears()
	}
	hears(one)
	speaks(one)
	b.replyAs("f2", invite, 183, "Session Progress", b.at(two, "0"))
	b.replyAs("f1", invite, 183, "Session Progress", b.at(one, "0"))
	b.heard("183 Session Progress < 183 Session Progress < 183 Session Progress")
	hears(two)
	speaks(two)
	leg.SendDigit('5') // a machine that wants digits before it answers
	if got := b.hears(); got[1]&0x7f != 101 {
		t.Errorf("payload type %d", got[1]&0x7f)
	}
	b.replyAs("f1", invite, 200, "OK", nil)
	b.event(signalling.Answered)
	hears(one)
}

// Janus PR 936: 183 with a description and 200 with another are both honoured.
func TestAnswerElsewhere(t *testing.T) {
	b := newBed(t)
	leg := b.dial("+4930123")
	invite := b.request("INVITE")
	b.reply(invite, 183, "Session Progress", b.at(socket(t, "127.0.0.1"), "0"))
	b.event(signalling.Early)
	b.reply(invite, 200, "OK", b.sdp("sendrecv", "0"))
	b.event(signalling.Answered)
	_ = leg.Media().WritePacket(&media.Packet{Payload: make([]byte, 160), Clock: 8000})
	b.hears()
}

// Whoever was promised one codec cannot be told another: the far end is asked
// for it once more, and where it will not the call is shown what there is.
func TestAnswerInAnotherCodec(t *testing.T) {
	for _, agrees := range []bool{true, false} {
		b := newBed(t)
		leg := b.dial("+4930123")
		invite := b.request("INVITE")
		b.replyAs("f1", invite, 183, "Session Progress", b.sdp("sendrecv", "8"))
		b.event(signalling.Early)
		b.reply(invite, 200, "OK", b.sdp("sendrecv", "0"))
		b.request("ACK")
		again := b.request("INVITE")
		if a := rtpOf(t, again.Body()); !a.IsValid() || leg.Media().Format() != media.PCMA {
			t.Errorf("re-INVITE\n%s", again)
		}
		if !agrees {
			b.reply(again, 488, "Not Acceptable Here", nil)
			b.event(signalling.Answered)
			if leg.Media().Format() != media.PCMU {
				t.Errorf("format %s", leg.Media().Format())
			}
			continue
		}
		b.reply(again, 200, "OK", b.sdp("sendrecv", "8"))
		b.event(signalling.Answered)
		if leg.Media().Format() != media.PCMA {
			t.Errorf("format %s", leg.Media().Format())
		}
	}
}

// What cannot be heard is no more than ringing.
func TestNothingToBeHeard(t *testing.T) {
	b := newBed(t)
	leg := b.dial("+4930123")
	invite := b.request("INVITE")
	b.reply(invite, 183, "Session Progress", b.sdp("inactive", "0"))
	b.event(signalling.Ringing)
	b.reply(invite, 183, "Session Progress", []byte("nonsense"))
	b.heard("183 Session Progress < 183 Session Progress")
	if leg.Media() != nil {
		t.Error("there is audio")
	}
	b.reply(invite, 486, "Busy Here", nil)
	b.ended(signalling.Busy)
}

// A flood of forks costs no more than a few of them, and the call is answered.
func TestMoreForksThanAnybodyNeeds(t *testing.T) {
	b := newBed(t)
	b.dial("+4930123")
	invite := b.request("INVITE")
	for i := range 60 {
		b.replyAs(fmt.Sprint("f", i), invite, 183, "Session Progress", b.sdp("sendrecv", "0"))
	}
	b.event(signalling.Early)
	b.replyAs("f59", invite, 200, "OK", b.sdp("sendrecv", "0"))
	b.event(signalling.Answered, signalling.Ringing)
}

// A trunk whose announcements are to be heard in Matrix says so.
func TestEarlyMediaConnects(t *testing.T) {
	b := newBed(t, func(c *TrunkConfig, _ *timing) { c.EarlyMedia = earlyConnect })
	b.dial("+4930123")
	b.reply(b.request("INVITE"), 183, "Session Progress", b.sdp("sendonly", "0"))
	if e := b.event(signalling.Early); !e.Connect {
		t.Error("the caller is not to be answered")
	}
}
