package sip

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"roomline/media"
	"roomline/signalling"
)

// stream is a connection to the agent.
func (b *bed) stream() net.Conn {
	b.t.Helper()
	c, err := net.Dial("tcp4", b.agent.listeners[1].addr.String())
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(10 * time.Second))
	return c
}

// overTCP writes a request for a connection.
func (b *bed) overTCP(method string, headers ...string) string {
	q := b.with(1)
	q.id = newTag()
	return strings.Replace(q.text(method, "x", nil, headers...), "SIP/2.0/UDP", "SIP/2.0/TCP", 1)
}

// firstLine reads the next response's first line, and the rest of its head.
func firstLine(t *testing.T, in *bufio.Reader) string {
	t.Helper()
	first, err := in.ReadString('\n')
	for line := first; err == nil && line != "\r\n"; {
		line, err = in.ReadString('\n')
	}
	if err != nil {
		return ""
	}
	return strings.TrimSpace(first)
}

// S2: one bad message gets its 400. Where nobody can tell the next one's
// beginning the connection ends, else it goes on; the others do in any case.
// sipgo #344, #352: one bad message killed a trunk. janus 3388, drachtio PR 453,
// drachtio-server 156: a 4xx, never a crash.
func TestBadMessageOnAConnection(t *testing.T) {
	b := newBed(t)
	steady := b.stream()
	steadily := bufio.NewReader(steady)
	bad := func(from, to string) string { return strings.Replace(b.overTCP("OPTIONS"), from, to, 1) }
	for name, c := range map[string]struct {
		text   string
		status string
		goesOn bool
	}{
		"no Content-Length":      {bad("Content-Length: 0\r\n", ""), "400", false},
		"two Content-Lengths":    {bad("Content-Length: 0\r\n", "Content-Length: 0\r\nl: 7\r\n"), "400", false},
		"two equal ones":         {bad("Content-Length: 0\r\n", "Content-Length: 0\r\nContent-Length: 0\r\n"), "400", false},
		"S5: a huge one":         {bad("Content-Length: 0", "Content-Length: 2147483647"), "513", false},
		"a negative one":         {bad("Content-Length: 0", "Content-Length: -1"), "400", false},
		"a lone LF":              {bad("\r\nContent-Length", "\nContent-Length"), "400", false},
		"unknown scheme":         {bad("OPTIONS sip:", "OPTIONS xyz:"), "416", true},
		"To with half a quote":   {bad("To: <", "To: \"<"), "400", true},
		"another version":        {bad(" SIP/2.0\r\n", " SIP/7.0\r\n"), "505", true},
		"S6: space before colon": {bad("Content-Length: 0", "Content-Length  : 0\r\nContent-Length: 0"), "400", false},
		"no To":                  {bad("To:", "X-To:"), "400", true},
		"From without a user":    {bad("<sip:+4940111@", "<sip:"), "200", true},
		"bad Contact":            {bad("Contact: <sip:", "Contact: <<<"), "400", true},
		"header without a name":  {bad("Max-Forwards: 70", ": 70"), "400", true},
	} {
		t.Run(name, func(t *testing.T) {
			conn := b.stream()
			in := bufio.NewReader(conn)
			fmt.Fprint(conn, c.text)
			if got := firstLine(t, in); !strings.HasPrefix(got, "SIP/2.0 "+c.status) {
				t.Errorf("answered %q", got)
			}
			fmt.Fprint(conn, b.overTCP("OPTIONS"))
			if got := firstLine(t, in); strings.HasPrefix(got, "SIP/2.0 200") != c.goesOn {
				t.Errorf("afterwards %q", got)
			}
			fmt.Fprint(steady, b.overTCP("OPTIONS"))
			if got := firstLine(t, steadily); !strings.HasPrefix(got, "SIP/2.0 200") {
				t.Errorf("another connection got %q", got)
			}
		})
	}
}

