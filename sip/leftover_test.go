package sip

import (
	"fmt"
	"testing"
	"time"
)

// Closing also ends in time when more calls wait for their BYE than are ended
// at once.
func TestSuddenEndOfMany(t *testing.T) {
	p, left, times := newPeer(t, "127.0.0.1"), newMemory(), realTiming()
	times.hush = time.Millisecond
	for i := range maxFarewells + 2 {
		e := Entry{At: time.Now(), Trunk: "carrier", CallID: fmt.Sprint("call", i), Local: "sip:1@h", LocalTag: "1", Remote: "sip:2@h",
			RemoteTag: "2", Target: "sip:2@" + p.addr().String(), Network: "udp", Peer: p.addr().String()}
		left.entries[e.Key()] = e
	}
	b := newBedWith(t, p, left, times)
	for range maxFarewells {
		b.request("BYE")
	}
	closed := make(chan error, 1)
	go func() { closed <- b.agent.Close() }() // ends with Close; awaited below
	select {
	case err := <-closed:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatal("Close does not return")
	}
	left.has(t, maxFarewells+2)
}

// F1: calls on a trunk that is silent do not hold up those on another.
func TestSuddenEndBehindSilence(t *testing.T) {
	p, silent, left, times := newPeer(t, "127.0.0.1"), newPeer(t, "127.0.0.2"), newMemory(), realTiming()
	times.bye, times.farewells = 50*time.Millisecond, []time.Duration{time.Hour}
	trunks := map[string]TrunkConfig{}
	for name, peer := range map[string]*peer{"carrier": p, "silent": silent} {
		cfg := TrunkDefaults()
		cfg.Host, cfg.Numbers = peer.addr().String(), []string{"+4930555"}
		trunks[name] = cfg
	}
	for i := range 2*maxFarewells + 1 {
		e := Entry{At: time.Now(), Trunk: "silent", CallID: fmt.Sprint("call", i), Local: "sip:1@h", LocalTag: "1", Remote: "sip:2@h",
			RemoteTag: "2", Target: "sip:2@" + silent.addr().String(), Network: "udp", Peer: silent.addr().String()}
		if i == 2*maxFarewells {
			e.Trunk, e.CallID, e.Target, e.Peer = "carrier", "last", "sip:2@"+p.addr().String(), p.addr().String()
		}
		left.entries[e.Key()] = e
		left.order = append(left.order, e.Key())
	}
	a := startWith(t, left, trunks, newPorts(t), &board{}, times)
	p.to = a.listeners[0].addr
	p.reply(p.request("BYE"), 200, "OK", nil)
	left.has(t, 2*maxFarewells)
}
