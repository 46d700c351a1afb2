package sip

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/media"
	"roomline/signalling"
)

// A rejected INVITE that is repeated gets the same rejection, not a second call,
// also when its transaction is long over: a 503's ends at once.
func TestRepeatedRejection(t *testing.T) {
	b := newBed(t)
	b.board.refuse.Store(&signalling.Reason{Cause: signalling.Congestion})
	invite := b.text("INVITE", "+4930555", b.sdp("sendrecv", "0"))
	b.send(invite)
	first := b.response("503")
	b.board.refuse.Store(nil) // now there would be room
	for range 3 {
		again := b.insists(invite, "503")
		if tagOf(again.To().Params) != tagOf(first.To().Params) || valueOf(again, "retry-after") != valueOf(first, "retry-after") {
			t.Errorf("first\n%s\nthen\n%s", first, again)
		}
	}
	if len(b.board.calls) > 0 {
		t.Error("the repeated INVITE became a call")
	}
	b.seq++ // another attempt is another call
	b.send(b.text("INVITE", "+4930555", b.sdp("sendrecv", "0")))
	leg := b.rung()
	leg.Hangup(signalling.Reason{Cause: signalling.Busy})
	b.response("486")
	b.event(signalling.Gone)
}

// insists sends a request until it is answered: what meets the last moment of a
// transaction is lost.
func (b *bed) insists(text, want string) *sipmsg.Response {
	b.t.Helper()
	for late := time.Now().Add(patience); time.Now().Before(late); {
		b.send(text)
		select {
		case msg := <-b.got:
			if is(msg, want) {
				return msg.(*sipmsg.Response)
			}
		case <-time.After(200 * time.Millisecond):
		}
	}
	b.t.Fatalf("no %s came", want)
	return nil
}

func TestRepeatedBusy(t *testing.T) {
	b := newBed(t)
	invite := b.text("INVITE", "+4930555", b.sdp("sendrecv", "0"))
	b.send(invite)
	b.rung().Hangup(signalling.Reason{Cause: signalling.Busy})
	first := b.response("486")
	b.event(signalling.Gone)
	req, err := sipmsg.ParseMessage([]byte(invite))
	if err != nil {
		t.Fatal(err)
	}
	if r := b.agent.rejected.again(req.(*sipmsg.Request)); r.status != 486 || tagOf(req.To().Params) != tagOf(first.To().Params) {
		t.Errorf("remembered %d with tag %s", r.status, tagOf(req.To().Params))
	}
	b.send(invite)
	if again := b.response("486"); tagOf(again.To().Params) != tagOf(first.To().Params) {
		t.Error("another tag")
	}
	if len(b.board.calls) > 0 {
		t.Error("the repeated INVITE became a call")
	}
}

// What is remembered is bounded in number and in time; challenges are not.
func TestRejectionsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rejections{all: map[rejectedKey]rejection{}}
		invite := func(i int) *sipmsg.Request {
			text := strings.Replace(well, "Call-ID: ", fmt.Sprintf("Call-ID: %d-", i), 1)
			msg, err := sipmsg.ParseMessage([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			msg.(*sipmsg.Request).SetDestination(initial)
			return msg.(*sipmsg.Request)
		}
		for i := range maxRejected + 10 {
			r.add(invite(i), sipmsg.NewResponse(486, "Busy Here"))
		}
		if len(r.all) != maxRejected || r.again(invite(9)).status != 0 || r.again(invite(10)).status != 486 {
			t.Errorf("%d are kept", len(r.all))
		}
		r.add(invite(-1), sipmsg.NewResponse(401, "Unauthorized"))
		r.add(invite(-2), sipmsg.NewResponse(200, "OK"))
		within := invite(-3)
		within.SetDestination("")
		r.add(within, sipmsg.NewResponse(488, "Not Acceptable Here"))
		for i := -3; i < 0; i++ {
			if r.again(invite(i)).status != 0 {
				t.Errorf("%d was kept", i)
			}
		}
		elsewhere := invite(100)
		elsewhere.Via().Params.Add("branch", "z9hG4bKother")
		if r.again(elsewhere).status != 0 {
			t.Error("another branch is no repetition")
		}
		<-time.After(rejectedLife + time.Second)
		if r.again(invite(100)).status != 0 {
			t.Error("kept for too long")
		}
	})
}

