package sip

import (
	"strings"
	"testing"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/media"
	"roomline/signalling"
)

// Who forwarded a call: Diversion (RFC 5806), else History-Info (RFC 7044), and
// neither where it wants to stay unknown.
func TestForwarder(t *testing.T) {
	trusted := &trunk{TrunkConfig: TrunkConfig{TrustIdentity: true}}
	for _, c := range []struct {
		headers []string
		want    string
	}{
		{nil, ""},
		{[]string{`Diversion: "Office" <sip:+4940111@h>;reason=no-answer;counter=1`}, "+4940111"},
		{[]string{`Diversion: <sip:+4940222@h>;reason=unconditional, <tel:+49-40-111>;reason=user-busy`}, "+4940111"},
		{[]string{`Diversion: <sip:+4940222@h>`, `Diversion: <sip:+4940111@h>`}, "+4940111"},
		{[]string{`Diversion: <sip:+4940111@h>;privacy=full`}, ""},
		{[]string{`Diversion: <sip:+4940111@h>;privacy="off"`}, "+4940111"},
		{[]string{`Diversion: <sip:anonymous@h>`}, ""},
		{[]string{`Diversion: <sip:1@h>;reason=follow-me`}, ""}, // to us, from us
		{[]string{`Diversion: ;;;<`}, ""},
		{[]string{`History-Info: <sip:+4940111@h>;index=1, <sip:1@h;cause=302>;index=1.1;mp=1`}, "+4940111"},
		{[]string{`History-Info: <sip:+4940111@h>;index=1`, `History-Info: <sip:+4940222@h;cause=486>;index=1.1`, `History-Info: <sip:1@h;cause=408>;index=1.1.1`}, "+4940111"},
		{[]string{`History-Info: <sip:+4940111@h>;index=1, <sip:1@h>;index=1.1`}, ""}, // only routed
		{[]string{`History-Info: <sip:+4940111@h?Privacy=history>;index=1, <sip:1@h;cause=302>;index=1.1`}, ""},
		{[]string{`History-Info: <sip:+4940111@h>;index=1, <sip:1@h;cause=302>;index=1.1`, "Privacy: history"}, ""},
		{[]string{`Diversion: <sip:+4940333@h>`, `History-Info: <sip:+4940111@h>;index=1, <sip:1@h;cause=302>;index=1.1`}, "+4940333"},
	} {
		req := inviteFrom(t, "<sip:+4930@h>", c.headers...)
		if got := caller(req, trusted).Forwarder; got != c.want {
			t.Errorf("%q: forwarded from %q, want %q", c.headers, got, c.want)
		}
	}
}

// The word of a trusted network on the number, wherever it stands.
func TestVerstat(t *testing.T) {
	trusted := &trunk{TrunkConfig: TrunkConfig{TrustIdentity: true}}
	for _, c := range []struct {
		from    string
		headers []string
		want    signalling.Assurance
	}{
		{"<sip:+4930@h>", nil, signalling.Trusted},
		{"<sip:+4930;verstat=TN-Validation-Passed@h;user=phone>", nil, signalling.Verified},
		{"<sip:+4930@h;user=phone>;verstat=TN-Validation-Failed", nil, signalling.Doubtful},
		{"<sip:+4930@h>", []string{"P-Asserted-Identity: <tel:+4930;verstat=No-TN-Validation>"}, signalling.Unverified},
		{"<sip:+4930@h>", []string{"P-Asserted-Identity: <sip:+4930@h;user=phone;verstat=TN-Validation-Passed-A>"}, signalling.Verified},
		{"<sip:+4930@h>", []string{"P-Asserted-Identity: <tel:+4930;verstat=TN-Validation-Passed-C>"}, signalling.Unverified},
		{"<sip:+4930;verstat=TN-Validation-Passed@h>", []string{"P-Asserted-Identity: <tel:+4930>"}, signalling.Verified},
		{"<sip:+4940;verstat=TN-Validation-Passed@h>", []string{"P-Asserted-Identity: <tel:+4930>"}, signalling.Trusted},
		{"<sip:+4930;verstat=Rubbish@h>", nil, signalling.Trusted},
	} {
		if got := caller(inviteFrom(t, c.from, c.headers...), trusted); got.Assured != c.want || got.Number != "+4930" {
			t.Errorf("%s %v: %+v, want %q", c.from, c.headers, got, c.want)
		}
	}
	// S13: the same words from a trunk that is not trusted are the caller's own
	got := caller(inviteFrom(t, "<sip:+4930;verstat=TN-Validation-Passed@h>"), &trunk{})
	if got != (signalling.Party{Number: "+4930", Assured: signalling.Unverified}) {
		t.Errorf("untrusted: %+v", got)
	}
}

