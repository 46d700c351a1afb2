package sip

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"roomline/signalling"
)

// tortured is what a message of RFC 4475 or RFC 5118 gets: the status that the
// RFC names where nothing else is said. 0: no answer.
var tortured = map[string]int{
	// RFC 4475 §3.1.1, well formed
	"wsinv":      481, // it belongs to a dialog that nobody knows
	"intmeth":    501,
	"esc01":      484, // read rightly, and no telephone number
	"escnull":    405, // a REGISTER, and we are no registrar
	"esc02":      501, // RE%47IST%45R is another method than REGISTER
	"lwsdisp":    200,
	"longreq":    400, // the RFC lets it pass: 34 Vias are over our 20
	"dblreq":     405, // and the INVITE behind it is nothing, over UDP
	"semiuri":    200,
	"transports": 200,
	"mpart01":    405, // a MESSAGE, which the trunk may not send
	"unreason":   0,
	"noreason":   0,
	// §3.1.2, not well formed
	"badinv01":   400,
	"clerr":      400,
	"ncl":        400,
	"scalar02":   400,
	"scalarlg":   0,
	"quotbal":    400,
	"ltgtruri":   400,
	"lwsruri":    400,
	"lwsstart":   400,
	"trws":       400,
	"escruri":    400,
	"baddate":    404, // the Date is of no interest: nobody has that number
	"regbadct":   405, // no registrar
	"badaspec":   400,
	"baddn":      400,
	"badvers":    505,
	"mismatch01": 400,
	"mismatch02": 400, // or 501, says the RFC
	"bigcode":    0,
	"test":       0, // no version: nobody can tell that it is SIP
	// §3.2 and §3.3, transactions and applications
	"badbranch": 200,
	"insuf":     400,
	"unkscm":    416,
	"novelsc":   416,
	"unksm2":    405, // before anyone looks at the schemes in To and From
	"bext01":    420,
	"invut":     415,
	"regaut01":  405, // no registrar
	"multi01":   400,
	"mcl01":     400,
	"bcast":     0,
	"zeromf":    200, // we are the end of the way
	"cparam01":  405, // no registrar
	"cparam02":  405,
	"regescrt":  405,
	"sdp01":     406,
	"inv2543":   400, // the RFC lets it pass: without tag and Contact there is no dialog here
	// RFC 5118
	"ipv6-good":                     405,
	"ipv6-bad":                      400,
	"port-ambiguous":                405,
	"port-unambiguous":              405,
	"via-received-param-with-delim": 481,
	"via-received-param-no-delim":   200,
	"ipv6-in-sdp":                   488, // no codec in common
	"mult-ip-in-header":             481,
	"mult-ip-in-sdp":                404,
	"ipv4-mapped-ipv6":              488,
	"ipv6-bug-abnf-3-colons":        200, // let it pass, says the RFC
	"ipv6-correct-abnf-2-colons":    200,
}

// overStreams are those that end otherwise where they do not end a datagram.
var overStreams = map[string]int{
	"clerr":   0,   // the rest of it may come
	"inv2543": 400, // no Content-Length
	"baddn":   0,   // the file lacks its empty line
}

// tortures are the messages: those of RFC 4475 come with the library.
func tortures(t testing.TB) map[string][]byte {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/emiago/sipgo").Output()
	if err != nil {
		t.Fatal("where is the library?", err)
	}
	all := map[string][]byte{}
	for _, pattern := range []string{filepath.Join(strings.TrimSpace(string(dir)), "sip/testdata/torture/*/*.dat"), "testdata/rfc5118/*.dat"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) < 12 {
			t.Fatal(len(files), "messages at", pattern, err)
		}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			all[strings.TrimSuffix(filepath.Base(f), ".dat")] = text
		}
	}
	return all
}

// torturer has an agent whose trunk has an address to itself, so that it hears at
// every port which the messages name.
type torturer struct {
	*peer
	agent *Agent
	udp   map[int]*net.UDPConn
	heard chan string // what came, as it came
	worst time.Duration
}

func newTorturer(t *testing.T, messages map[string][]byte) *torturer {
	t.Helper()
	x := &torturer{udp: map[int]*net.UDPConn{}, heard: make(chan string, 500)}
	ip := x.home(t, ports(messages))
	x.peer = &peer{t: t, conn: x.udp[5060], tag: newTag(), id: newTag(), seq: 1}
	for _, c := range x.udp {
		go x.listen(c) // ends when the test closes the socket
	}
	cfg := TrunkDefaults()
	cfg.Host, cfg.Numbers = ip, []string{"+4930555"}
	b := &board{calls: make(chan signalling.Incoming, 10)}
	b.refuse.Store(&signalling.Reason{Cause: signalling.Unallocated})
	x.agent = startAgent(t, map[string]TrunkConfig{"carrier": cfg}, newPorts(t), b, realTiming())
	x.to = x.agent.listeners[0].addr
	return x
}

