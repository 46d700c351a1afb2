package sip

import (
	"fmt"
	"strconv"
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/signalling"
)

// causeRow is one line of the border table: what we answer an INVITE with when
// a call ends so, and which answers and Q.850 values of the far end mean it.
type causeRow struct {
	cause  signalling.Cause
	send   int    // SIP status
	phrase string // its reason phrase
	status []int  // received final statuses
	q850   []int  // received cause values (ITU-T Q.850, RFC 3326)
}

// The border table; docs/sip.md shows it, held equal by a test. A status that
// is in no row is judged by its class (RFC 3261 §8.1.3.2).
var causeTable = []causeRow{
	{signalling.NormalClearing, 480, "Temporarily Unavailable", nil, []int{16, 31}},
	{signalling.NoRoute, 404, "Not Found", nil, []int{2, 3}},
	{signalling.Unallocated, 404, "Not Found", []int{301, 404, 410, 604}, []int{1, 22}},
	{signalling.InvalidNumber, 484, "Address Incomplete", []int{414, 416, 484, 485}, []int{28}},
	{signalling.Busy, 486, "Busy Here", []int{486, 600}, []int{17}},
	{signalling.NoAnswer, 480, "Temporarily Unavailable", []int{408, 487}, []int{18, 19}},
	{signalling.Unavailable, 480, "Temporarily Unavailable", []int{480}, []int{20, 27}},
	{signalling.Cancelled, 487, "Request Terminated", nil, nil},
	{signalling.Rejected, 603, "Decline", []int{603, 607, 608}, []int{21}},
	{signalling.Forbidden, 403, "Forbidden", []int{402, 403}, []int{29, 50, 55, 57}},
	{signalling.Elsewhere, 480, "Temporarily Unavailable", nil, []int{26}},
	{signalling.TrunkAuth, 500, "Server Internal Error", []int{401, 407}, nil},
	{signalling.TrunkUnreachable, 502, "Bad Gateway", nil, []int{38}},
	{signalling.TrunkFailure, 502, "Bad Gateway", []int{500, 502, 503, 504}, []int{41, 47}},
	{signalling.NoCodec, 488, "Not Acceptable Here", []int{406, 415, 488, 606}, []int{65, 79, 88}},
	{signalling.MediaFailed, 480, "Temporarily Unavailable", nil, nil},
	{signalling.MediaLost, 480, "Temporarily Unavailable", nil, nil},
	{signalling.PeerTimeout, 480, "Temporarily Unavailable", nil, []int{102}},
	{signalling.Congestion, 503, "Service Unavailable", nil, []int{34, 42, 44}},
	{signalling.ShuttingDown, 503, "Service Unavailable", nil, nil},
	{signalling.Internal, 500, "Server Internal Error", nil, nil},
	{signalling.Transferred, 480, "Temporarily Unavailable", nil, nil},
}

func rowOf(c signalling.Cause) causeRow {
	for _, r := range causeTable {
		if r.cause == c {
			return r
		}
	}
	return rowOf(signalling.Internal)
}

// statusOf is how an INVITE is refused for a cause.
func statusOf(c signalling.Cause) (int, string) {
	r := rowOf(c)
	return r.send, r.phrase
}

// causeOf says what a final response to our INVITE means. Where the status
// only says "not now", the Reason header says why.
func causeOf(res *sipmsg.Response) signalling.Reason {
	r := signalling.Reason{Cause: causeOfStatus(res.StatusCode), Detail: statusLine(res)}
	if res.StatusCode == 480 || res.StatusCode >= 500 && res.StatusCode < 600 {
		if c, ok := causeOfQ850(reasonOf(res, "Q.850").cause); ok && c != signalling.NormalClearing {
			r.Cause = c
		}
	}
	return r
}

func causeOfStatus(status int) signalling.Cause {
	for _, r := range causeTable {
		for _, s := range r.status {
			if s == status {
				return r.cause
			}
		}
	}
	if status >= 600 {
		return signalling.Rejected
	}
	return signalling.TrunkFailure
}

func causeOfQ850(value int) (signalling.Cause, bool) {
	for _, r := range causeTable {
		for _, q := range r.q850 {
			if q == value {
				return r.cause, true
			}
		}
	}
	return 0, false
}

// goodbye is what a far BYE means: an end like any other, in its own words
// where it gives any.
func goodbye(req *sipmsg.Request) signalling.Reason {
	r := signalling.Reason{Cause: signalling.NormalClearing}
	if why := reasonOf(req, "Q.850"); why.cause != 0 && why.cause != 16 {
		r.Detail = strings.TrimSpace(fmt.Sprintf("Q.850 %d %s", why.cause, why.text))
	}
	return r
}

// cancelled is what a far CANCEL means (RFC 3326 §3.1: another fork answered).
func cancelled(req *sipmsg.Request) signalling.Reason {
	if req != nil && reasonOf(req, "SIP").cause == 200 {
		return signalling.Reason{Cause: signalling.Elsewhere}
	}
	return signalling.Reason{Cause: signalling.Cancelled}
}

// reason is one value of a Reason header (RFC 3326 §2).
type reason struct {
	cause int
	text  string
}

// reasonOf finds the Reason of one protocol, "SIP" or "Q.850"; cause is 0
// where there is none.
func reasonOf(msg sipmsg.Message, protocol string) reason {
	for _, h := range msg.GetHeaders("reason") {
		for _, value := range splitList(h.Value(), ',') {
			parts := splitList(value, ';')
			if !strings.EqualFold(strings.TrimSpace(parts[0]), protocol) {
				continue
			}
			var r reason
			for _, p := range parts[1:] {
				k, v, _ := strings.Cut(p, "=")
				switch strings.ToLower(strings.TrimSpace(k)) {
				case "cause":
					r.cause, _ = strconv.Atoi(strings.TrimSpace(v))
				case "text":
					r.text = displayName(v)
				}
			}
			return r
		}
	}
	return reason{}
}

// splitList parts a header value at sep, not inside quotes.
func splitList(s string, sep byte) []string {
	var parts []string
	quoted, from := false, 0
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && quoted:
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == sep && !quoted:
			parts, from = append(parts, s[from:i]), i+1
		}
	}
	return append(parts, s[from:])
}

// reasonHeader tells the far end why, in Q.850 (RFC 3326).
func reasonHeader(r signalling.Reason) sipmsg.Header {
	return sipmsg.NewHeader("Reason", fmt.Sprintf("Q.850;cause=%d;text=%q", r.Cause.Q850(), r.Cause))
}

// statusLine is a response's status in words, cleaned: "486 Busy Here".
func statusLine(res *sipmsg.Response) string {
	return strings.TrimSpace(strconv.Itoa(res.StatusCode) + " " + displayName(res.Reason))
}
