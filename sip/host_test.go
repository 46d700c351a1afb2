package sip

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/media"
	"roomline/signalling"
	"roomline/sip/locate"
)

// names is a resolver that a test may change.
type names chan []string

func (n names) find(ctx context.Context, _ string) ([]netip.Addr, error) {
	select {
	case found := <-n:
		n <- found
		if len(found) == 0 {
			return nil, errors.New("no such host")
		}
		var addrs []netip.Addr
		for _, f := range found {
			addrs = append(addrs, netip.MustParseAddr(f))
		}
		return addrs, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (n names) change(found ...string) {
	<-n
	n <- found
}

// newNamedBed is a bed whose trunk is known by name; trunks without an address
// stand beside it.
func newNamedBed(t *testing.T, n names) *bed {
	t.Helper()
	b := &bed{peer: newPeer(t, "127.0.0.1"), board: &board{calls: make(chan signalling.Incoming, 10)}, ports: newPorts(t)}
	_, port, _ := net.SplitHostPort(b.addr().String())
	a, err := New(Config{Listen: []string{"udp://127.0.0.1:0"}}, map[string]TrunkConfig{
		"a-lost": {Host: "lost.example", CallerID: "1"}, "carrier": {Host: "carrier.example:" + port, Numbers: []string{"+4930555"}},
		"z-lost": {Host: "lost.example", CallerID: "1"},
	}, b.ports, b.board, nil, discard())
	if err != nil {
		t.Fatal(err)
	}
	a.timing.lookup, a.timing.search, a.timing.follow = 500*time.Millisecond, 10*time.Millisecond, 10*time.Millisecond
	a.resolve = func(ctx context.Context, host string) ([]netip.Addr, error) {
		if host == "carrier.example" {
			return n.find(ctx, host)
		}
		<-ctx.Done() // no answer at all
		return nil, ctx.Err()
	}
	a.search = func(ctx context.Context, q locate.Query) (locate.Answer, error) {
		addrs, err := a.resolve(ctx, q.Host)
		return locate.At(q.Host, q.Transports[0], q.Port, addrs...), err
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	b.agent, b.to, b.box = a, a.listeners[0].addr, signalling.NewInbox("call", discard())
	return b
}

// A name that does not resolve when we start holds nothing up, and is found
// later without a call of ours.
func TestHostIsFoundLater(t *testing.T) {
	n := make(names, 1)
	n <- nil
	began := time.Now()
	b := newNamedBed(t, n)
	if took := time.Since(began); took > time.Second {
		t.Errorf("the start took %s", took)
	}
	b.send(b.text("OPTIONS", "x", nil))
	b.never("200", 50*time.Millisecond) // nobody of ours yet
	n.change("127.0.0.1")
	b.until("its address", func() bool { return b.agent.admits(netip.MustParseAddr("127.0.0.1")) })
	b.id = newTag()
	b.send(b.text("OPTIONS", "x", nil))
	b.response("200 OPTIONS")
}

// A host that moves is followed, and may still end the calls that it has.
func TestHostMoves(t *testing.T) {
	n := make(names, 1)
	n <- []string{"127.0.0.1"}
	b := newNamedBed(t, n)
	_, invite := b.answered()
	n.change("127.0.0.2")
	b.until("its new address", func() bool { return b.agent.admits(netip.MustParseAddr("127.0.0.2")) })
	b.send(b.within(invite, "BYE", 5, nil))
	b.response("200 BYE")
	b.ended(signalling.NormalClearing)
	if to, _, ok := b.agent.trunks["carrier"].remote(); !ok || to.Addr() != netip.MustParseAddr("127.0.0.2") {
		t.Errorf("calls go to %s", to)
	}
}

// While DNS is down calls go where they went, at once.
func TestNamesAreDown(t *testing.T) {
	n := make(names, 1)
	n <- []string{"127.0.0.1"}
	b := newNamedBed(t, n)
	<-n // no answer any more
	began := time.Now()
	b.dial("+4930123")
	b.request("INVITE")
	if took := time.Since(began); took > 400*time.Millisecond {
		t.Errorf("the call waited %s for DNS", took)
	}
}

func (b *bed) until(what string, f func() bool) {
	b.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for late := time.After(patience); !f(); {
		select {
		case <-tick.C:
		case <-late:
			b.t.Fatalf("waited in vain for %s", what)
		}
	}
}

// A trunk that has IPv6 only: brackets where they belong, both ways.
func TestIPv6(t *testing.T) {
	p := &peer{t: t, got: make(chan sipmsg.Message, 200), tag: newTag(), id: newTag(), seq: 10}
	var err error
	if p.conn, err = net.ListenUDP("udp6", &net.UDPAddr{IP: net.IPv6loopback}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.conn.Close() })
	p.rtp = socket(t, "127.0.0.1")
	go p.read() // ends when the test closes the socket
	a, err := New(Config{Listen: []string{"udp://127.0.0.1:0", "udp://[::1]:0"}}, map[string]TrunkConfig{
		"carrier": {Host: p.addr().String(), Numbers: []string{"+4930555"}}}, newPorts(t), &board{calls: make(chan signalling.Incoming, 1)}, nil, discard())
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	b := &bed{peer: p, agent: a, board: a.board.(*board), box: signalling.NewInbox("x", discard())}
	p.to = a.listeners[1].addr
	leg := b.dial("+4930123")
	invite := b.request("INVITE")
	if got := invite.Recipient.String(); got != "sip:+4930123@"+p.addr().String() {
		t.Errorf("Request-URI %s", got)
	}
	if got := invite.Contact().Address.String(); got != "sip:"+p.to.String() {
		t.Errorf("Contact %s, want %s", got, p.to)
	}
	b.reply(invite, 200, "OK", b.sdp("sendrecv", "0"))
	b.request("ACK")
	b.event(signalling.Answered)
	leg.Hangup(signalling.Reason{})
	b.reply(b.request("BYE"), 200, "OK", nil)
	b.gone()

	b.box = signalling.NewInbox("y", discard())
	b.send(b.text("INVITE", "+4930555", b.sdp("sendrecv", "0")))
	leg = b.rung()
	leg.Answer(media.PCMU)
	b.ack(b.response("200 INVITE"), nil)
	b.event(signalling.Confirmed)
	b.far = ""
	leg.Hangup(signalling.Reason{})
	b.reply(b.request("BYE"), 200, "OK", nil)
	b.gone()
}

// Of several machines with one name, a dialog stays with the one that has it,
// whatever order the resolver names them in.
func TestDialogStaysWithItsMachine(t *testing.T) {
	n := make(names, 1)
	n <- []string{"127.0.0.1", "127.0.0.2"}
	b := newNamedBed(t, n)
	leg := b.dial("+4930123")
	_, port, _ := net.SplitHostPort(b.addr().String())
	b.reply(b.request("INVITE"), 200, "OK", b.sdp("sendrecv", "0"), "Record-Route: <sip:carrier.example:"+port+";lr>")
	b.request("ACK")
	b.event(signalling.Answered)
	n.change("127.0.0.2", "127.0.0.1")
	b.until("the other order", func() bool {
		to, _, _ := b.agent.trunks["carrier"].remote()
		return to.Addr() == netip.MustParseAddr("127.0.0.2")
	})
	leg.Hangup(signalling.Reason{})
	b.reply(b.request("BYE"), 200, "OK", nil)
	b.gone()
}

// Whom we are registered with is asked, called and kept alive through a NAT
// before others of the same priority, whatever the lot says; not while it is set
// aside, and never in place of what goes before it.
func TestRegistrarGoesFirst(t *testing.T) {
	n := newNameserver(t, "_sip._udp.home.org. 60 SRV 1 9 5060 a.home.org.", "_sip._udp.home.org. 60 SRV 1 1 5060 b.home.org.", "_sip._udp.home.org. 60 SRV 2 1 5060 c.home.org.",
		"a.home.org. 60 A 192.0.2.1", "b.home.org. 60 A 192.0.2.2", "b.home.org. 60 A 192.0.2.3", "c.home.org. 60 A 192.0.2.4")
	h := newHost("home.org", 0, "udp")
	h.find = (&locate.Finder{Servers: []string{n.addr}}).Locate
	if err := h.lookup(t.Context(), 5*time.Second); err != nil {
		t.Fatal(err)
	}
	at := func(place int) string { return h.draw()[place].Addr.Addr().String() }
	for range 50 {
		home := netip.MustParseAddrPort("192.0.2.3:5060")
		if h.home.Store(&home); at(0) != "192.0.2.3" || at(3) != "192.0.2.4" {
			t.Fatalf("drew %v", h.draw())
		}
		h.setAside(home, time.Minute)
		if at(0) == "192.0.2.3" || at(3) != "192.0.2.3" {
			t.Fatalf("set aside, drew %v", h.draw())
		}
		h.setAside(home, 0)
		lesser := netip.MustParseAddrPort("192.0.2.4:5060")
		if h.home.Store(&lesser); at(3) != "192.0.2.4" {
			t.Fatalf("of a lesser priority, drew %v", h.draw())
		}
	}
}
