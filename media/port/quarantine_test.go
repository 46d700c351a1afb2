package port

import (
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
		q.add(&pair{index: i}, now)
		noisy[i] = i < 100
	}
	heard := func(p *pair) bool { looks++; return noisy[p.index] }
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
	young.add(&pair{index: 1}, now)
	if p := young.early(now.Add(leastSilence), func(*pair) bool { return false }); p != nil || len(young.held) != 1 {
		t.Errorf("found %v, a moment after its call", p)
	}
}
