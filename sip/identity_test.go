package sip

import (
	"strings"
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/media"
	"roomline/media/offer"
	"roomline/signalling"
)

var hidden = signalling.Party{Hidden: true}

func TestWhoCalls(t *testing.T) {
	for _, c := range []struct {
		from    string
		headers []string
		want    signalling.Party
	}{
		{`"Eve \"x" <sip:0301@h>`, nil, signalling.Party{Number: "0301", Name: "Eve x"}},
		{`<sip:+49-30-(1)2.3;cpc=ordinary@h;user=phone>`, nil, signalling.Party{Number: "+493012" + "3"}},
		{`<tel:+49-30-4>`, nil, signalling.Party{Number: "+49304"}},
		{`"Anonymous" <sip:anonymous@anonymous.invalid>`, nil, hidden},
		{`"Anonymous" <sip:anonymous@anonymous.invalid>`, []string{`P-Asserted-Identity: "Carol" <sip:+4911@h>`}, hidden},
		{`<sip:restricted@h>`, nil, hidden},
		{`<sip:unavailable@h>`, nil, signalling.Party{}},
		{`<sip:h>`, []string{`P-Asserted-Identity: "Carol" <sip:+4911@h>`}, signalling.Party{Number: "+4911", Name: "Carol"}},
		{`<sip:1@h>`, []string{`P-Asserted-Identity: <tel:+4911>, <sip:+4912@h>`}, signalling.Party{Number: "+4911"}},
		{`<sip:1@h>`, []string{`P-Asserted-Identity: "A, B" <sip:h>, "C" <tel:+4911>`}, signalling.Party{Number: "+4911", Name: "C"}},
		{`<sip:1@h>`, []string{`P-Asserted-Identity: <sip:anonymous@anonymous.invalid>`}, signalling.Party{Number: "1"}},
		{`<sip:1@h>`, []string{`P-Asserted-Identity: <sip:+4912@h>`, `P-Asserted-Identity: "Dan" <tel:+4913>`}, signalling.Party{Number: "+4912", Name: "Dan"}},
		{`"F" <sip:1@h>`, []string{`Remote-Party-ID: "Rita" <sip:+4914@h>;party=calling;screen=yes;privacy=off`}, signalling.Party{Number: "+4914", Name: "Rita"}},
		{`"F" <sip:1@h>`, []string{`Remote-Party-ID: <sip:+4914@h>;privacy="full"`}, hidden},
		{`"F" <sip:1@h>`, []string{`Remote-Party-ID: <sip:+4914@h>`, `P-Asserted-Identity: <sip:+4912@h>`}, signalling.Party{Number: "+4912", Name: "F"}},
		{`<sip:+4930@h>`, []string{"Privacy: id"}, hidden},
		{`<sip:+4930@h>`, []string{"Privacy: header;critical", "P-Asserted-Identity: <sip:+4912@h>"}, hidden},
		{`<sip:+4930@h>`, []string{"Privacy: none"}, signalling.Party{Number: "+4930"}},
		{`<sip:+4930@h>`, []string{"P-Asserted-Identity: nonsense;;;<"}, signalling.Party{Number: "+4930"}},
		{`<sip:no%0aline@h>`, nil, signalling.Party{}},
	} {
		req := inviteFrom(t, c.from, c.headers...)
		if got := caller(req, &trunk{TrunkConfig: TrunkConfig{TrustIdentity: true}}); got != c.want {
			t.Errorf("%s %v is %+v, want %+v", c.from, c.headers, got, c.want)
		}
	}
}

// S13: a trunk that is not trusted cannot say that a call is somebody else's,
// and a wish for privacy is kept all the same.
func TestUntrustedIdentity(t *testing.T) {
	if TrunkDefaults().TrustIdentity {
		t.Error("trunks are trusted unasked")
	}
	wary := &trunk{TrunkConfig: TrunkConfig{}}
	req := inviteFrom(t, `<sip:+4930@h>`, `P-Asserted-Identity: "Bank" <sip:+4911@h>`, `Remote-Party-ID: <sip:+4911@h>`,
		"Diversion: <sip:+4912@h>", "History-Info: <sip:+4913@h>;index=1, <sip:1@h;cause=302>;index=1.1")
	if got := caller(req, wary); got != (signalling.Party{Number: "+4930", Assured: signalling.Unverified}) {
		t.Errorf("caller %+v", got)
	}
	if got := caller(inviteFrom(t, `<sip:+4930@h>`, "Privacy: id"), wary); got != hidden {
		t.Errorf("caller %+v", got)
	}
}

