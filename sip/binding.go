package sip

import (
	"strconv"
	"strings"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// maxServiceRoute is how many hops of a Service-Route are taken.
const maxServiceRoute = 8

// granted is how long the registrar keeps our own binding by a 2xx, which lists
// those of others as well (RFC 3261 §10.2.4): ours is the one with our Contact,
// or at least its user, where the registrar writes down the address that it saw
// itself. One that lists none at all is believed.
func granted(res *sipmsg.Response, ours sipmsg.Uri, wish time.Duration) time.Duration {
	whole := wish
	if h := res.GetHeader("expires"); h != nil {
		whole = deltaSeconds(h.Value(), wish)
	}
	list := res.GetHeaders("contact")
	best, found := time.Duration(0), false
	for _, h := range list {
		c, ok := h.(*sipmsg.ContactHeader)
		if !ok || c.Address.User != ours.User {
			continue
		}
		left := whole
		if v, ok := c.Params.Get("expires"); ok {
			left = deltaSeconds(v, whole)
		}
		if samePlace(c.Address, ours) {
			return left
		}
		best, found = max(best, left), true
	}
	if found || len(list) > 0 {
		return best
	}
	return whole
}

func samePlace(a, b sipmsg.Uri) bool {
	return strings.EqualFold(strings.Trim(a.Host, "[]"), strings.Trim(b.Host, "[]")) && portOf(a) == portOf(b)
}

func portOf(u sipmsg.Uri) int {
	if u.Port == 0 {
		return 5060
	}
	return u.Port
}

// deltaSeconds reads delta-seconds (RFC 3261 §25.1), up to a day; other is for what
// is none.
func deltaSeconds(s string, other time.Duration) time.Duration {
	digits := strings.TrimSpace(s)
	if i := strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' }); i >= 0 {
		digits = digits[:i] // a comment or parameter, as in Retry-After
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	if err != nil {
		return other
	}
	return min(time.Duration(n)*time.Second, maxExpires)
}

// secondsIn reads a header of a response, 0 where it is not there.
func secondsIn(res *sipmsg.Response, header string) time.Duration {
	if h := res.GetHeader(header); h != nil {
		return deltaSeconds(h.Value(), 0)
	}
	return 0
}

// serviceRoute is the way that a registrar wants our calls to take (RFC 3608 §5).
func serviceRoute(res *sipmsg.Response) []sipmsg.Uri {
	var routes []sipmsg.Uri
	for _, a := range addressesIn(res, "service-route") {
		if len(routes) < maxServiceRoute && a.uri.Host != "" && strings.EqualFold(a.uri.Scheme, "sip") {
			routes = append(routes, a.uri)
		}
	}
	return routes
}
