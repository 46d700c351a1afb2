package sip

import (
	"net"
	"net/netip"
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// S12: whoever connects to us by TLS from a trunk's address and port gets none of
// our calls (RFC 5923 §8.1) unless its certificate names the trunk. The calls that
// came by a connection stay on it all the same.
func TestConnectionsAreNoAliasUnproven(t *testing.T) {
	ca := newAuthority(t)
	ours, file, key := ca.issue("us", named("gateway.test"))
	pbx, _, _ := ca.issue("pbx", uri("sip:pbx.test"))
	for name, c := range map[string]struct {
		clients string
		serves  bool
	}{"unproven": {"", false}, "proven": {ca.file, true}} {
		t.Run(name, func(t *testing.T) {
			b := newDressedBed(t, newDressedPeer(t, "tls", secured(serverOf(ours))),
				Config{Listen: []string{"tls://127.0.0.1:0"}, TLS: TLS{Certificate: file, Key: key, ClientCA: c.clients}},
				func(c *TrunkConfig, _ *timing) { c.TLS.CA = ca.file })
			if err := b.arrive(serverOf(pbx)); err != nil {
				t.Fatal(err)
			}
			b.calledBack() // by which its BYE came, too
			f := b.onlyFlow()
			trunk := b.agent.trunks["carrier"]
			l := b.agent.listenerFor("tls", f.remote.Addr())
			far := sipmsg.Uri{Scheme: "sip", User: "1", Host: trunk.domain}
			d := &dialog{agent: b.agent, trunk: trunk, listener: l, host: "gateway.test", callID: newTag(), local: party{"", far, newTag()},
				remote: party{"", far, ""}, localSeq: 1, peer: f.remote, target: far}
			req := d.request(sipmsg.INVITE)
			on, err := b.agent.reach(t.Context(), req)
			if (on == f) != c.serves || (err == nil) != c.serves {
				t.Errorf("a call of ours: on its connection %t, %v", on == f, err)
			}
		})
	}
}

// onlyFlow is the one connection there is.
func (b *bed) onlyFlow() *flow {
	b.t.Helper()
	fs := b.agent.flows
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if len(fs.open) != 1 {
		b.t.Fatalf("%d connections", len(fs.open))
	}
	for f := range fs.open {
		return f
	}
	return nil
}

// What comes by plain TCP is never taken for what came by TLS from the same
// address and port.
func TestOneTransportWithOneFarEnd(t *testing.T) {
	a := startAgent(t, map[string]TrunkConfig{"carrier": {Host: "127.0.0.1", Numbers: []string{"+4930555"}}}, newPorts(t), &board{}, realTiming())
	far := netip.MustParseAddrPort("192.0.2.1:5061")
	kind := func(name string) *flow {
		row, _ := transportOf(name)
		ours, theirs := net.Pipe()
		t.Cleanup(func() { theirs.Close() })
		return &flow{Conn: ours, row: row, remote: far, all: a.flows, born: time.Now(), listener: a.listeners[1], adopted: make(chan struct{}), lost: make(chan struct{})}
	}
	first := kind("tls")
	if !a.flows.enter(first) || a.flows.enter(kind("tcp")) || a.flows.at(far) != first {
		t.Error("plain TCP took the place of TLS")
	}
	ours := kind("wss")
	ours.listener = nil
	if !a.flows.enter(ours) || a.flows.at(far) != ours {
		t.Error("what was accepted keeps us from dialling")
	}
	select {
	case <-first.lost:
	case <-time.After(patience):
		t.Error("both stay open")
	}
	ours.Close()
	if next := kind("tcp"); !a.flows.enter(next) || a.flows.at(far) != next {
		t.Error("the place is not free again")
	}
}