func inviteFrom(t *testing.T, from string, headers ...string) *sipmsg.Request {
	t.Helper()
	p := &peer{t: t, id: "x", seq: 1, tag: "t", conn: socket(t, "127.0.0.1")}
	msg, err := sipmsg.ParseMessage([]byte(p.raw("INVITE", "sip:1@h", from+";tag=t", "<sip:1@h>", nil, headers...)))
	if err != nil {
		t.Fatalf("%s: %v", from, err)
	}
	return msg.(*sipmsg.Request)
}

// Who was reached is told as soon as the trunk says it, and again when it
// changes (RFC 5876); a number spelled otherwise is no news.
func TestConnectedLine(t *testing.T) {
	b := newBed(t)
	b.dial("+4930123456")
	invite := b.request("INVITE")
	b.reply(invite, 180, "Ringing", nil, "P-Asserted-Identity: <sip:030123456@h>")
	b.event(signalling.Ringing)
	b.reply(invite, 200, "OK", b.sdp("sendrecv", "0"), `P-Asserted-Identity: "Front desk" <sip:030123456@h>`)
	b.request("ACK")
	want := signalling.Party{Number: "+4930123456", Name: "Front desk"}
	if e := b.event(signalling.Identified); e.Party != want || e.Side != signalling.B {
		t.Errorf("%+v", e)
	}
	b.event(signalling.Answered)
	for i, c := range []struct {
		header string
		want   signalling.Party
	}{
		{`P-Asserted-Identity: "Eve\"" <tel:+4940777>`, signalling.Party{Number: "+4940777", Name: "Eve"}},
		{"P-Asserted-Identity: <sip:+4940888@h>\r\nPrivacy: id", hidden},
		{"Remote-Party-ID: <sip:+4940888@h>;party=called", signalling.Party{Number: "+4940888"}},
	} {
		seq := uint32(20 + 2*i)
		for range 2 { // said once
			b.send(b.within(invite, "UPDATE", seq, nil, c.header))
			if res := b.response("200 UPDATE"); res.Contact() == nil || !strings.Contains(res.GetHeader("Allow").Value(), "UPDATE") {
				t.Errorf("200\n%s", res)
			}
			seq++
		}
		if e := b.event(signalling.Identified); e.Party != c.want {
			t.Errorf("%d: %+v, want %+v", i, e.Party, c.want)
		}
	}
	b.send(b.within(invite, "INVITE", 40, b.sdp("sendrecv", "0"), "P-Asserted-Identity: <sip:+4940999@h>"))
	b.response("200 INVITE")
	b.send(b.within(invite, "ACK", 40, nil))
	if e := b.event(signalling.Identified); e.Party.Number != "+4940999" {
		t.Errorf("%+v", e.Party)
	}
}

// An UPDATE may change the session too (RFC 3311); there is no ACK to wait for.
func TestUpdateWithDescription(t *testing.T) {
	b := newBed(t)
	b.dial("+4930123")
	invite := b.request("INVITE")
	b.reply(invite, 180, "Ringing", nil)
	b.event(signalling.Ringing)
	b.send(b.within(invite, "UPDATE", 3, b.sdp("sendrecv", "0"))) // our offer is not answered
	b.response("491 UPDATE")
	b.send(b.within(invite, "UPDATE", 4, nil, "P-Asserted-Identity: <sip:+4940111@h>"))
	b.response("200 UPDATE")
	b.event(signalling.Identified)
	b.reply(invite, 200, "OK", b.sdp("sendrecv", "0"))
	b.request("ACK")
	b.event(signalling.Answered)
	b.send(b.within(invite, "UPDATE", 5, b.sdp("sendonly", "0")))
	res := b.response("200 UPDATE")
	if a, err := offer.Parse(res.Body()); err != nil || a.Direction != offer.RecvOnly {
		t.Errorf("answered %s %v", a.Direction, err)
	}
	b.event(signalling.Held)
	b.send(b.within(invite, "UPDATE", 6, b.sdp("sendonly", "9")))
	b.response("488 UPDATE")
	b.send(b.within(invite, "UPDATE", 7, []byte("x"), "Content-Type: text/plain"))
	b.response("415 UPDATE")
	b.send(b.within(invite, "BYE", 8, nil))
	b.response("200 BYE")
	b.ended(signalling.NormalClearing)
}

func TestUpdateBeforeTheAnswer(t *testing.T) {
	b := newBed(t)
	b.send(b.text("INVITE", "+4930555", b.sdp("sendrecv", "0")))
	leg := b.rung()
	leg.Ring()
	b.far = tagOf(b.response("180").To().Params)
	b.send(b.with(11).text("UPDATE", "+4930555", b.sdp("sendonly", "0")))
	if b.response("500 UPDATE").GetHeader("Retry-After") == nil { // RFC 3311 §5.2
		t.Error("no Retry-After")
	}
	b.send(b.with(12).text("UPDATE", "+4930555", nil, `P-Asserted-Identity: "Carol" <sip:+4940222@h>`))
	b.response("200 UPDATE")
	if e := b.event(signalling.Identified); e.Party != (signalling.Party{Number: "+4940222", Name: "Carol"}) {
		t.Errorf("%+v", e.Party)
	}
	leg.Hangup(signalling.Reason{Cause: signalling.Rejected})
	b.response("603")
	b.gone()
}

