package port

import (
	"errors"
	"testing"
	"time"
)

// A pair that is needed early is found without a look at all of thousands; those
// that are still spoken to are passed over.
func TestEarlyLooksAtFew(t *testing.T) {
	now := time.Now()
	q, looks := &quarantine{drain: defaultDrain}, 0
	noisy := map[int]bool{}
	for i := range 5000 {
		q.add(rested{index: i}, now)
		noisy[i] = i < 100
	}
	heard := func(p *rested) bool { looks++; return noisy[p.index] }
	now = now.Add(2 * time.Second)
	if p := q.early(now, heard); p != nil || looks != earlyLooks {
		t.Fatalf("found %v after %d looks among those that are spoken to", p, looks)
	}
	looks = 0
	if p := q.early(now, heard); p == nil || p.index != 100 || looks != 100-earlyLooks+1 {
		t.Fatalf("found %v after %d looks", p, looks)
	}
	looks = 0
	if p := q.early(now, heard); p == nil || p.index != 101 || looks != 1 {
		t.Fatalf("found %v after %d looks", p, looks)
	}
	if n := len(q.held); n != 4998 {
		t.Errorf("%d are held", n)
	}
	if p := (&quarantine{}).early(now, heard); p != nil {
		t.Errorf("found %v in nothing", p)
	}
	young := &quarantine{}
	young.add(rested{index: 1}, now)
	if p := young.early(now.Add(leastSilence), func(*rested) bool { return false }); p != nil || len(young.held) != 1 {
		t.Errorf("found %v, a moment after its call", p)
	}
}

// A pair is looked at now and then, not each time that somebody sweeps, and at
// the end of its silence: what came since the last look begins that anew.
func TestSweepLooksNowAndThen(t *testing.T) {
	now, spoken, looked := time.Now(), false, 0
	q := &quarantine{drain: 32 * time.Second}
	q.add(rested{index: 1}, now)
	heard := func(*rested) bool {
		looked++
		defer func() { spoken = false }()
		return spoken
	}
	pass := func(d time.Duration) (done int) {
		for range d / time.Second {
			now = now.Add(time.Second)
			done += len(q.sweep(now, heard))
		}
		return done
	}
	if done := pass(31 * time.Second); done != 0 || looked != looks-1 {
		t.Fatalf("%d are done after %d looks", done, looked)
	}
	spoken = true
	if done := pass(32 * time.Second); done != 0 {
		t.Fatal("given out though it was spoken to a moment ago")
	}
	if done := pass(time.Second); done != 1 || looked != 2*looks {
		t.Errorf("%d are done after %d looks", done, looked)
	}
}

// A socket that could not be kept tells nothing, so its pair rests for as long as
// any.
func TestLostSocket(t *testing.T) {
	now := time.Now()
	q, buf := &quarantine{drain: defaultDrain}, make([]byte, maxPacket)
	q.add(rested{index: 1, sockets: [2]int{lost, lost}}, now)
	heard := func(r *rested) bool { return r.drain(buf) }
	if done := q.sweep(now.Add(maxQuarantine-1), heard); len(done) != 0 || q.early(now.Add(maxQuarantine-1), heard) != nil {
		t.Error("given out early")
	}
	done := q.sweep(now.Add(maxQuarantine), heard)
	if len(done) != 1 || done[0].close() != nil {
		t.Errorf("%d are done", len(done))
	}
}

// The sockets of a pair that rests are its own: nobody else gets the ports, and
// what is sent there is heard of.
func TestRestedPair(t *testing.T) {
	r, _ := frozen(t, config(1))
	port := open(t, r)
	old, err := port.pair.rest()
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, maxPacket)
	if old.drain(buf) {
		t.Error("heard, though nobody spoke")
	}
	if conn, err := listenUDP(r.bind, int(port.Addr().Port())); err == nil {
		_ = conn.Close()
		t.Error("another has its port")
	}
	newPhone(t, "127.77.0.2", port.Addr()).say(0, 1)
	if !old.drain(buf) || old.drain(buf) {
		t.Error("what was said was not heard, or twice")
	}
	if err := errors.Join(old.close(), old.close()); err != nil {
		t.Error(err)
	}
	conn, err := listenUDP(r.bind, int(port.Addr().Port()))
	if err != nil {
		t.Fatalf("a socket is left: %v", err)
	}
	_ = conn.Close()
}
