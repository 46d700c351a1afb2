package sip

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/media/offer"
	"roomline/signalling"
)

// well is a request that nothing is wrong with.
const well = "INVITE sip:+4930555@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKx;rport\r\nMax-Forwards: 70\r\n" +
	"From: <sip:1@h>;tag=f\r\nTo: <sip:2@h>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\nContact: <sip:1@127.0.0.1>\r\n" +
	"Content-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n"

func TestInspect(t *testing.T) {
	for _, c := range []struct {
		name, from, to string
		status         int
	}{
		{"well formed", "", "", 0},
		{"compact", "From:", "f:", 0},
		{"SDP with parameter", "application/sdp", "Application/SDP; charset=utf-8", 0},
		{"tel", "sip:+4930555@127.0.0.1", "tel:+4930555", 0},
		{"version", "127.0.0.1 SIP/2.0", "127.0.0.1 SIP/7.0", 505},
		{"no From", "From:", "X-From:", 400},
		{"no To", "To:", "X-To:", 400},
		{"no Call-ID", "Call-ID:", "X-Call-ID:", 400},
		{"no CSeq", "CSeq:", "X-CSeq:", 400},
		{"no Via", "Via:", "X-Via:", 400},
		{"no Contact", "Contact:", "X-Contact:", 400},
		{"no tag", ";tag=f", "", 400},
		{"two From", "To:", "From: <sip:3@h>;tag=g\r\nTo:", 400},
		{"two Call-ID, one compact", "To:", "i: d\r\nTo:", 400},
		{"two Content-Length", "To:", "l: 5\r\nTo:", 400},
		{"CSeq method", "1 INVITE", "1 BYE", 400},
		{"CSeq too large", "1 INVITE", "2147483648 INVITE", 400},
		{"Max-Forwards", "Max-Forwards: 70", "Max-Forwards: 999", 400},
		{"long header", "To:", "X-Long: " + strings.Repeat("x", 9000) + "\r\nTo:", 400},
		{"many headers", "To:", strings.Repeat("X-Many: 1\r\n", 120) + "To:", 400},
		{"many Via", "Max-Forwards: 70", strings.Repeat("Via: SIP/2.0/UDP h;branch=z9hG4bKy\r\n", 25) + "Max-Forwards: 70", 400},
		{"long URI", "sip:+4930555@", "sip:" + strings.Repeat("1", 600) + "@", 414},
		{"scheme", "sip:+4930555@127.0.0.1", "urn:service:sos", 416},
		{"sips", "sip:+4930555@127.0.0.1", "sips:+4930555@127.0.0.1", 416},
		{"Require", "To:", "Require: sec-agree\r\nTo:", 420},
		{"type", "application/sdp", "text/plain", 415},
		{"encoded", "To:", "Content-Encoding: gzip\r\nTo:", 415},
		{"REGISTER", "INVITE", "REGISTER", 405},
		{"invented", "INVITE", "DANCE", 501},
	} {
		t.Run(c.name, func(t *testing.T) {
			msg, err := sipmsg.ParseMessage([]byte(strings.ReplaceAll(well, c.from, c.to)))
			if c.from == "" {
				msg, err = sipmsg.ParseMessage([]byte(well))
			}
			if err != nil {
				if c.status == 0 {
					t.Fatal(err)
				}
				return // the library does not let it through at all
			}
			if r := inspect(msg.(*sipmsg.Request)); r.status != c.status {
				t.Errorf("judged %d %s, want %d", r.status, r.phrase, c.status)
			}
		})
	}
}

func TestUnsupportedIsNamed(t *testing.T) {
	b := newBed(t)
	b.send(b.text("INVITE", "+4930555", nil, "Require: sec-agree, timer"))
	if got := b.response("420").GetHeader("Unsupported").Value(); got != "sec-agree" {
		t.Errorf("Unsupported: %s", got)
	}
	b.id = newTag()
	b.send(b.text("MESSAGE", "+4930555", nil))
	if got := b.response("405").GetHeader("Allow").Value(); got != allowList+", REFER" {
		t.Errorf("Allow: %s", got)
	}
}