// A forwarded call is told of as that, and passed on as nothing but a call.
func TestForwardedCall(t *testing.T) {
	b := newBed(t)
	b.send(b.text("INVITE", "+4930555", nil, "Diversion: <sip:040111@h>;reason=no-answer"))
	in := <-b.board.calls
	if in.From.Forwarder != "+4940111" {
		t.Errorf("%+v", in.From)
	}
	in.Leg(b.box).Hangup(signalling.Reason{Cause: signalling.Busy})
	b.response("486")
	b.gone()
	d, _ := b.agent.Trunk("carrier")
	d.Dial(signalling.Target{To: signalling.Party{Number: "+4930123"}, From: in.From}, []media.Format{media.PCMU}, signalling.NewInbox("out", discard()))
	invite := b.request("INVITE")
	for _, name := range []string{"Diversion", "History-Info", "P-Asserted-Identity", "Remote-Party-ID", "Identity"} {
		if invite.GetHeader(name) != nil {
			t.Errorf("%s leaks", name)
		}
	}
	if strings.Contains(invite.String(), "40111") {
		t.Errorf("INVITE\n%s", invite)
	}
	b.reply(invite, 486, "Busy Here", nil)
}

// The header that a trunk wants to be told in.
func TestAssertedHeaders(t *testing.T) {
	for a, want := range map[Asserted][2]string{
		assertPPI:  {"P-Preferred-Identity", `"Alice" <sip:+4930555@127.0.0.1>`},
		assertRPID: {"Remote-Party-ID", `"Alice" <sip:+4930555@127.0.0.1>;party=calling;screen=yes;privacy=off`},
	} {
		b := newBed(t, func(c *TrunkConfig, _ *timing) { c.SendIdentity = a })
		b.dial("+4930123")
		invite := b.request("INVITE")
		if h := invite.GetHeader(want[0]); h == nil || h.Value() != want[1] || invite.GetHeader("P-Asserted-Identity") != nil {
			t.Errorf("%s: %v", a, h)
		}
		b.reply(invite, 486, "Busy Here", nil)
		b.ended(signalling.Busy)
	}
	h := assertRPID.header(sipmsg.FromHeader{Address: sipmsg.Uri{Scheme: "sip", User: "1", Host: "h"}}, false, true, true)
	if h.Value() != "<sip:1@h>;party=called;screen=yes;privacy=full" {
		t.Errorf("hidden: %s", h.Value())
	}
	h = assertRPID.header(sipmsg.FromHeader{Address: sipmsg.Uri{Scheme: "sip", User: "1", Host: "h"}}, true, false, false) // S13
	if h.Value() != "<sip:1@h>;party=calling;screen=no;privacy=off" {
		t.Errorf("not verified: %s", h.Value())
	}
}

func TestAssertedWords(t *testing.T) {
	for text, want := range map[string]string{"false": "false", "": "false", "true": "pai", "pai": "pai", "ppi": "ppi", "rpid": "rpid"} {
		var a Asserted
		if err := a.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if b, err := a.MarshalText(); err != nil || string(b) != want {
			t.Errorf("%q is %q, want %q (%v)", text, b, want, err)
		}
	}
	var a Asserted
	if a.UnmarshalText([]byte("yes")) == nil {
		t.Error("yes is a header")
	}
}

