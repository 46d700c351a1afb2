package sip

import (
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"roomline/media"
	"roomline/signalling"
)

// Each finished call leaves something behind for the 32 s in which its messages
// may be repeated. It must be little: memory is that, times calls a second,
// times 32.
func TestFinishedCallsLeaveLittle(t *testing.T) {
	b := newBed(t)
	const calls = 100
	for _, in := range []bool{true, false} {
		call := func(i int) {
			b.box = signalling.NewInbox(fmt.Sprint(in, i), discard())
			b.seen, b.far, b.id, b.tag = nil, "", newTag(), newTag()
			if in {
				_, res := b.connected()
				b.far = tagOf(res.To().Params)
				b.seq++
				b.send(b.text("BYE", "+4930555", nil))
				b.response("200 BYE")
				b.ended(signalling.NormalClearing)
				return
			}
			leg, _ := b.answered()
			leg.Hangup(signalling.Reason{})
			b.reply(b.request("BYE"), 200, "OK", nil)
			b.gone()
		}
		call(-1)
		bytes, goroutines := standing()
		for i := range calls {
			call(i)
		}
		b2, g2 := standing()
		each, standing := (int(b2)-int(bytes))/calls, float64(g2-goroutines)/calls
		t.Logf("in %v: %d bytes and %.2f goroutines a call", in, each, standing)
		if each > 2500 || standing > 0.2 { // both ways, times 32 s, twice for what waits to be collected: under 0.2 MB per call/s
			t.Errorf("in %v: %d bytes and %.2f goroutines a call", in, each, standing)
		}
	}
}

// What repeats a request that is over gets what it got, and is no second call;
// its ACK is absorbed, and ends the repetition of the refusal.
func TestRepetitions(t *testing.T) {
	b := newBed(t, func(_ *TrunkConfig, x *timing) { x.t1, x.t2 = 20*time.Millisecond, 40*time.Millisecond })
	b.board.refuse.Store(&signalling.Reason{Cause: signalling.Unallocated})
	invite := b.text("INVITE", "+4930555", b.sdp("sendrecv", "0"))
	b.send(invite)
	first := b.response("404 INVITE")
	if again := b.response("404 INVITE"); again.String() != first.String() { // timer G
		t.Errorf("repeated\n%s", again)
	}
	b.board.refuse.Store(nil)
	b.send(invite)
	if again := b.response("404 INVITE"); again.String() != first.String() {
		t.Errorf("to its repetition\n%s", again)
	}
	b.nobodyRings()
	branch := branchOf(first)
	ack := b.text("ACK", "+4930555", nil)
	at := strings.Index(ack, "branch=") + len("branch=")
	ack = strings.Replace(ack, ack[at:at+strings.IndexByte(ack[at:], ';')], branch, 1)
	b.send(strings.Replace(ack, "To: <sip:+4930555@"+b.to.String()+">", "To: "+first.To().Value(), 1))
	b.settle("404 INVITE")
	b.never("404", 200*time.Millisecond)
	b.send(strings.Replace(strings.Replace(invite, "INVITE sip", "CANCEL sip", 1), "10 INVITE", "10 CANCEL", 1))
	if res := b.response("200 CANCEL"); tagOf(res.To().Params) != tagOf(first.To().Params) { // too late (RFC 3261 §9.2)
		t.Errorf("to a late CANCEL\n%s", res)
	}
}

// settle passes over what was on its way.
func (b *bed) settle(want string) {
	for {
		select {
		case msg := <-b.got:
			if !is(msg, want) {
				b.t.Errorf("%s came", msg)
			}
		case <-time.After(60 * time.Millisecond):
			return
		}
	}
}

func TestRepetitionsOfACall(t *testing.T) {
	b := newBed(t)
	invite := b.text("INVITE", "+4930555", b.sdp("sendrecv", "0 8"))
	b.send(invite)
	leg := b.rung()
	leg.Answer(media.PCMU)
	res := b.response("200 INVITE")
	b.ack(res, nil)
	b.event(signalling.Confirmed)
	b.send(invite) // absorbed (RFC 6026 §7.1)
	b.seq++
	bye := b.text("BYE", "+4930555", nil)
	b.send(bye)
	first := b.response("200 BYE")
	b.ended(signalling.NormalClearing)
	b.send(bye)
	if again := b.response("200 BYE"); again.String() != first.String() {
		t.Errorf("repeated\n%s", again)
	}
	b.nobodyRings()
}

