package sip

import (
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/media"
	"roomline/media/port"
	"roomline/signalling"
)

// bed is an agent with one trunk, which is p.
type bed struct {
	*peer
	agent *Agent
	board *board
	ports *port.Range
	box   *signalling.Inbox
	seen  []signalling.Event
}

func newPorts(t *testing.T) *port.Range {
	t.Helper()
	cfg := port.Default()
	cfg.Low, cfg.High = 31000, 31998
	r, err := port.NewRange(cfg, discard())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func newBed(t *testing.T, change ...func(*TrunkConfig, *timing)) *bed {
	t.Helper()
	b := &bed{peer: newPeer(t, "127.0.0.1"), board: &board{calls: make(chan signalling.Incoming, 10)}, ports: newPorts(t)}
	cfg := TrunkDefaults()
	cfg.Host, cfg.Numbers, cfg.Username, cfg.Password = b.addr().String(), []string{"+4930555"}, "gw", "s3cret"
	cfg.AcceptRefer, cfg.TrustIdentity = true, true // which no carrier is given unasked
	times := realTiming()
	for _, c := range change {
		c(&cfg, &times)
	}
	b.agent = startAgent(t, map[string]TrunkConfig{"carrier": cfg}, b.ports, b.board, times)
	b.to = b.agent.listeners[0].addr
	b.box = signalling.NewInbox("call", discard())
	return b
}

func startAgent(t *testing.T, trunks map[string]TrunkConfig, ports Ports, sw Switchboard, times timing) *Agent {
	t.Helper()
	return startWith(t, nil, trunks, ports, sw, times)
}

func startWith(t *testing.T, j Journal, trunks map[string]TrunkConfig, ports Ports, sw Switchboard, times timing) *Agent {
	t.Helper()
	for name, tc := range trunks {
		if tc.Keepalive == TrunkDefaults().Keepalive { // peers expect no OPTIONS unless a test asks for them
			tc.Keepalive = 0
			trunks[name] = tc
		}
	}
	a, err := New(Config{Listen: []string{"udp://127.0.0.1:0", "tcp://127.0.0.1:0"}, Product: "roomline/test", Read: german}, trunks, ports, sw, j,
		discard())
	if err != nil {
		t.Fatal(err)
	}
	a.timing = times
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

// german reads national numbers, as the gateway does for its own country.
func german(number string) string {
	if national, ok := strings.CutPrefix(number, "0"); ok {
		return "+49" + national
	}
	return number
}

// dial places a call to number on the bed's trunk.
func (b *bed) dial(number string) signalling.Leg {
	b.t.Helper()
	d, ok := b.agent.Trunk("carrier")
	if !ok {
		b.t.Fatal("no trunk")
	}
	to := signalling.Target{Via: "carrier", To: signalling.Party{Number: number}, From: signalling.Party{Name: "Alice"}}
	return d.Dial(to, []media.Format{media.Opus, media.PCMA, media.PCMU}, b.box)
}

// answered places a call and has the peer answer it.
func (b *bed) answered() (signalling.Leg, *sipmsg.Request) {
	b.t.Helper()
	leg := b.dial("+4930123")
	invite := b.request("INVITE")
	b.reply(invite, 200, "OK", b.sdp("sendrecv", "0"))
	b.request("ACK")
	b.event(signalling.Answered)
	return leg, invite
}

// connected has the peer place a call, and answers it.
func (b *bed) connected() (signalling.Leg, *sipmsg.Response) {
	b.t.Helper()
	b.send(b.text("INVITE", "+4930555", b.sdp("sendrecv", "0 8")))
	leg := b.rung()
	leg.Answer(media.PCMU)
	res := b.response("200 INVITE")
	b.ack(res, nil)
	b.event(signalling.Confirmed)
	return leg, res
}

// rung takes the call that the peer just placed.
func (b *bed) rung() signalling.Leg {
	b.t.Helper()
	select {
	case in := <-b.board.calls:
		return in.Leg(b.box)
	case <-time.After(patience):
		b.t.Fatal("no call reached the switchboard")
		return nil
	}
}

// event waits for an event of one kind; any others fail, except what a test
// says may come before.
func (b *bed) event(want signalling.Kind, before ...signalling.Kind) signalling.Event {
	b.t.Helper()
	late := time.After(patience)
	for {
		for len(b.seen) > 0 {
			e := b.seen[0]
			b.seen = b.seen[1:]
			if e.Kind == want {
				return e
			}
			expected := false
			for _, k := range before {
				expected = expected || k == e.Kind
			}
			if !expected {
				b.t.Fatalf("event %s (%s) came, want %s", e.Kind, e.Reason, want)
			}
		}
		select {
		case <-b.box.Ready():
			b.seen = append(b.seen, b.box.Take()...)
		case <-late:
			b.t.Fatalf("no event %s came; ladder %v", want, b.box.Ladder())
		}
	}
}

// ended waits for HungUp with a cause, and then for Gone.
func (b *bed) ended(want signalling.Cause) signalling.Reason {
	b.t.Helper()
	e := b.event(signalling.HungUp, signalling.Ringing)
	if e.Reason.Cause != want {
		b.t.Fatalf("hung up for %q, want %s", e.Reason, want)
	}
	b.gone()
	return e.Reason
}

// gone waits for Gone and checks that nothing is left.
func (b *bed) gone() {
	b.t.Helper()
	b.event(signalling.Gone, signalling.Ringing)
	b.agent.mu.Lock()
	defer b.agent.mu.Unlock()
	if len(b.agent.legs) > 0 || len(b.agent.fresh) > 0 {
		b.t.Fatalf("%d legs and %d INVITEs are left behind", len(b.agent.legs), len(b.agent.fresh))
	}
}

// ladder is the call's messages in one line: "> INVITE < 200 OK".
func (b *bed) ladder() string {
	var s []string
	for _, m := range b.box.Ladder() {
		arrow := "<"
		if m.Sent {
			arrow = ">"
		}
		s = append(s, arrow+" "+m.Text)
	}
	return strings.Join(s, " ")
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// heard waits until a message is on the ladder.
func (b *bed) heard(text string) {
	b.t.Helper()
	for late := time.Now().Add(patience); !strings.Contains(b.ladder(), text); {
		if time.Now().After(late) {
			b.t.Fatalf("%s was not heard: %s", text, b.ladder())
		}
		runtime.Gosched()
	}
}
