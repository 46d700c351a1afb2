package sip

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/internal/database"
	"roomline/internal/database/databasetest"
	"roomline/media"
	"roomline/signalling"
)

// memory is a journal that outlives an agent, and fails when it is told to.
type memory struct {
	mu      sync.Mutex
	entries map[string]Entry
	order   []string // of Entries, for those that are to come first
	broken  bool
	written chan struct{} // a value after each Write
}

func newMemory() *memory {
	return &memory{entries: map[string]Entry{}, written: make(chan struct{}, 100)}
}

func (m *memory) Write(_ context.Context, keep []Entry, forget []string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	defer func() { m.written <- struct{}{} }()
	if m.broken {
		return errors.New("disk full")
	}
	for _, e := range keep {
		m.entries[e.Key()] = e
	}
	for _, key := range forget {
		delete(m.entries, key)
	}
	return nil
}

func (m *memory) Entries(context.Context) ([]Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []Entry
	for _, key := range m.order {
		if e, ok := m.entries[key]; ok {
			all = append(all, e)
		}
	}
	for key, e := range m.entries {
		if !slices.Contains(m.order, key) {
			all = append(all, e)
		}
	}
	return all, nil
}

func (m *memory) set(broken bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.broken = broken
}

// has waits until n entries are kept.
func (m *memory) has(t *testing.T, n int) {
	t.Helper()
	for late := time.After(patience); ; {
		if all, _ := m.Entries(t.Context()); len(all) == n {
			return
		}
		select {
		case <-m.written:
		case <-late:
			all, _ := m.Entries(t.Context())
			t.Fatalf("%d entries are kept, want %d", len(all), n)
		}
	}
}

// newBedWith is a bed whose agent keeps a journal, on a peer that may have
// known another agent before.
func newBedWith(t *testing.T, p *peer, j Journal, times timing) *bed {
	t.Helper()
	b := &bed{peer: p, board: &board{calls: make(chan signalling.Incoming, 10)}, ports: newPorts(t), box: signalling.NewInbox("call", discard())}
	cfg := TrunkDefaults()
	cfg.Host, cfg.Numbers, cfg.Username, cfg.Password = p.addr().String(), []string{"+4930555"}, "gw", "s3cret"
	b.agent = startWith(t, j, map[string]TrunkConfig{"carrier": cfg}, b.ports, b.board, times)
	b.to = b.agent.listeners[0].addr
	return b
}

// F1: what is answered when the program dies is ended by the next start, from
// both sides of a call, with the tags, routes and target that it had.
func TestSuddenEnd(t *testing.T) {
	kept, times := newMemory(), realTiming()
	b := newBedWith(t, newPeer(t, "127.0.0.1"), kept, times)
	leg := b.dial("+4930123")
	b.reply(b.request("INVITE"), 401, "Unauthorized", nil, challenge)
	invite := b.request("INVITE")
	route := "<sip:" + b.addr().String() + ";lr;x=y>"
	b.reply(invite, 200, "OK", b.sdp("sendrecv", "0"), "Record-Route: "+route)
	b.request("ACK")
	b.event(signalling.Answered)
	leg.Show(signalling.View{Held: true}) // one more request in the dialog
	re := b.request("INVITE")
	b.reply(re, 200, "OK", b.sdp("recvonly", "0"))
	b.box, b.seen = signalling.NewInbox("other", discard()), nil
	_, res := b.connected()
	kept.has(t, 2)
	left := newMemory() // as the disk is at this moment
	open, _ := kept.Entries(t.Context())
	for _, e := range open {
		left.entries[e.Key()] = e
	}
	b.agent.Close()
	kept.has(t, 0) // a proper end leaves nothing
	for len(b.got) > 0 {
		<-b.got
	}

	times.bye, times.farewells = 300*time.Millisecond, []time.Duration{time.Millisecond, time.Millisecond}
	next := newBedWith(t, b.peer, left, times)
	byes := map[string]*sipmsg.Request{}
	for len(byes) < 2 {
		bye := next.request("BYE")
		byes[bye.CallID().Value()] = bye
	}
	out, in := byes[invite.CallID().Value()], byes[res.CallID().Value()]
	if out == nil || in == nil {
		t.Fatalf("BYEs %v", byes)
	}
	if out.CSeq().SeqNo <= re.CSeq().SeqNo || tagOf(out.From().Params) != tagOf(invite.From().Params) || tagOf(out.To().Params) != b.tag ||
		out.GetHeader("Route").Value() != route || out.Recipient.Port != int(b.addr().Port()) {
		t.Errorf("BYE\n%s", out)
	}
	if tagOf(in.From().Params) != tagOf(res.To().Params) || tagOf(in.To().Params) != b.tag {
		t.Errorf("BYE\n%s", in)
	}
	next.reply(in, 481, "Call/Transaction Does Not Exist", nil)
	next.reply(out, 401, "Unauthorized", nil, challenge) // the realm that took the password
	again := next.request("BYE")
	right(t, again, "Authorization", "s3cret")
	next.reply(again, 200, "OK", nil)
	left.has(t, 0)
}