// RFC 4916: another From within the dialog is somebody else at the far end, if
// it knows of that; and so is ours, where it does.
func TestFromChange(t *testing.T) {
	for _, knows := range []bool{true, false} {
		b := newBed(t, func(c *TrunkConfig, _ *timing) { c.SendIdentity = assertPAI })
		leg := b.dial("+4930123456")
		invite := b.request("INVITE")
		if !lists(invite, fromChange, "supported") {
			t.Errorf("INVITE\n%s", invite)
		}
		supported := "Supported: timer"
		if knows {
			supported = "Supported: timer, From-Change"
		}
		b.reply(invite, 200, "OK", b.sdp("sendrecv", "0"), "Allow: INVITE, UPDATE, BYE", supported)
		b.request("ACK")
		b.event(signalling.Answered)
		update := b.within(invite, "UPDATE", 20, nil)
		b.send(strings.Replace(update, "From: <sip:+4930123456@", `From: "Carol" <sip:+4940222@`, 1))
		b.response("200 UPDATE")
		leg.Show(signalling.View{Party: signalling.Party{Number: "+4940111", Name: "Bob"}})
		ours := b.request("UPDATE")
		b.reply(ours, 200, "OK", nil)
		wantFrom, wantTo := "+4930555", "+4930123456"
		if knows {
			wantFrom, wantTo = "+4940111", "+4940222"
			if e := b.event(signalling.Identified); e.Party != (signalling.Party{Number: "+4940222", Name: "Carol"}) {
				t.Errorf("%+v", e.Party)
			}
		}
		if from, to := ours.From(), ours.To(); from.Address.User != wantFrom || to.Address.User != wantTo ||
			tagOf(from.Params) != tagOf(invite.From().Params) || tagOf(to.Params) != b.tag {
			t.Errorf("From %s, To %s", from, to)
		}
		leg.Hangup(signalling.Reason{})
		b.reply(b.request("BYE"), 200, "OK", nil)
		b.gone()
	}
}

// FuzzCaller: whatever stands in the headers that name people, a caller is a
// number of ours and a name without tricks.
func FuzzCaller(f *testing.F) {
	for _, s := range []string{`"Eve" <sip:+4930@h>;verstat=x`, `<tel:+49;verstat=TN-Validation-Passed>, "A,B" <sip:x>`, `<sip:1@h?Privacy=history>;index=1, <sip:2@h;cause=302>;index=1.1`,
		`"\" <sip:>;privacy="full`, `<sip:%00%@h>`, `sip:a@b;c=d,,;<>`} {
		f.Add(s)
	}
	trusted := &trunk{TrunkConfig: TrunkConfig{TrustIdentity: true}}
	f.Fuzz(func(t *testing.T, value string) {
		value = strings.NewReplacer("\r", "", "\n", "").Replace(value)
		for _, name := range []string{"P-Asserted-Identity", "Remote-Party-ID", "Diversion", "History-Info"} {
			to := sipmsg.Uri{Scheme: "sip", User: "1", Host: "h"}
			req := sipmsg.NewRequest(sipmsg.INVITE, to)
			req.AppendHeader(&sipmsg.FromHeader{Address: sipmsg.Uri{Scheme: "sip", User: "+4930", Host: "h"}})
			req.AppendHeader(&sipmsg.ToHeader{Address: to})
			req.AppendHeader(sipmsg.NewHeader(name, value))
			p := caller(req, trusted)
			if len(p.Number) > maxNumber || len(p.Forwarder) > maxNumber || p.Number != dialled(p.Number) || p.Forwarder != dialled(p.Forwarder) ||
				p.Name != displayName(p.Name) {
				t.Errorf("%s: %q is %+v", name, value, p)
			}
		}
	})
}
