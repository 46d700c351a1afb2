package sip

import (
	"fmt"
	"runtime"
	"testing"

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
		t.Logf("in %v: %d bytes and %.2f goroutines a call", in, (int(b2)-int(bytes))/calls, float64(g2-goroutines)/calls)
	}
	_ = media.PCMU
}

func standing() (uint64, int) {
	var m runtime.MemStats
	for range 3 {
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return m.HeapAlloc, runtime.NumGoroutine()
}
