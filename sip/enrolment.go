package sip

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/sip/locate"
)

// enrolment is a trunk's registration: what is fixed of it, and what calls may
// know of how it is.
type enrolment struct {
	host   *host      // the registrar's, where that is neither the trunk's host nor behind its proxy; else nil
	client *client    // of the TLS of host
	server sipmsg.Uri // the Request-URI of a REGISTER
	aor    sipmsg.Uri // whom it is for
	user   string     // of our Contact, the same after every start: a binding is replaced, not added
	device string     // likewise, as a URN (RFC 5626 §4.1)

	word   atomic.Pointer[string]       // how the registration is
	routes atomic.Pointer[[]sipmsg.Uri] // Service-Route
}

// newEnrolment is nil for a trunk that does not register.
func newEnrolment(t *trunk) *enrolment {
	if !t.Register.Enabled {
		return nil
	}
	at := t.Register.Server
	if at == "" {
		at = t.Host
	}
	name, port, _ := splitHost(at)
	e := &enrolment{server: sipmsg.Uri{Scheme: "sip", Host: name, Port: int(port)},
		aor: sipmsg.Uri{Scheme: "sip", User: t.Register.account(t.TrunkConfig), Host: name}}
	if t.Register.Server != "" && t.OutboundProxy == "" {
		e.host = newHost(name, port, t.Transport)
		e.client = newClient(t.TLS, cmp.Or(t.TLS.ServerName, name))
	}
	sum := sha256.Sum256([]byte("roomline " + t.name + " " + e.aor.String()))
	e.user = "r" + hex.EncodeToString(sum[:10])
	id := sum[16:32]
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80 // version 8, made our own way (RFC 9562 §5.8)
	e.device = fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
	word := regNever
	e.word.Store(&word)
	return e
}

// at tells whether addr is that of a registrar with a host of its own.
func (e *enrolment) at(addr netip.Addr) bool {
	return e != nil && e.host != nil && e.host.has(addr)
}

// clientAt is the TLS toward an address: a registrar with a host of its own has to
// name that (RFC 5922 §4), and not the trunk's.
func (t *trunk) clientAt(addr netip.Addr) *client {
	if t.enrols.at(addr) && !t.host.has(addr) {
		return t.enrols.client
	}
	return t.client
}

// name is the user of our Contact, empty where we do not register.
func (e *enrolment) name() string {
	if e == nil {
		return ""
	}
	return e.user
}

// locate looks a registrar with a host of its own up, and tells whether its
// address may change. One without an address is unreachable, which is told.
func (e *enrolment) locate(ctx context.Context, find func(context.Context, locate.Query) (locate.Answer, error), times timing) bool {
	if e == nil || e.host == nil {
		return false
	}
	e.host.find = find
	_ = e.host.lookup(ctx, times.lookup)
	return !e.host.fixed()
}

// followHost keeps up with where the registrar is.
func (e *enrolment) followHost(ctx context.Context, times timing) {
	for {
		wait := e.host.due(times.follow)
		if !e.host.known() {
			wait = times.search
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		_ = e.host.lookup(ctx, times.lookup)
	}
}

// Registrations says in words how each registering trunk's registration is:
// "registered", "unreachable", "failed: 403 wrong password".
func (a *Agent) Registrations() map[string]string {
	words := map[string]string{}
	for name, t := range a.trunks {
		if t.enrols != nil {
			words[name] = *t.enrols.word.Load()
		}
	}
	return words
}

// proxied is the way past the outbound proxy, where there is one.
func (t *trunk) proxied() []sipmsg.Uri {
	if t.OutboundProxy == "" {
		return nil
	}
	name, port, _ := splitHost(t.OutboundProxy)
	uri := sipmsg.Uri{Scheme: "sip", Host: name, Port: int(port)}
	if row, _ := transportOf(t.Transport); row.uri != "" {
		uri.UriParams.Add("transport", row.uri)
	}
	uri.UriParams.Add("lr", "")
	return []sipmsg.Uri{uri}
}

// preloaded are the routes of a call that begins: the proxy, then the registrar's
// Service-Route (RFC 3608 §6.1), which may begin with that very proxy.
func (t *trunk) preloaded() []sipmsg.Uri {
	routes := t.proxied()
	if t.enrols == nil || t.enrols.routes.Load() == nil {
		return routes
	}
	service := *t.enrols.routes.Load()
	if len(routes) > 0 && len(service) > 0 && strings.EqualFold(routes[0].Host, service[0].Host) && portOf(routes[0]) == portOf(service[0]) {
		return service
	}
	return append(routes, service...)
}

// is tells whether a request came to the Contact that we registered.
func (e *enrolment) is(uri sipmsg.Uri) bool { return e != nil && uri.User == e.user }

// reached is the number that was called when the request came to our Contact:
// the one that the network says it is (RFC 7315 §4.2), or To's. A call to the
// account itself is one to the trunk's first number.
func (t *trunk) reached(req *sipmsg.Request) string {
	for _, a := range addressesIn(req, "p-called-party-id") {
		if number := userOf(a.uri); t.owns(number) {
			return number
		}
	}
	to := req.To().Address
	if number := userOf(to); number != "" && (t.owns(number) || to.User != t.enrols.aor.User) {
		return number
	}
	if len(t.Numbers) > 0 {
		return dialled(t.Numbers[0])
	}
	return dialled(t.CallerID)
}