// Who calls stays unknown (RFC 3323), to a trunk that is not told, and to those
// beyond one that is (RFC 3325 §9.3).
func TestHiddenCaller(t *testing.T) {
	for _, trusted := range []bool{false, true} {
		b := newBed(t, func(c *TrunkConfig, _ *timing) {
			if trusted {
				c.SendIdentity = assertPAI
			}
		})
		d, _ := b.agent.Trunk("carrier")
		from := signalling.Party{Name: "Alice", User: "@alice:example.org", Hidden: true}
		d.Dial(signalling.Target{To: signalling.Party{Number: "+4930123"}, From: from}, []media.Format{media.PCMU}, b.box)
		invite := b.request("INVITE")
		if f := invite.From(); f.DisplayName != "Anonymous" || f.Address.Host != "anonymous.invalid" || invite.GetHeader("Privacy").Value() != "id" {
			t.Errorf("INVITE\n%s", invite)
		}
		id := invite.GetHeader("P-Asserted-Identity")
		if (id != nil) != trusted || trusted && !strings.Contains(id.Value(), "<sip:+4930555@127.0.0.1>") {
			t.Errorf("trusted is %t, identity %v", trusted, id)
		}
		b.reply(invite, 486, "Busy Here", nil)
		b.ended(signalling.Busy)
	}
}

// A trunk that wants to know is told who is here: when the call begins, when it
// is answered, and when that changes.
func TestSendIdentity(t *testing.T) {
	told := func(msg interface {
		GetHeader(string) sipmsg.Header
	}, want string) {
		t.Helper()
		if h := msg.GetHeader("P-Asserted-Identity"); h == nil || h.Value() != want {
			t.Errorf("identity %v, want %s", h, want)
		}
	}
	b := newBed(t, func(c *TrunkConfig, _ *timing) { c.SendIdentity = assertPAI })
	leg := b.dial("+4930123")
	invite := b.request("INVITE")
	told(invite, `"Alice" <sip:+4930555@127.0.0.1>`)
	b.reply(invite, 200, "OK", b.sdp("sendrecv", "0"), "Allow: INVITE, BYE", "Allow: update, REFER")
	b.request("ACK")
	b.event(signalling.Answered)
	leg.Show(signalling.View{Party: signalling.Party{Name: "Alice"}}) // known
	b.never("UPDATE", 50*time.Millisecond)
	leg.Show(signalling.View{Party: signalling.Party{Number: "+4940111", Name: "Bob\r\n\u202e\""}})
	update := b.request("UPDATE")
	told(update, `"Bob" <sip:+4940111@127.0.0.1>`)
	b.reply(update, 200, "OK", nil)

	b = newBed(t, func(c *TrunkConfig, _ *timing) { c.SendIdentity = assertPAI })
	b.send(b.text("INVITE", "+4930555", b.sdp("sendrecv", "0")))
	leg = b.rung()
	leg.Show(signalling.View{Party: signalling.Party{User: "@alice:example.org", Name: "Alice"}})
	leg.Ring()
	told(b.response("180"), `"Alice" <sip:+4930555@127.0.0.1>`)
	leg.Answer(media.PCMU)
	res := b.response("200 INVITE")
	told(res, `"Alice" <sip:+4930555@127.0.0.1>`)
	b.ack(res, nil)
	b.event(signalling.Confirmed)
	leg.Show(signalling.View{Party: signalling.Party{Name: "Dora", Hidden: true}}) // it takes no UPDATE
	re := b.request("INVITE")
	told(re, `"Dora" <sip:+4930555@127.0.0.1>`)
	if re.GetHeader("Privacy") == nil {
		t.Error("no Privacy")
	}
	b.reply(re, 200, "OK", b.sdp("sendrecv", "0"))
	b.request("ACK")
	b.never("INVITE", 50*time.Millisecond)
}

func TestSameLine(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"+4930123456", "030123456", true}, {"004930123456", "+4930123456", true}, {"600", "600", true},
		{"600", "49600", false}, {"", "+4930123456", false}, {"+4930123456", "+4940123456", false},
	} {
		if sameLine(c.a, c.b) != c.same || sameLine(c.b, c.a) != c.same {
			t.Errorf("%s and %s: want %t", c.a, c.b, c.same)
		}
	}
}
