package sip

import (
	"cmp"
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// Why a request that belongs to no leg has no answer.
var (
	errLeaving = errors.New("it is not waited for any more")
	errSilence = errors.New("no answer in time")
)

// register makes the next REGISTER (RFC 3261 §10.2). expires 0 takes our own
// binding back, and nobody else's.
func (c *clerk) register(at seat, expires time.Duration) *sipmsg.Request {
	if c.auth == nil {
		c.creds = credentials{trunk: c.trunk}
	}
	ours, was := c.contact(at), c.last
	if c.state.bound && was.Host != "" && !samePlace(was, ours) && len(c.old) < maxMoves {
		c.old = append(c.old, was)
	}
	c.old = slices.DeleteFunc(c.old, func(u sipmsg.Uri) bool { return samePlace(u, ours) }) // we are back
	c.last = ours
	d := c.dialog
	d.listener, d.host, d.peer = at.listener, at.host, at.remote
	if d.target = c.server; c.detour != nil {
		d.target = c.toward
	}
	req := d.request(sipmsg.REGISTER)
	req.SetDestination(at.remote.String())
	c.bind(req, expires)
	req.AppendHeader(sipmsg.NewHeader("Allow", c.trunk.allowed()))
	req.AppendHeader(sipmsg.NewHeader("Supported", "path")) // RFC 3327 §5.1
	show(req, c.auth)
	return req
}

// maxMoves is how many Contacts of before are remembered until a registrar has
// forgotten them.
const maxMoves = 4

// bind adds the Contacts: ours, and those to be forgotten where we have moved.
func (c *clerk) bind(req *sipmsg.Request, expires time.Duration) {
	ours := &sipmsg.ContactHeader{Address: c.last}
	ours.Params.Add("+sip.instance", `"<`+c.device+`>"`)
	ours.Params.Add("expires", strconv.Itoa(int(expires.Seconds())))
	req.AppendHeader(ours)
	for _, old := range c.old {
		if expires > 0 {
			gone := &sipmsg.ContactHeader{Address: old}
			gone.Params.Add("expires", "0")
			req.AppendHeader(gone)
		}
	}
	req.AppendHeader(sipmsg.NewHeader("Expires", strconv.Itoa(int(expires.Seconds()))))
}

// contact is where we want to be called.
func (c *clerk) contact(at seat) sipmsg.Uri {
	d := dialog{trunk: c.trunk, listener: at.listener, host: at.host}
	return d.contact().Address
}

// registrar is the host that REGISTERs go to.
func (t *trunk) registrar() *host {
	if t.enrols.host != nil {
		return t.enrols.host
	}
	return t.host
}

// seat is where a trunk's next REGISTER goes, and from where.
func (t *trunk) seat() (seat, bool) {
	for _, found := range t.registrar().draw() {
		l := t.agent.listenerFor(found.Transport, found.Addr.Addr())
		if l == nil {
			continue
		}
		host := l.hostFor(found.Addr)
		if addr, err := netip.ParseAddr(host); err == nil && addr.IsUnspecified() {
			continue // no way leads there from here now, and nobody could call us at that
		}
		return seat{found.Addr, l, host}, true
	}
	return seat{}, false
}

// holds tells whether all is still where a REGISTER found it: the registrar's
// name leads there, and we are seen from there as we were.
func (t *trunk) holds(s seat) bool {
	now := t.registrar().now()
	return len(now) == 0 || slices.Contains(now, s.remote.Addr()) && s.listener.hostFor(s.remote) == s.host
}

// line is closed when the connection to a place is lost, over which the
// registrar may be calling us. There is none over UDP.
func (t *trunk) line(s seat) <-chan struct{} {
	if s.listener == nil || s.listener.row().network == "udp" {
		return nil
	}
	fs := t.agent.flows
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if f := fs.remote[s.remote]; f.alive() {
		return f.lost
	}
	return nil
}

// redirected is where a 3xx leads, if that is one of the trunk's own addresses:
// our name and whereabouts are told to nobody else.
func (c *clerk) redirected(res *sipmsg.Response) (*seat, bool) {
	to := res.Contact()
	if to == nil {
		return nil, false
	}
	addrs := c.dialog.addresses(strings.Trim(to.Address.Host, "[]"))
	for _, addr := range addrs {
		l := c.trunk.agent.listenerFor(c.trunk.Transport, addr)
		if l != nil && c.trunk.trusts(addr) {
			remote := netip.AddrPortFrom(addr, cmp.Or(uint16(to.Address.Port), DefaultPort(c.trunk.Transport)))
			c.toward = sipmsg.Uri{Scheme: "sip", Host: to.Address.Host, Port: to.Address.Port}
			return &seat{remote, l, l.hostFor(remote)}, true
		}
	}
	return nil, false
}

// consult sends a request that belongs to no leg and waits for its final
// response, at most so long, and no longer than until is open.
func (a *Agent) consult(req *sipmsg.Request, within time.Duration, until <-chan struct{}) (*sipmsg.Response, error) {
	tx, err := a.send(req, within)
	if err != nil {
		return nil, err
	}
	defer tx.Terminate()
	wait := time.NewTimer(within)
	defer wait.Stop()
	for {
		select {
		case res := <-tx.Responses():
			if !res.IsProvisional() {
				return res, nil
			}
		case <-tx.Done():
			return nil, errors.New(lostWhy(tx.Connection()))
		case <-wait.C:
			a.shun(tx.Connection())
			return nil, errSilence
		case <-until:
			return nil, errLeaving
		}
	}
}
