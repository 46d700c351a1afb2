package configs

import (
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"roomline/internal/nearest"
	"roomline/signalling"
	"roomline/sip"
)

// trunkNames holds names to what metrics, logs and routes can carry.
func (d *decoder) trunkNames(c *Config) {
	if len(c.Trunks) == 0 {
		d.found("trunks", "expected at least one trunk")
	}
	for _, name := range slices.Sorted(maps.Keys(c.Trunks)) {
		if !nameForm.MatchString(name) || name == signalling.Matrix {
			at := d.where("trunks." + name)
			d.expected(at, "trunks."+short(name), fmt.Sprintf("a name of up to 32 letters, digits, _ and -, other than %q", signalling.Matrix), "")
		}
	}
}

var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$`)

// routes holds both tables against the trunks there are.
func (d *decoder) routes(c *Config) {
	if len(c.Routes.Outbound) == 0 && len(c.Trunks) > 1 {
		d.found("routes.outbound", "expected rules, because there are several trunks")
	}
	for i, r := range c.Routes.Outbound {
		d.trunk(c, fmt.Sprintf("routes.outbound[%d].trunk", i), r.Trunk)
	}
	for i, r := range c.Routes.Inbound {
		at := fmt.Sprintf("routes.inbound[%d]", i)
		d.trunk(c, at+".trunk", r.Trunk)
		d.trunk(c, at+".via", r.Via)
		d.rung(c, at+".user", r.User)
		for _, user := range r.Users {
			d.rung(c, at+".users", user)
		}
		if r.To != "" && r.Via == "" && c.hasTrunk(r.Trunk) && !c.leadsHere(r) {
			d.found(at+".to", fmt.Sprintf("expected one of the numbers of %s, found %q", from(r), r.To))
		}
	}
}

func (d *decoder) trunk(c *Config, path, name string) {
	if c.hasTrunk(name) || d.known(path) {
		return
	}
	p := Problem{Path: path, Text: fmt.Sprintf("expected the name of a trunk, found %q", name),
		Expected: "the name of a trunk", Found: name, Nearest: nearest.Word(name, slices.Sorted(maps.Keys(c.Trunks)))}
	if p.Nearest != "" {
		p.Text += fmt.Sprintf("; did you mean %q?", p.Nearest)
	}
	d.add(d.where(path), p)
}

// hasTrunk tells whether there is such a trunk, or a rule names none.
func (c *Config) hasTrunk(name string) bool {
	_, ok := c.Trunks[name]
	return ok || name == ""
}

func from(r signalling.Inbound) string {
	if r.Trunk == "" {
		return "a trunk"
	}
	return "trunk " + r.Trunk
}

// leadsHere tells whether a trunk that the rule speaks of has its number. As
// in signalling.Plan, the "+" may be missing on either side.
func (c *Config) leadsHere(r signalling.Inbound) bool {
	for name, t := range c.Trunks {
		if r.Trunk != "" && r.Trunk != name {
			continue
		}
		for _, n := range t.Numbers {
			if strings.TrimPrefix(n, "+") == strings.TrimPrefix(r.To, "+") {
				return true
			}
		}
	}
	return false
}

// listener is an address that this process takes.
type listener struct {
	path, network string
	addr          netip.AddrPort
	last          uint16 // of a range of ports; else that of addr
}

// listeners reports addresses that two parts of us would take.
func (d *decoder) listeners(c *Config) {
	all := c.taken()
	for i, a := range all {
		for _, b := range all[:i] {
			if a.collides(b) {
				d.found(a.path, fmt.Sprintf("expected an address that nothing else takes, found that of %s", b.path))
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Trunks)) {
		d.itself(c.Trunks[name], join("trunks", name)+".host", all)
	}
}

// itself reports a trunk that is our own SIP address: its calls would come back.
func (d *decoder) itself(t Trunk, path string, ours []listener) {
	addr, err := netip.ParseAddrPort(t.Host)
	if bare, bareErr := netip.ParseAddr(t.Host); bareErr == nil {
		addr, err = netip.AddrPortFrom(bare, sip.DefaultPort(t.Transport)), nil // RFC 3261 §19.1.2
	}
	for _, l := range ours {
		if err == nil && strings.HasPrefix(l.path, "sip.") && (listener{path, sip.Network(t.Transport), addr, addr.Port()}).collides(l) && !l.addr.Addr().IsUnspecified() {
			d.found(path, fmt.Sprintf("expected the trunk's address, found our own: %s", l.path))
		}
	}
}

// taken are the addresses that can be read; others were reported already.
func (c *Config) taken() []listener {
	var all []listener
	add := func(path, network, addr string, ports int) {
		if strings.HasPrefix(addr, ":") {
			addr = "0.0.0.0" + addr
		}
		if a, err := netip.ParseAddrPort(addr); err == nil && a.Port() != 0 {
			all = append(all, listener{path, network, a, a.Port() + uint16(ports)})
		}
	}
	add("media.ports", "udp", at(c.Media.Address, c.Media.Ports.Low), c.Media.Ports.High-c.Media.Ports.Low)
	add("media.webrtc_port", "udp", at(c.Media.Address, c.Media.WebRTCPort), 0)
	add("http.listen", "tcp", c.HTTP.Listen, 0)
	if c.Matrix.Account.User == "" { // nobody reaches an ordinary account
		add("matrix.listen", "tcp", c.Matrix.Listen, 0)
	}
	for i, l := range c.SIP.Listen {
		if u, err := url.Parse(l); err == nil {
			add(fmt.Sprintf("sip.listen[%d]", i), sip.Network(u.Scheme), u.Host, 0)
		}
	}
	return all
}

func at(address string, port int) string { return fmt.Sprintf("%s:%d", bracket(address), port) }

func bracket(address string) string {
	if strings.Contains(address, ":") {
		return "[" + address + "]"
	}
	return address
}

func (a listener) collides(b listener) bool {
	same := a.addr.Addr() == b.addr.Addr() || a.addr.Addr().IsUnspecified() || b.addr.Addr().IsUnspecified()
	return same && a.network == b.network && a.addr.Port() <= b.last && b.addr.Port() <= a.last
}