// S4: half a message is waited for as long as a message may take, silence before
// the first one a little longer, and a trunk's for ever.
func TestSlowConnections(t *testing.T) {
	for name, c := range map[string]struct {
		says string
		err  bool
	}{
		"silent":       {"", true},
		"half a head":  {"OPTIONS sip:x SIP/2.0\r\n", true},
		"half a body":  {well[:len(well)-2], true},
		"one and then": {strings.Replace(well, "INVITE sip", "INVITE sip", 1), false},
	} {
		t.Run(name, func(t *testing.T) {
			a := gatekeeper(t)
			here, there := net.Pipe()
			defer there.Close()
			s := newStream(here, &gate{screen: a.screen, finished: a.finished}, "tcp", netip.MustParseAddrPort("192.0.2.1:5060"))
			s.idle, s.message = 20*time.Millisecond, 20*time.Millisecond
			go func() { // ends with the pipe
				_, _ = io.WriteString(there, c.says)
			}()
			buf := make([]byte, 1<<16)
			n, err := s.Read(buf)
			if (err != nil) != c.err {
				t.Fatalf("%q, %v", buf[:n], err)
			}
			if c.err {
				return
			}
			late := make(chan error)
			go func() { // ends with the pipe
				_, err := s.Read(buf)
				late <- err
			}()
			select {
			case err := <-late:
				t.Errorf("a trunk that says nothing: %v", err)
			case <-time.After(100 * time.Millisecond):
			}
			there.Close()
			if err := <-late; !errors.Is(err, io.EOF) {
				t.Error(err)
			}
		})
	}
}

// S5: nothing is allocated because of what a header says.
func TestNothingIsAllocatedOnAWord(t *testing.T) {
	b := newBed(t)
	before := resident()
	for range 20 {
		c := b.stream()
		fmt.Fprint(c, strings.Replace(b.overTCP("OPTIONS"), "Content-Length: 0", "Content-Length: 2000000000", 1))
		if got := firstLine(t, bufio.NewReader(c)); !strings.HasPrefix(got, "SIP/2.0 513") {
			t.Errorf("answered %q", got)
		}
		c.Close()
	}
	if after := resident(); after > before+20<<20 {
		t.Errorf("%d MB more", (after-before)>>20)
	}
}

func resident() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.Sys
}

// S6: what follows a message in its datagram is no message.
func TestTrailingBytes(t *testing.T) {
	b := newBed(t)
	first := b.text("OPTIONS", "x", nil)
	b.id = newTag()
	b.send(first + b.text("INVITE", "+4930555", b.sdp("sendrecv", "0")))
	b.response("200 OPTIONS")
	b.send(b.text("OPTIONS", "x", nil))
	if res := b.response("200 OPTIONS"); res.CallID().Value() != b.id {
		t.Errorf("answered\n%s", res)
	}
	b.nobodyRings()
}

// S6, X12: the other side's INVITE is made from what was understood, and from
// nothing that was merely there.
func TestOutboundHeaders(t *testing.T) {
	b := newBed(t)
	d, _ := b.agent.Trunk("carrier")
	d.Dial(signalling.Target{Via: "carrier", To: signalling.Party{Number: "+4930123"},
		From: signalling.Party{Name: "Eve\r\nX-Evil: 1\r\n\"<sip:evil@e>"}}, []media.Format{media.PCMU}, b.box)
	invite := b.request("INVITE")
	may := map[string]bool{"via": true, "max-forwards": true, "from": true, "to": true, "call-id": true, "cseq": true, "contact": true, "allow": true,
		"supported": true, "user-agent": true, "content-type": true, "content-length": true, "p-asserted-identity": true, "session-expires": true, "min-se": true}
	for _, h := range invite.Headers() {
		if !may[strings.ToLower(h.Name())] {
			t.Errorf("%s: %s", h.Name(), h.Value())
		}
	}
	b.reply(invite, 486, "Busy Here", nil)
	b.ended(signalling.Busy)
}

// S7: junk from a trunk's own address costs its budget and nobody else's, and
// nothing that belongs to a call is turned away for it.
func TestFloodFromATrunk(t *testing.T) {
	b := newBed(t, func(c *TrunkConfig, _ *timing) { c.AllowFrom = []string{"127.0.0.9"} })
	leg, invite := b.answered()
	flood := newPeer(t, "127.0.0.9")
	flood.to = b.to
	for i := range 3000 {
		switch i % 3 {
		case 0:
			flood.send("garbage\r\n\r\n")
		case 1:
			flood.send("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nCSeq: 1 INVITE\r\nCall-ID: a\r\n\r\n")
		default:
			flood.send("OPTIONS sip:x SIP/2.0\r\nContent-Length: -1\r\n\r\n")
		}
		if i%100 == 99 {
			b.send(b.within(invite, "OPTIONS", uint32(i), nil))
			b.response("200 OPTIONS")
		}
	}
	if b.agent.Excess() == 0 || b.agent.Malformed() == 0 {
		t.Errorf("%d were too many, %d made no sense", b.agent.Excess(), b.agent.Malformed())
	}
	leg.Hangup(signalling.Reason{})
	b.reply(b.request("BYE"), 200, "OK", nil)
	b.gone()
}

