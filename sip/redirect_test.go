package sip

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"roomline/media"
	"roomline/signalling"
)

// rights are those of a user whose call may be sent on.
type rights struct {
	mu    sync.Mutex
	may   []string
	asked []string
}

func (r *rights) redirect(number string) (string, signalling.Reason, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, number)
	if !slices.Contains(r.may, number) {
		return "", signalling.Reason{Cause: signalling.Forbidden, Detail: "premium numbers may not be called"}, false
	}
	return number, signalling.Reason{}, true
}

func (b *bed) dialAs(r *rights, number string) signalling.Leg {
	b.t.Helper()
	d, _ := b.agent.Trunk("carrier")
	to := signalling.Target{Via: "carrier", To: signalling.Party{Number: number}}
	if r != nil {
		to.Redirect = r.redirect
	}
	return d.Dial(to, []media.Format{media.PCMU}, b.box)
}

func follows(n int) func(*TrunkConfig, *timing) {
	return func(c *TrunkConfig, _ *timing) { c.Redirects = n }
}

// A trunk sends a call to another of its own numbers.
func TestFollowedRedirection(t *testing.T) {
	b, r := newBed(t, follows(1)), &rights{may: []string{"+4930124"}}
	b.dialAs(r, "+4930123")
	first := b.request("INVITE")
	b.reply(first, 302, "Moved Temporarily", nil, fmt.Sprintf("Contact: <sip:+4930124@%s;user=phone?Subject=x>;q=0.7", b.addr()))
	b.request("ACK")
	second := b.request("INVITE")
	if second.Recipient.String() != "sip:+4930124@"+b.addr().String() || second.CSeq().SeqNo != first.CSeq().SeqNo+1 ||
		second.CallID().Value() != first.CallID().Value() || second.To().Value() != first.To().Value() || second.GetHeader("Subject") != nil {
		t.Errorf("the second INVITE\n%s", second)
	}
	b.reply(second, 200, "OK", b.sdp("sendrecv", "0"))
	b.request("ACK")
	b.event(signalling.Answered)
}

// S15: where a 3xx leads nobody is called who could not be dialled: numbers that
// the user may not call, machines that are not the trunk's.
func TestRedirectionToNobody(t *testing.T) {
	for name, c := range map[string]struct {
		redirects int
		rights    *rights
		contact   string
		detail    string
	}{
		"redirects off":         {0, &rights{may: []string{"+4930124"}}, "<sip:+4930124@HOST>", "redirects is 0"},
		"premium":               {3, &rights{}, "<sip:+49900123@HOST>", "premium numbers may not be called: the trunk sent the call on"},
		"premium as tel:":       {3, &rights{}, "<tel:+49900123>", "premium numbers"},
		"premium, encoded":      {3, &rights{}, "<sip:%2b49900123@HOST>", "premium numbers"},
		"a call from a trunk":   {3, nil, "<sip:+4930124@HOST>", "forbidden"},
		"another network":       {3, &rights{may: []string{"+4930124"}}, "<sip:+4930124@192.0.2.66>", "where it may not go"},
		"another name":          {3, &rights{may: []string{"+4930124"}}, "<sip:+4930124@evil.example>", "where it may not go"},
		"by way of another":     {3, &rights{may: []string{"+4930124"}}, "<sip:+4930124@HOST;maddr=192.0.2.66>", "where it may not go"},
		"another transport":     {3, &rights{may: []string{"+4930124"}}, "<sip:+4930124@HOST;transport=tcp>", "where it may not go"},
		"another scheme":        {3, &rights{may: []string{"+4930124"}}, "<mailto:+4930124@HOST>", "where it may not go"},
		"sips without TLS":      {3, &rights{may: []string{"+4930124"}}, "<sips:+4930124@HOST>", "where it may not go"},
		"no number":             {3, &rights{}, "<sip:HOST>", "where it may not go"},
		"everywhere":            {3, &rights{}, "*", "where it may not go"},
		"no Contact":            {3, &rights{}, "", "where it may not go"},
		"where it was":          {3, &rights{}, "<sip:+4930123@carrier.example>", "where it may not go"},
		"an address in a tel:":  {3, &rights{}, "<tel:+49900123;phone-context=HOST>", "premium numbers"},
		"a wrong q and premium": {3, &rights{}, "<sip:+49900123@HOST>;q=NaN", "premium numbers"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPeer(t, "127.0.0.1")
			b, _ := newServedBed(t, follows(c.redirects), p)
			b.dialAs(c.rights, "+4930123")
			invite := b.request("INVITE")
			var headers []string
			if c.contact != "" {
				headers = []string{"Contact: " + strings.ReplaceAll(c.contact, "HOST", p.addr().String())}
			}
			p.bare = true
			p.reply(invite, 302, "Moved Temporarily", nil, headers...)
			b.request("ACK")
			why := b.ended(b.causeFor(c.detail))
			if !strings.Contains(why.String(), c.detail) {
				t.Errorf("ended with %q, want %q", why, c.detail)
			}
			b.never("INVITE", 20*time.Millisecond)
		})
	}
}

