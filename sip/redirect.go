package sip

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/signalling"
)

const (
	maxRedirects = 3 // that a trunk may be allowed, one after the other
	maxContacts  = 5 // of one redirection that are tried
)

// detour is where a far end sends a call on to.
type detour struct {
	number string         // as the rest of the program knows it
	addr   netip.AddrPort // the trunk's own; invalid: wherever the trunk is
	hops   int            // redirections up to here
}

// validRedirects judges the key of that name.
func (t TrunkConfig) validRedirects() error {
	if t.Redirects < 0 || t.Redirects > maxRedirects {
		return fmt.Errorf("redirects: expected 0 to %d, found %d", maxRedirects, t.Redirects)
	}
	return nil
}

// moved takes the Contacts of a 3xx (RFC 3261 §8.1.3.4), as far as they are this
// trunk's own: nobody else's network is called for what a message names (S15).
// It says what came of it.
func (o *outgoing) moved(res *sipmsg.Response) string {
	switch res.StatusCode {
	case 300, 301, 302:
	default:
		return ""
	}
	if o.trunk.Redirects == 0 {
		return "; the trunk sends the call elsewhere, and redirects is 0"
	}
	if o.hunt.way.hops >= o.trunk.Redirects {
		return fmt.Sprintf("; the trunk sends the call elsewhere more than %d times", o.trunk.Redirects)
	}
	var found []detour
	for _, c := range byQ(res) {
		if d, ok := o.trunk.detour(c.Address); ok && !slices.ContainsFunc(o.hunt.gone, d.same) && !slices.ContainsFunc(found, d.same) && len(found) < maxContacts {
			d.hops = o.hunt.way.hops + 1
			found = append(found, d)
		}
	}
	if len(found) == 0 {
		return "; the trunk sends the call to where it may not go"
	}
	o.hunt.ways = append(found, o.hunt.ways...)
	return ""
}

// byQ are the Contacts, the most wanted first (RFC 3261 §20.10).
func byQ(res *sipmsg.Response) []*sipmsg.ContactHeader {
	var all []*sipmsg.ContactHeader
	for _, h := range res.GetHeaders("contact") {
		if c, ok := h.(*sipmsg.ContactHeader); ok {
			all = append(all, c)
		}
	}
	q := func(c *sipmsg.ContactHeader) float64 {
		text, _ := c.Params.Get("q")
		if v, err := strconv.ParseFloat(text, 64); err == nil && v >= 0 && v <= 1 {
			return v
		}
		return 1
	}
	slices.SortStableFunc(all, func(a, b *sipmsg.ContactHeader) int { return cmp.Compare(q(b), q(a)) })
	return all
}

// detour reads a Contact. Of its URI nothing is kept but the number, and an
// address if that is the trunk's host.
func (t *trunk) detour(uri sipmsg.Uri) (detour, bool) {
	d := detour{number: t.read(userOf(uri))}
	if d.number == "" || uri.Wildcard || uri.UriParams.Has("maddr") {
		return detour{}, false
	}
	if over, ok := uri.UriParams.Get("transport"); ok && !strings.EqualFold(over, t.Transport) {
		return detour{}, false
	}
	switch name := strings.Trim(uri.Host, "[]"); {
	case strings.EqualFold(uri.Scheme, "tel"):
		return d, true
	case !strings.EqualFold(uri.Scheme, "sip") && !(strings.EqualFold(uri.Scheme, "sips") && t.secure()): // RFC 3261 §26.2.2
		return detour{}, false
	case strings.EqualFold(name, t.domain) || strings.EqualFold(name, t.host.name):
		return d, true
	default:
		addr, err := netip.ParseAddr(name)
		if err != nil || !t.host.has(addr.Unmap()) {
			return detour{}, false
		}
		port := uint16(uri.Port)
		if port == 0 {
			port = DefaultPort(t.Transport)
		}
		d.addr = netip.AddrPortFrom(addr.Unmap(), port)
		return d, true
	}
}

func (d detour) same(o detour) bool { return d.number == o.number && d.addr == o.addr }

// detoured turns the call to the next place that a far end sent it on to, if
// there is one where it may go. Another number is asked for as a new call of the
// same user; why says what stood against the last.
func (o *outgoing) detoured(why *signalling.Reason) bool {
	for len(o.hunt.ways) > 0 {
		d := o.hunt.ways[0]
		o.hunt.ways = o.hunt.ways[1:]
		number, refused, ok := o.mayCall(d.number)
		if !ok {
			*why = signalling.Reason{Cause: refused.Cause, Detail: cmp.Or(refused.Detail, refused.Cause.String()) + ": the trunk sent the call on to another number"}
			continue
		}
		if !o.head(d, number) {
			continue
		}
		o.log.Info("a call follows a redirection of the trunk", "next", o.hunt.now.addr, "hops", d.hops)
		return true
	}
	return false
}

// mayCall is asked before a number is called in place of the first.
func (o *outgoing) mayCall(number string) (string, signalling.Reason, bool) {
	switch {
	case number == o.hunt.way.number:
		return number, signalling.Reason{}, true
	case o.to.Redirect == nil:
		return "", signalling.Reason{Cause: signalling.Forbidden}, false
	}
	o.hunt.way.number = "" // the right to call it is given back, whatever the word: even the same has to be asked for again (S14)
	return o.to.Redirect(number)
}

// head aims at a detour. The request is the same but for its URI and sequence
// number (RFC 3261 §8.1.3.4).
func (o *outgoing) head(d detour, number string) bool {
	user := outward(number, o.trunk.NumberFormat)
	if user == "" || !o.aim() {
		return false
	}
	if d.addr.IsValid() {
		l := o.agent.listenerFor(o.trunk.Transport, d.addr.Addr())
		if l == nil {
			return false
		}
		o.hunt.now, o.hunt.left = target{d.addr, l}, nil
	}
	o.hunt.way, o.hunt.gone = d, append(o.hunt.gone, d)
	o.dialog.target.User = user
	o.turn()
	return true
}