// S7: budgets are by address and by prefix, and their table is bounded.
func TestBudgets(t *testing.T) {
	at := time.Unix(1000, 0)
	b := newBudgets()
	b.now = func() time.Time { return at }
	spend := func(from string, c class) int {
		n := 0
		for b.allow(netip.MustParseAddr(from), c) {
			n++
		}
		return n
	}
	_, burst := allowance(junk)
	if n := spend("192.0.2.1", junk); n != int(burst) {
		t.Errorf("%d at once", n)
	}
	if !b.allow(netip.MustParseAddr("192.0.2.1"), calling) || !b.allow(netip.MustParseAddr("192.0.3.1"), junk) {
		t.Error("another class, or another prefix, pays as well")
	}
	n := 0
	for i := 2; i < 250; i++ {
		n += spend(fmt.Sprintf("192.0.2.%d", i), junk)
	}
	if n != (prefixShare-1)*int(burst) {
		t.Errorf("%d from the prefix", n)
	}
	at = at.Add(time.Second)
	if rate, _ := allowance(junk); spend("192.0.2.1", junk) != int(rate) {
		t.Error("a second later")
	}
	for i := range 3 * maxPurses {
		b.allow(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), probing)
	}
	if len(b.purses) > maxPurses {
		t.Errorf("%d purses", len(b.purses))
	}
	at = at.Add(time.Minute)
	b.allow(netip.MustParseAddr("2001:db8::1"), probing)
	if len(b.purses) > 10 {
		t.Errorf("%d purses are never given back", len(b.purses))
	}
}

// S7: requests that would be too many at a time are put off without a
// transaction; what is in a dialog is not.
func TestCrowded(t *testing.T) {
	b := newBed(t)
	_, invite := b.answered()
	b.agent.pending.Add(maxWaiting)
	b.send(b.text("INVITE", "+4930555", b.sdp("sendrecv", "0")))
	if res := b.response("503 INVITE"); res.GetHeader("Retry-After") == nil {
		t.Errorf("answered\n%s", res)
	}
	b.nobodyRings()
	b.send(b.within(invite, "OPTIONS", 7, nil))
	b.response("200 OPTIONS")
	b.agent.pending.Add(-maxWaiting)
}

// S8, S16: no method that we do not handle is looked at further, and a stranger
// learns nothing from it.
func TestUnhandledMethods(t *testing.T) {
	b := newBed(t)
	stranger := newPeer(t, "127.0.0.2")
	stranger.to = b.to
	for _, method := range []string{"REGISTER", "SUBSCRIBE", "PUBLISH", "NOTIFY", "INFO", "MESSAGE"} {
		want := "405"
		if method == "NOTIFY" || method == "INFO" {
			want = "481"
		}
		b.id, stranger.id = newTag(), newTag()
		b.send(b.text(method, "x", []byte("<<<not looked at"), "Content-Type: application/xml"))
		b.response(want + " " + method)
		stranger.send(stranger.text(method, "x", nil))
	}
	stranger.never("405", 50*time.Millisecond)
}

// S18: a million tags, and none twice.
func TestTagsDoNotRepeat(t *testing.T) {
	seen := make(map[string]bool, 1<<20)
	for range 1_000_000 {
		tag := newTag()
		if seen[tag] || len(tag) < 26 { // 128 bits in base 32
			t.Fatal("tag", tag)
		}
		seen[tag] = true
	}
}

// S3: names in a Via are not looked up, and an answer goes back to where the
// request came from. sipgo #363, #366.
func TestNamesInViaAreNotResolved(t *testing.T) {
	b := newBed(t)
	b.agent.resolve = nil // whoever asks it breaks
	text := b.text("OPTIONS", "x", nil)
	via := fmt.Sprintf("Via: SIP/2.0/UDP %s", b.addr())
	b.send(strings.Replace(text, via, "Via: SIP/2.0/UDP slow.example.com:9", 1))
	b.response("200 OPTIONS")
}

// S7: calls that are refused before we describe anything use up no RTP ports.
func TestRefusedCallsLeavePorts(t *testing.T) {
	b := newBed(t)
	free := b.ports.Free()
	for range 20 {
		b.id, b.box = newTag(), signalling.NewInbox("x", discard())
		b.send(b.text("INVITE", "+4930555", b.sdp("sendrecv", "0")))
		b.rung().Hangup(signalling.Reason{Cause: signalling.Unallocated})
		b.response("404")
		b.gone()
	}
	if now := b.ports.Free(); now != free {
		t.Errorf("%d of %d ports are left", now, free)
	}
}
