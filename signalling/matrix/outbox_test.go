package matrix

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"maunium.net/go/mautrix"

	"roomline/signalling"
)

func refusal(status int, extra map[string]any) error {
	return mautrix.HTTPError{Response: &http.Response{StatusCode: status, Header: http.Header{}},
		RespError: &mautrix.RespError{ErrCode: "M_X", ExtraData: extra}}
}

// post records what an outbox does, on a clock of its own.
type post struct {
	sync.WaitGroup
	start time.Time
	log   []string
	fail  func(o outgoing, try int) error
	tries map[string]int
}

func (p *post) box() *outbox {
	p.start, p.tries = time.Now(), map[string]int{}
	return newOutbox(context.Background(), &p.WaitGroup, pace{500 * time.Millisecond, 10 * time.Second}, func(ctx context.Context, o outgoing) error {
		p.tries[o.txn]++
		p.log = append(p.log, fmt.Sprintf("%s#%d", o.eventType, p.tries[o.txn]))
		if p.fail != nil {
			return p.fail(o, p.tries[o.txn])
		}
		return nil
	})
}

func TestOutboxKeepsTheOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &post{fail: func(o outgoing, try int) error {
			if o.eventType == "answer" && try < 3 {
				return errors.New("connection refused")
			}
			return nil
		}}
		b := p.box()
		for _, e := range []string{"answer", "candidates", "hangup"} {
			b.put(outgoing{eventType: e, final: e == "hangup"})
		}
		p.Wait()
		if want := []string{"answer#1", "answer#2", "answer#3", "candidates#1", "hangup#1"}; !slices.Equal(p.log, want) {
			t.Errorf("sent %v", p.log)
		}
		if took := time.Since(p.start); took < 750*time.Millisecond*3/2 || took > 2*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// F11: the homeserver says how long to wait. A refusal for good is not repeated.
func TestOutboxObeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &post{fail: func(o outgoing, try int) error {
			switch {
			case o.eventType == "forbidden":
				return refusal(403, nil)
			case try == 1:
				return refusal(429, map[string]any{"retry_after_ms": float64(7000)})
			}
			return nil
		}}
		b := p.box()
		var told error
		b.put(outgoing{eventType: "forbidden", done: func(err error) { told = err }})
		b.put(outgoing{eventType: "limited"})
		p.Wait()
		if want := []string{"forbidden#1", "limited#1", "limited#2"}; !slices.Equal(p.log, want) || !permanent(told) {
			t.Errorf("sent %v, told %v", p.log, told)
		}
		if took := time.Since(p.start); took != 7*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// F10: what is not final is dropped with the leg; a hangup waits ten minutes.
func TestOutboxOutlivesItsLeg(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		back := 8 * time.Minute
		p := &post{}
		p.fail = func(outgoing, int) error {
			if time.Since(p.start) < back {
				return errors.New("connection refused")
			}
			return nil
		}
		b := p.box()
		var answer, hangup error
		b.put(outgoing{eventType: "answer", done: func(err error) { answer = err }})
		b.put(outgoing{eventType: "candidates"})
		pause(t.Context(), time.Minute)
		b.drop()
		b.put(outgoing{eventType: "hangup", final: true, done: func(err error) { hangup = err }})
		b.put(outgoing{eventType: "late"})
		p.Wait()
		if answer == nil || hangup != nil || slices.Contains(p.log, "candidates#1") || slices.Contains(p.log, "late#1") {
			t.Errorf("answer %v, hangup %v, log %v", answer, hangup, p.log)
		}
		if took := time.Since(p.start); took < back || took > back+15*time.Second {
			t.Errorf("it took %v", took)
		}
		back = time.Hour
		b.put(outgoing{eventType: "hangup", final: true, done: func(err error) { hangup = err }})
		p.Wait()
		if hangup == nil || permanent(hangup) {
			t.Errorf("given up with %v", hangup)
		}
	})
}

// What is under way when the leg ends is not overtaken by the hangup, unless
// the homeserver hangs.
func TestHangupOvertakesNothing(t *testing.T) {
	for _, takes := range []time.Duration{time.Second, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			var log []string
			var wg sync.WaitGroup
			b := newOutbox(context.Background(), &wg, pace{500 * time.Millisecond, 10 * time.Second}, func(ctx context.Context, o outgoing) error {
				if o.eventType != "hangup" && !pause(ctx, takes) {
					return ctx.Err()
				}
				log = append(log, o.eventType)
				return nil
			})
			start := time.Now()
			b.put(outgoing{eventType: "identity"})
			synctest.Wait()
			b.drop()
			b.put(outgoing{eventType: "hangup", final: true})
			wg.Wait()
			want := []string{"identity", "hangup"}
			if takes > abandonGrace {
				want = want[1:]
			}
			if !slices.Equal(log, want) || time.Since(start) != min(takes, abandonGrace) {
				t.Errorf("%v after %v", log, time.Since(start))
			}
		})
	}
}

// A room that rings longer than its caller waits ends by itself, and does so
// even when the call does not react.
func TestRingingTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		c := &Client{ctx: ctx, log: discard(), calls: newCalls()}
		l := newLeg(c, signalling.A)
		l.in = signalling.NewInbox("test", c.log)
		start := time.Now()
		_, o := l.ringing(45 * time.Second)
		if took := time.Since(start); took != ringsFor(45*time.Second)+ringGrace || o.reason.Cause != signalling.NoAnswer {
			t.Errorf("%v after %v", o.reason, took)
		}
		if e := l.in.Take(); len(e) != 1 || e[0].Kind != signalling.TimedOut {
			t.Errorf("posted %v", e)
		}
	})
}

func TestMailboxIsBounded(t *testing.T) {
	t.Parallel()
	m := newMailbox()
	for range 3 * maxMail {
		m.put(item{kind: fromRoom})
	}
	if it, ok := m.take(); !ok || it.kind != flooded {
		t.Errorf("%v", it.kind)
	}
	if _, ok := m.take(); ok {
		t.Error("more than the last item is left")
	}
}

// X3: what nobody claims is not kept for ever.
func TestCallsAreBounded(t *testing.T) {
	t.Parallel()
	c := newCalls()
	for i := range 3 * maxStashed {
		c.deliver(heard{Room: room, message: message{CallID: fmt.Sprint(i), Type: typeCandidates}})
	}
	for i := range maxTombs + 10 {
		c.kill(callKey{room, fmt.Sprint(i)})
	}
	if len(c.early) > maxStashed || len(c.tombs) > maxTombs {
		t.Errorf("%d stashed, %d tombs", len(c.early), len(c.tombs))
	}
}