func TestOutOfTheBlue(t *testing.T) {
	b := newBed(t)
	b.send(b.text("OPTIONS", "x", nil))
	if res := b.response("200 OPTIONS"); res.GetHeader("Allow").Value() != allowList+", REFER" {
		t.Errorf("OPTIONS\n%s", res)
	}
	for _, method := range []string{"BYE", "INFO", "CANCEL"} {
		b.id = newTag()
		b.send(b.text(method, "x", nil))
		b.response("481 " + method)
	}
	b.far = "unknown"
	b.send(b.text("INVITE", "x", b.sdp("sendrecv", "0")))
	b.response("481 INVITE")
	b.send(b.text("ACK", "x", nil))
	b.far = ""
	b.send(b.text("INVITE", "<%00>", b.sdp("sendrecv", "0")))
	b.send(b.text("INVITE", "a%00b", b.sdp("sendrecv", "0")))
	b.response("484")
	b.id = newTag()
	b.send(b.text("INVITE", "+4930555", b.sdp("sendrecv", "18")))
	b.response("488")
	b.id = newTag()
	b.send(b.text("INVITE", "+4930555", []byte("nonsense")))
	b.response("488")
	if len(b.board.calls) > 0 {
		t.Error("one of them became a call")
	}
}

func TestLoop(t *testing.T) {
	b := newBed(t)
	b.dial("+4930123")
	ours := b.request("INVITE").Via().Value()
	b.send(b.text("INVITE", "+4930555", nil, "Via: "+ours))
	b.response("482")
}

func TestStrangersAreNotAnswered(t *testing.T) {
	b := newBed(t)
	s := newPeer(t, "127.0.0.2")
	s.to = b.to
	for range 20 {
		s.send(s.text("INVITE", "+4930555", s.sdp("sendrecv", "0")))
	}
	s.send(s.text("OPTIONS", "x", nil))
	s.send("garbage")
	select {
	case msg := <-s.got:
		t.Errorf("a stranger got an answer:\n%s", msg)
	case <-b.board.calls:
		t.Error("a stranger's call reached the switchboard")
	case <-time.After(200 * time.Millisecond):
	}
	if b.agent.Dropped() != 22 {
		t.Errorf("%d dropped", b.agent.Dropped())
	}
}

// What no parser should choke on; the agent must answer OPTIONS after each.
func TestGarbage(t *testing.T) {
	b := newBed(t)
	for i, garbage := range []string{"", "\r\n\r\n", "\x00", "INVITE", "INVITE sip: SIP/2.0\r\n\r\n", "SIP/2.0 200 OK\r\n\r\n",
		"SIP/2.0 99999 OK\r\nVia: x\r\n\r\n", well[:200], strings.Replace(well, "Content-Length: 5", "Content-Length: 4000000000", 1),
		strings.Replace(well, "Content-Length: 5", "Content-Length: -5", 1), strings.Replace(well, "SIP/2.0/UDP 127.0.0.1:5060", "SIP/2.0/UDP", 1),
		strings.Replace(well, "<sip:1@h>;tag=f", "<<<>>>;;;=", 1), strings.Replace(well, "To: <sip:2@h>", "To: \"", 1),
		strings.Replace(well, "INVITE", "ACK", 2), strings.Replace(well, "To: <sip:2@h>", "To: <sip:2@h>;tag=", 1), strings.Repeat("A: b\r\n", 5000)} {
		b.send(garbage)
		b.id = fmt.Sprint("garbage", i)
		b.send(b.text("OPTIONS", "x", nil))
		for b.response("200 OPTIONS").CallID().Value() != b.id {
		}
	}
}

// transcripts are what Asterisk and its peers really said.
func transcripts(t testing.TB) [][]byte {
	files, err := filepath.Glob("testdata/asterisk/*.msg")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	var all [][]byte
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range bytes.Split(text, []byte("----------------------------------------------- "))[1:] {
			_, part, _ = bytes.Cut(part, []byte("\n\n"))
			all = append(all, crlf(part))
		}
	}
	return all
}