func (x *torturer) listen(c *net.UDPConn) {
	buf := make([]byte, 65536)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		x.heard <- string(buf[:n])
	}
}

// home finds a loopback address whose ports are free.
func (x *torturer) home(t *testing.T, ports []int) string {
	t.Helper()
	for try := range 200 {
		ip := fmt.Sprintf("127.44.%d.%d", os.Getpid()%250+1, try+1)
		free := true
		for _, port := range ports {
			c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(ip), Port: port})
			if err != nil {
				free = false
				break
			}
			t.Cleanup(func() { c.Close() })
			x.udp[port] = c
		}
		if free {
			return ip
		}
	}
	t.Fatal("no address is free")
	return ""
}

// ports are 5060 and those that the topmost Vias of the messages name.
func ports(messages map[string][]byte) []int {
	named := map[int]bool{5060: true}
	via := regexp.MustCompile(`(?m)^(?:Via|v) *: *SIP/\d\.0/\w+ +(?:\[[^\]]*\]|[^:;\[\]\s]+):(\d+)`)
	for _, text := range messages {
		if m := via.FindSubmatch(text); m != nil {
			port, _ := strconv.Atoi(string(m[1]))
			named[port] = true
		}
	}
	var all []int
	for port := range named {
		all = append(all, port)
	}
	return all
}

// beside sends OPTIONS, which must be answered whatever else is sent, and
// returns the first line of the answer to that which came before it; empty:
// there was none.
func (x *torturer) beside(text []byte, wait bool) string {
	x.t.Helper()
	probe, begun := newTag(), time.Now()
	q := x.with(1)
	q.id = probe
	x.peer.send(q.text("OPTIONS", "x", nil))
	other, answered, late := "", false, time.After(2*time.Second)
	for !answered || wait && other == "" {
		select {
		case msg := <-x.heard:
			first, _, _ := strings.Cut(msg, "\r\n")
			switch {
			case !strings.HasPrefix(first, "SIP/2.0 "):
				x.t.Errorf("we were sent\n%s", msg)
			case strings.Contains(msg, probe):
				answered, x.worst = true, max(x.worst, time.Since(begun))
			case !strings.HasPrefix(first, "SIP/2.0 1") && answers(msg, text):
				other = first
			}
		case <-late:
			if !answered {
				x.t.Fatal("OPTIONS was not answered beside it")
			}
			return other
		}
	}
	return other
}

// answers tells whether a response is to that message, and no late repetition of
// one to another: by the Call-ID, or the branch where there is none.
func answers(res string, text []byte) bool {
	by := regexp.MustCompile(`(?m)^Call-ID: *(\S+)\r\nCSeq: *(\d+)`)
	if m := by.FindStringSubmatch(res); m != nil {
		return bytes.Contains(text, []byte(m[1])) && bytes.Contains(text, []byte(m[2]))
	}
	m := regexp.MustCompile(`branch=([^;\s]+)`).FindStringSubmatch(res)
	return m != nil && bytes.Contains(text, []byte(m[1]))
}

// RFC 4475, RFC 5118, S1, S2: over UDP.
func TestTortureOverUDP(t *testing.T) {
	messages := tortures(t)
	x := newTorturer(t, messages)
	for name, text := range messages {
		want, known := tortured[name]
		if !known {
			t.Errorf("%s has no row", name)
			continue
		}
		x.peer.send(string(text))
		got := x.beside(text, want > 0)
		check(t, name, want, got)
	}
	t.Log("the slowest OPTIONS took", x.worst)
}

func check(t *testing.T, name string, want int, got string) {
	t.Helper()
	switch {
	case want == 0 && got != "":
		t.Errorf("%s was answered: %s", name, got)
	case want > 0 && !strings.HasPrefix(got, fmt.Sprintf("SIP/2.0 %d ", want)):
		t.Errorf("%s was answered %q, want %d", name, got, want)
	}
}

// The same over TCP, each on its own connection, OPTIONS beside it over UDP.
func TestTortureOverTCP(t *testing.T) {
	messages := tortures(t)
	x := newTorturer(t, messages)
	from := &net.TCPAddr{IP: net.ParseIP(addrOf(x.conn).Addr().String())}
	for name, text := range messages {
		want := tortured[name]
		if n, ok := overStreams[name]; ok {
			want = n
		}
		c, err := (&net.Dialer{LocalAddr: from}).Dial("tcp4", netip.AddrPort(x.agent.listeners[1].addr).String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write(text); err != nil {
			t.Fatal(err)
		}
		x.beside(text, false)
		if want == 0 {
			c.Close()
			continue
		}
		c.SetReadDeadline(time.Now().Add(patience))
		line, err := "", error(nil)
		for in := bufio.NewReader(c); err == nil && (!strings.HasPrefix(line, "SIP/2.0 ") || strings.HasPrefix(line, "SIP/2.0 1")); {
			line, err = in.ReadString('\n')
		}
		check(t, name, want, line)
		c.Close()
	}
	t.Log("the slowest OPTIONS took", x.worst)
}