// S19: a call that went through too many hands ends; one that we pass on has a
// hop less.
func TestMaxForwards(t *testing.T) {
	b := newBed(t)
	b.send(strings.Replace(b.text("INVITE", "+4930555", b.sdp("sendrecv", "0")), "Max-Forwards: 70", "Max-Forwards: 0", 1))
	b.response("483")
	b.id = newTag()
	b.send(strings.Replace(b.text("OPTIONS", "+4930555", nil), "Max-Forwards: 70", "Max-Forwards: 0", 1))
	b.response("200 OPTIONS") // RFC 3261 §11
	for came, want := range map[int]string{0: "70", 1: "0", 12: "11", 70: "69"} {
		d, _ := b.agent.Trunk("carrier")
		leg := d.Dial(signalling.Target{To: signalling.Party{Number: "+4930123"}, Hops: came}, []media.Format{media.PCMU}, b.box)
		invite := b.request("INVITE")
		if got := valueOf(invite, "max-forwards"); got != want {
			t.Errorf("%d goes on as %s, want %s", came, got, want)
		}
		b.reply(invite, 486, "Busy Here", nil)
		b.ended(signalling.Busy)
		leg.Hangup(signalling.Reason{})
	}
}

// S19: a call that comes round to us, from trunk to trunk, is seen by our mark.
func TestSpiral(t *testing.T) {
	a, z := newPeer(t, "127.0.0.1"), newPeer(t, "127.0.0.2")
	x := signalling.NewExchange(signalling.Options{Router: toTrunk("z"), Limits: signalling.DefaultLimits(), Max: 10, Log: discard()})
	agent := startAgent(t, map[string]TrunkConfig{
		"a": {Host: a.addr().String(), Numbers: []string{"+4930555"}}, "z": {Host: z.addr().String(), Numbers: []string{"+4930666"}},
	}, newPorts(t), x, realTiming())
	d, _ := agent.Trunk("z")
	x.Connect("z", d)
	t.Cleanup(x.Stop)
	a.to, z.to = agent.listeners[0].addr, agent.listeners[0].addr
	a.send(strings.Replace(a.text("INVITE", "+4930555", a.sdp("sendrecv", "0")), "Max-Forwards: 70", "Max-Forwards: 20", 1))
	invite := z.request("INVITE")
	if got := valueOf(invite, "max-forwards"); got != "19" {
		t.Errorf("it goes on with %s hops", got)
	}
	z.send(z.text("INVITE", "+4930666", z.sdp("sendrecv", "0"), "Via: "+invite.Via().Value())) // as a proxy sends it back
	z.response("482")
	z.reply(invite, 486, "Busy Here", nil)
	a.response("486")
}

// What a dialog and we ourselves are asked beside the call.
func TestAskedWithinACall(t *testing.T) {
	b := newBed(t)
	_, invite := b.answered()
	for i, c := range []struct {
		method  string
		body    string
		headers []string
		want    string
	}{
		{"OPTIONS", "", nil, "200 OPTIONS"},
		{"NOTIFY", "", []string{"Event: message-summary", "Subscription-State: active"}, "489 NOTIFY"},
		{"NOTIFY", "", []string{"Event: refer", "Subscription-State: active"}, "481 NOTIFY"},
		{"INFO", "x", []string{"Info-Package: conference", "Content-Type: application/x"}, "469 INFO"},
		{"INFO", "<x/>", []string{"Content-Type: application/media_control+xml"}, "415 INFO"},
		{"PUBLISH", "", nil, "405 PUBLISH"},
		{"STRANGE", "", nil, "501 STRANGE"},
	} {
		b.send(b.within(invite, c.method, uint32(20+i), []byte(c.body), c.headers...))
		res := b.response(c.want)
		if res.StatusCode == 469 && res.GetHeader("recv-info") == nil {
			t.Errorf("RFC 6086 §4.2.2 wants Recv-Info\n%s", res)
		}
	}
}