// crlf gives a recorded message the line ends it had.
func crlf(text []byte) []byte {
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	head, body, _ := bytes.Cut(text, []byte("\n\n"))
	body = bytes.TrimRight(body, "\n")
	if len(body) > 0 {
		body = append(body, '\n')
	}
	return bytes.ReplaceAll(append(append(head, "\n\n"...), body...), []byte("\n"), []byte("\r\n"))
}

func TestTranscripts(t *testing.T) {
	trunk := &trunk{TrunkConfig: TrunkDefaults(), formats: formats(TrunkDefaults().Codecs)}
	invites, answers := 0, 0
	for _, text := range transcripts(t) {
		msg, err := sipmsg.ParseMessage(text)
		if err != nil {
			t.Errorf("%v in\n%s", err, text)
			continue
		}
		switch m := msg.(type) {
		case *sipmsg.Request:
			r := inspect(m)
			known := strings.Contains(allowList, string(m.Method)) || m.Method == sipmsg.REFER
			for _, to := range headersOf(m, "refer-to", "r") {
				if who, ok := parseReferTo(to); !ok || who.number == "" && who.replaces == "" {
					t.Errorf("Refer-To %s", to)
				}
			}
			if (r.status == 0) != (known && m.GetHeader("Require") == nil) {
				t.Errorf("judged %d %s:\n%s", r.status, r.phrase, m)
			}
			if m.Method == sipmsg.INVITE && len(m.Body()) > 0 {
				invites++
				if number := called(m, trunk).Number; number == "" {
					t.Errorf("nobody is called by\n%s", m)
				}
				caller(m, trunk)
				if _, _, r := offered(m, trunk); r.status != 0 && !bytes.Contains(m.Body(), []byte("SAVP")) {
					t.Errorf("offer refused with %d:\n%s", r.status, m.Body())
				}
			}
		case *sipmsg.Response:
			if len(m.Body()) > 0 {
				answers++
				if _, err := offer.Parse(m.Body()); err != nil && !bytes.Contains(m.Body(), []byte("SAVP")) {
					t.Errorf("%v in\n%s", err, m.Body())
				}
			}
		}
	}
	if invites < 5 || answers < 3 {
		t.Errorf("only %d INVITEs and %d answers were read", invites, answers)
	}
}

func FuzzIncoming(f *testing.F) {
	f.Add([]byte(well))
	for _, text := range transcripts(f) {
		f.Add(text)
	}
	f.Add([]byte(strings.Replace(well, "To:", "P-Asserted-Identity: \"x\" <tel:+1>, <sip:1@h>\r\nPrivacy: id\r\nReason: SIP;cause=200;text=\"a;b\"\r\nTo:", 1)))
	trunk := &trunk{TrunkConfig: TrunkDefaults(), formats: formats(TrunkDefaults().Codecs)}
	f.Fuzz(func(t *testing.T, text []byte) {
		msg, err := sipmsg.ParseMessage(text)
		if err != nil {
			return
		}
		if res, ok := msg.(*sipmsg.Response); ok {
			if why := causeOf(res); why.Cause.String() == "" {
				t.Error("a cause without a name")
			}
			_, _ = strongest(res.GetHeaders("www-authenticate"), "")
			return
		}
		req := msg.(*sipmsg.Request)
		if inspect(req).status != 0 {
			return
		}
		from, to := caller(req, trunk), called(req, trunk)
		for _, p := range []signalling.Party{from, to} {
			if len(p.Number) > maxNumber || strings.ContainsAny(p.Number+p.Name, "\r\n\"<>") || len([]rune(p.Name)) > maxName {
				t.Errorf("party %q %q", p.Number, p.Name)
			}
		}
		goodbye(req)
		cancelled(req)
		_, _ = digitOf(req.Body())
		offered(req, trunk)
	})
}
