package sip

import (
	"fmt"
	"strings"
	"testing"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/media"
	"roomline/signalling"
)

// routesOf are the Route headers of a request, in order.
func routesOf(req *sipmsg.Request) string {
	var all []string
	for _, h := range req.GetHeaders("route") {
		all = append(all, h.Value())
	}
	return strings.Join(all, " ")
}

// Record-Route, loose and strict, in both roles (RFC 3261 §12.1, §12.2.1.1): a
// caller takes the routes in reverse, a called party as they are, and a strict
// first route takes the place of the Request-URI.
func TestRouteSets(t *testing.T) {
	const near, far = "<sip:127.0.0.1:%d;lr>", "<sip:far.example;lr>"
	for name, strict := range map[string]bool{"loose": false, "strict": true} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			proxy := fmt.Sprintf(near, b.addr().Port())
			if strict {
				proxy = strings.Replace(proxy, ";lr", "", 1)
			}
			check := func(req *sipmsg.Request) {
				t.Helper()
				contact := "sip:" + b.addr().String()
				uri, routes := contact, proxy+" "+far
				if strict {
					uri, routes = strings.Trim(proxy, "<>"), far+" <"+contact+">"
				}
				if req.Recipient.String() != uri || routesOf(req) != routes {
					t.Errorf("%s to %s by %s, want %s by %s", req.Method, req.Recipient.String(), routesOf(req), uri, routes)
				}
			}
			leg := b.dial("+4930123")
			b.reply(b.request("INVITE"), 200, "OK", b.sdp("sendrecv", "0"), "Record-Route: "+far, "Record-Route: "+proxy)
			check(b.request("ACK"))
			b.event(signalling.Answered)
			leg.Show(signalling.View{Held: true})
			re := b.request("INVITE")
			check(re)
			b.reply(re, 200, "OK", b.sdp("recvonly", "0"), "Record-Route: <sip:elsewhere.example;lr>") // a route set never changes (§12.2)
			check(b.request("ACK"))
			leg.Hangup(signalling.Reason{})
			bye := b.request("BYE")
			check(bye)
			b.reply(bye, 200, "OK", nil)
			b.gone()

			b.box, b.seen = signalling.NewInbox("second", discard()), nil
			b.send(b.text("INVITE", "+4930555", b.sdp("sendrecv", "0"), "Record-Route: "+proxy, "Record-Route: "+far))
			leg = b.rung()
			leg.Answer(media.PCMU)
			res := b.response("200 INVITE")
			if got := valueOf(res, "record-route"); got != proxy+"|"+far {
				t.Errorf("the 200 has Record-Route %s", got)
			}
			b.ack(res, nil)
			b.event(signalling.Confirmed)
			leg.Hangup(signalling.Reason{})
			bye = b.request("BYE")
			check(bye)
			b.reply(bye, 200, "OK", nil)
			b.gone()
		})
	}
}