// A far end that never answers is given up after a few times; what cannot be
// ended at all is forgotten, and new calls do not wait for any of it.
func TestSuddenEndWithoutAnswer(t *testing.T) {
	p, times := newPeer(t, "127.0.0.1"), realTiming()
	times.bye, times.farewells = 50*time.Millisecond, []time.Duration{time.Millisecond, time.Millisecond, time.Millisecond}
	good := Entry{At: time.Now(), Trunk: "carrier", CallID: "a", Local: "sip:1@h", LocalTag: "1", Remote: "sip:2@h", RemoteTag: "2",
		Target: "sip:2@" + p.addr().String(), Network: "udp", Listen: "127.0.0.9:5060", Peer: p.addr().String()}
	left := newMemory()
	for i, change := range []func(*Entry){
		func(*Entry) {}, func(e *Entry) { e.Trunk = "gone" }, func(e *Entry) { e.Target = "" }, func(e *Entry) { e.Peer = "nowhere" },
		func(e *Entry) { e.Network = "sctp" }, func(e *Entry) { e.At = e.At.Add(-25 * time.Hour) },
	} {
		e := good
		e.CallID = fmt.Sprint("call", i)
		change(&e)
		left.entries[e.Key()] = e
	}
	b := newBedWith(t, p, left, times)
	branches := map[string]bool{}
	for len(branches) < 3 {
		bye := b.request("BYE")
		if bye.CallID().Value() != "call0" {
			t.Errorf("BYE\n%s", bye)
		}
		branches[bye.Via().Value()] = true
	}
	left.has(t, 0)
	b.answered()
}

// Closing does not wait for far ends that are silent; the next start tries again.
func TestSuddenEndTwice(t *testing.T) {
	p := newPeer(t, "127.0.0.1")
	left := newMemory()
	e := Entry{At: time.Now(), Trunk: "carrier", CallID: "a", Local: "sip:1@h", LocalTag: "1", Remote: "sip:2@h", RemoteTag: "2",
		Target: "sip:2@" + p.addr().String(), Network: "udp", Peer: p.addr().String()}
	left.entries[e.Key()] = e
	b := newBedWith(t, p, left, realTiming())
	b.request("BYE")
	if err := b.agent.Close(); err != nil {
		t.Error(err)
	}
	left.has(t, 1)
}

// F9: a journal that cannot be written stops no call, and is made up for.
func TestBrokenJournal(t *testing.T) {
	kept, times := newMemory(), realTiming()
	times.again = time.Millisecond
	kept.set(true)
	b := newBedWith(t, newPeer(t, "127.0.0.1"), kept, times)
	leg, invite := b.answered()
	<-kept.written
	kept.set(false)
	kept.has(t, 1)
	all, _ := kept.Entries(t.Context())
	if all[0].CallID != invite.CallID().Value() || all[0].Seq != invite.CSeq().SeqNo {
		t.Errorf("%+v", all[0])
	}
	leg.Hangup(signalling.Reason{})
	b.reply(b.request("BYE"), 200, "OK", nil)
	b.gone()
	kept.has(t, 0)
}

// unreadable is a journal of which nothing is known.
type unreadable struct{ Journal }

func (unreadable) Entries(context.Context) ([]Entry, error) { return nil, errors.New("corrupt") }

func TestUnreadableJournal(t *testing.T) {
	a, err := New(Config{Listen: []string{"udp://127.0.0.1:0"}}, nil, newPorts(t), &board{}, unreadable{}, discard())
	if err != nil {
		t.Fatal(err)
	}
	if a.Start(t.Context()) == nil {
		t.Error("the agent starts without knowing what was left open")
	}
	a.Close()
}

// What waits is the latest only, and no more than there is room for.
func TestScribe(t *testing.T) {
	kept := newMemory()
	s := newScribe(kept, discard())
	s.keep(Entry{CallID: "a", Seq: 1})
	s.keep(Entry{CallID: "a", Seq: 2})
	s.keep(Entry{CallID: "b"})
	s.forget(Entry{CallID: "b"}.Key())
	kept.set(true)
	if s.flush(t.Context()) == nil {
		t.Error("a failure is not told")
	}
	s.keep(Entry{CallID: "a", Seq: 3})
	kept.set(false)
	if err := s.flush(t.Context()); err != nil {
		t.Error(err)
	}
	all, _ := kept.Entries(t.Context())
	if len(all) != 1 || all[0].Seq != 3 {
		t.Errorf("%+v", all)
	}
}