func (b *bed) causeFor(detail string) signalling.Cause {
	if strings.Contains(detail, "premium") || detail == "forbidden" {
		return signalling.Forbidden
	}
	return signalling.TrunkFailure
}

// S14: once another number was asked for, the right to call the first is gone: it
// is asked for again before the first is called at another place.
func TestRedirectionBackToTheFirstNumber(t *testing.T) {
	p, r := newPeer(t, "127.0.0.1"), &rights{may: []string{"+4930123"}}
	b, _ := newServedBed(t, follows(1), p)
	p.bare = true
	b.dialAs(r, "+4930123")
	p.reply(b.request("INVITE"), 302, "Moved Temporarily", nil,
		fmt.Sprintf("Contact: <sip:+49900@%s>", p.addr()), fmt.Sprintf("Contact: <sip:+4930123@%s>;q=0.5", p.addr()))
	b.request("ACK")
	if again := b.request("INVITE"); again.Recipient.User != "+4930123" {
		t.Errorf("INVITE for %s", again.Recipient.User)
	} else {
		p.reply(again, 486, "Busy Here", nil)
	}
	b.ended(signalling.Busy)
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Equal(r.asked, []string{"+49900", "+4930123"}) {
		t.Errorf("asked for %v", r.asked)
	}
}

// The Contacts are tried by q, one at a time, up to the first that answers; hops
// are counted, and circles seen.
func TestSeveralRedirections(t *testing.T) {
	b, r := newBed(t, follows(2)), &rights{may: []string{"+491", "+492", "+493", "+494"}}
	at := func(number, q string) string { return fmt.Sprintf("Contact: <sip:%s@%s>;q=%s", number, b.addr(), q) }
	b.bare = true
	b.dialAs(r, "+4930123")
	next := func(number string) (reply func(status int, phrase string, headers ...string)) {
		t.Helper()
		invite := b.request("INVITE")
		if invite.Recipient.User != number {
			t.Fatalf("INVITE for %s, want %s", invite.Recipient.User, number)
		}
		return func(status int, phrase string, headers ...string) {
			b.reply(invite, status, phrase, nil, headers...)
			b.request("ACK")
		}
	}
	next("+4930123")(300, "Multiple Choices", at("+492", "0.2"), at("+491", "0.9"), at("+49900", "1.0"))
	busy := next("+491") // the one that is wanted most is not allowed
	b.never("INVITE", 20*time.Millisecond)
	busy(486, "Busy Here")
	next("+492")(302, "Moved Temporarily", at("+491", "1"), at("+493", "1")) // a circle, and a second hop
	next("+493")(302, "Moved Temporarily", at("+494", "1"))                  // a third
	if why := b.ended(signalling.TrunkFailure); !strings.Contains(why.Detail, "more than 2 times") {
		t.Errorf("ended with %q", why)
	}
	b.never("INVITE", 20*time.Millisecond)

	b.box = signalling.NewInbox("declined", discard())
	b.dialAs(r, "+4930123")
	next("+4930123")(302, "Moved Temporarily", at("+491", "1"), at("+492", "0.5"))
	next("+491")(603, "Decline") // for all
	b.ended(signalling.Rejected)
	b.never("INVITE", 20*time.Millisecond)
}

func TestRedirectsAreHeldToSense(t *testing.T) {
	for n, ok := range map[int]bool{-1: false, 0: true, 3: true, 4: false} {
		c := TrunkConfig{Host: "x.example", CallerID: "1", Redirects: n}
		if err := c.Validate(); (err == nil) != ok {
			t.Errorf("%d: %v", n, err)
		}
	}
}
