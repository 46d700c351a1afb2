package sip

import (
	"net/netip"
	"time"
)

// penalty is how long a target that failed is tried last.
const penalty = 30 * time.Second

// target is a place where a trunk's requests may go, and the listener that they
// leave from.
type target struct {
	addr     netip.AddrPort
	listener *listener
}

// targets are those of the trunk in the order to try them, of families and
// transports in which we listen.
func (t *trunk) targets() []target {
	var all []target
	for _, found := range t.host.draw() {
		if l := t.agent.listenerFor(found.Transport, found.Addr.Addr()); l != nil {
			all = append(all, target{found.Addr, l})
		}
	}
	return all
}

// anywhere asks one target after the other, until one has answered: ask tells
// whether it has, and for how long to set it aside (0: not, or the usual time if
// it has not). For requests that are no calls; each has its own bound of time.
func (t *trunk) anywhere(ask func(target) (answered bool, aside time.Duration)) bool {
	for _, one := range t.targets() {
		answered, aside := ask(one)
		if answered {
			t.host.setAside(one.addr, aside)
			return true
		}
		if aside == 0 {
			aside = penalty
		}
		t.host.setAside(one.addr, aside)
	}
	return false
}