// The first change is written at once, and what comes while that rests together.
func TestWritesAreGathered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept := newMemory()
		s := newScribe(kept, discard())
		ctx, stop := context.WithCancel(t.Context())
		over := make(chan struct{})
		go func() { // ends with ctx, awaited below
			defer close(over)
			s.run(ctx, time.Second)
		}()
		for i := range 100 {
			s.keep(Entry{CallID: fmt.Sprint(i)})
			synctest.Wait()
			if i == 0 && len(kept.written) != 1 {
				t.Error("the first was not written at once")
			}
			<-time.After(time.Millisecond)
		}
		<-time.After(gather)
		if all, _ := kept.Entries(ctx); len(all) != 100 || len(kept.written) > 7 {
			t.Errorf("%d entries by %d writes", len(all), len(kept.written))
		}
		stop()
		<-over
	})
}

func TestDatabaseJournal(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, at database.Address) {
		db, err := database.Open(t.Context(), at, discard())
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		j, err := OpenJournal(t.Context(), db)
		if err != nil {
			t.Fatal(err)
		}
		a := Entry{At: time.Unix(1000, 0).UTC(), Trunk: "t", CallID: "a'); DROP TABLE sip_dialog; --", LocalTag: "1", Routes: []string{"sip:h;lr"}, Seq: 7}
		c := Entry{At: time.Unix(900, 0).UTC(), CallID: "c", Remote: "sip:\u202e@h"}
		if err := j.Write(t.Context(), []Entry{a, c}, []string{"unknown"}); err != nil {
			t.Fatal(err)
		}
		a.Seq = 8
		if err := j.Write(t.Context(), []Entry{a}, nil); err != nil {
			t.Fatal(err)
		}
		if all, err := j.Entries(t.Context()); err != nil || !reflect.DeepEqual(all, []Entry{c, a}) {
			t.Errorf("%+v %v", all, err)
		}
		if err := j.Write(t.Context(), nil, []string{a.Key(), c.Key()}); err != nil {
			t.Fatal(err)
		}
		if all, err := j.Entries(t.Context()); err != nil || slices.ContainsFunc(all, func(Entry) bool { return true }) {
			t.Errorf("%+v %v", all, err)
		}
		var many []Entry // of several statements
		var keys []string
		for i := range 2*atOnce + 7 {
			many = append(many, Entry{At: time.Unix(int64(i), 0).UTC(), CallID: fmt.Sprint(i), Seq: uint32(i)})
			keys = append(keys, many[i].Key())
		}
		if err := j.Write(t.Context(), many, nil); err != nil {
			t.Fatal(err)
		}
		if all, err := j.Entries(t.Context()); err != nil || !reflect.DeepEqual(all, many) {
			t.Errorf("%+v %v", all, err)
		}
		if err := j.Write(t.Context(), many[:1], keys[1:]); err != nil {
			t.Fatal(err)
		}
		if all, err := j.Entries(t.Context()); err != nil || !reflect.DeepEqual(all, many[:1]) {
			t.Errorf("%+v %v", all, err)
		}
		if err := j.Write(t.Context(), nil, keys[:1]); err != nil {
			t.Fatal(err)
		}
		if all, err := j.Entries(t.Context()); err != nil || slices.ContainsFunc(all, func(Entry) bool { return true }) {
			t.Errorf("%+v %v", all, err)
		}
	})
}

// A call is answered at once, however slow the journal is.
func TestSlowJournal(t *testing.T) {
	slow := &stuck{memory: newMemory(), free: make(chan struct{})}
	b := newBedWith(t, newPeer(t, "127.0.0.1"), slow, realTiming())
	t.Cleanup(func() { close(slow.free) })
	for range 3 {
		b.peer.id, b.far = newTag(), ""
		b.box, b.seen = signalling.NewInbox("call", discard()), nil
		b.send(b.text("INVITE", "+4930555", b.sdp("sendrecv", "0 8")))
		leg := b.rung()
		leg.Answer(media.PCMU)
		b.ack(b.response("200 INVITE"), nil)
		b.event(signalling.Confirmed)
	}
}

// stuck is a journal on a disk that hangs.
type stuck struct {
	*memory
	free chan struct{}
}

func (s *stuck) Write(ctx context.Context, keep []Entry, forget []string) error {
	<-s.free
	return s.memory.Write(ctx, keep, forget)
}