// A refusal that the far end repeats has its ACK again, though nothing is left of
// the call (RFC 3261 §17.1.1.2).
func TestRepeatedRefusal(t *testing.T) {
	b := newBed(t)
	b.dial("+4930123")
	res := b.reply(b.request("INVITE"), 486, "Busy Here", nil)
	first := b.request("ACK")
	b.ended(signalling.Busy)
	b.send(res.String())
	if again := b.request("ACK"); again.String() != first.String() && branchOf(again) != branchOf(first) {
		t.Errorf("repeated\n%s", again)
	}
}

// The rejected and the scanned displace nothing of a call.
func TestRefusedDisplaceNoCalls(t *testing.T) {
	f := newFinished(realTiming())
	defer f.close()
	to := netip.MustParseAddrPort("192.0.2.1:5060")
	text := func(status, i int, method string) []byte {
		return fmt.Appendf(nil, "SIP/2.0 %d X\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK%d\r\nTo: <sip:a>;tag=b\r\nCall-ID: c\r\nCSeq: 1 %s\r\n\r\n", status, i, method)
	}
	f.keep(text(200, -1, "BYE"), to, nil)
	for i := range maxRefused + 1000 {
		f.keep(text(404, i, "OPTIONS"), to, nil)
	}
	if len(f.all) > maxRefused+1 {
		t.Errorf("%d are kept", len(f.all))
	}
	asks := func(i int, method string) bool {
		m, _ := read(fmt.Appendf(nil, "%s sip:x SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK%d\r\nCall-ID: c\r\nCSeq: 1 %s\r\n\r\n", method, i, method))
		_, over := f.repeated(m, to.Addr())
		return over
	}
	if !asks(-1, "BYE") || asks(0, "OPTIONS") || !asks(maxRefused, "OPTIONS") {
		t.Error("the wrong one was forgotten")
	}
}

func standing() (uint64, int) {
	var m runtime.MemStats
	for range 3 {
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return m.HeapAlloc, runtime.NumGoroutine()
}

// Some send the ACK for a 2xx under the INVITE's own branch, as RFC 2543 had it:
// it is one all the same.
func TestAckUnderTheInvitesBranch(t *testing.T) {
	b := newBed(t)
	b.send(b.text("INVITE", "+4930555", b.sdp("sendrecv", "0 8")))
	leg := b.rung()
	leg.Answer(media.PCMU)
	res := b.response("200 INVITE")
	b.far = tagOf(res.To().Params)
	ack := b.text("ACK", "+4930555", nil)
	at := strings.Index(ack, "branch=") + len("branch=")
	b.send(strings.Replace(ack, ack[at:at+strings.IndexByte(ack[at:], ';')], branchOf(res), 1))
	b.event(signalling.Confirmed)
}

// S7: what is kept is bounded in bytes too, however long the requests are that
// answers repeat.
func TestAnswersKeptAreBounded(t *testing.T) {
	r := rack{most: maxRefused}
	kept := 0
	for range 2 * maxAnswers / maxMessage {
		kept++
		kept -= len(r.add(&remains{answer: make([]byte, maxMessage), until: time.Now().Add(time.Hour)}))
	}
	if r.bytes > maxAnswers || r.bytes != kept*maxMessage {
		t.Errorf("%d answers of %d bytes are kept", kept, r.bytes)
	}
}

// An ACK whose CSeq names the INVITE, as some write it, ends the repetition of a
// refusal all the same.
func TestSloppyAckEndsRepetition(t *testing.T) {
	for _, seq := range []string{"1 ACK", "1 INVITE"} {
		f := newFinished(realTiming())
		text := "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r\nFrom: <sip:a>;tag=a\r\nTo: <sip:b>;tag=b\r\nCall-ID: c\r\nCSeq: "
		far := netip.MustParseAddrPort("192.0.2.1:5060")
		f.keep([]byte("SIP/2.0 486 Busy Here\r\n"+text+"1 INVITE\r\n\r\n"), far, func([]byte, netip.AddrPort) {})
		ack, _ := read([]byte("ACK sip:b SIP/2.0\r\n" + text + seq + "\r\n\r\n"))
		if _, over := f.repeated(ack, far.Addr()); !over || f.unacked != 0 {
			t.Errorf("%s: over %t, %d are repeated", seq, over, f.unacked)
		}
		f.close()
	}
}

// What may go is held by nobody, also while its place in the row is still there.
func TestRackLetsGo(t *testing.T) {
	r := rack{most: 10}
	for range 18 {
		r.add(&remains{until: time.Now().Add(time.Hour)})
	}
	held := 0
	for _, one := range r.row {
		if one != nil {
			held++
		}
	}
	if held != 10 || r.gone != 8 {
		t.Errorf("%d are held, %d are gone", held, r.gone)
	}
}
