package e2ee

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"maunium.net/go/mautrix/event"

	"roomline/internal/database"
	"roomline/signalling/matrix/e2ee/e2eetest"
)

// ghosts is how many telephones BenchmarkGhosts makes.
const ghosts = 1000

// BenchmarkGhosts prints what a telephone with keys costs: bytes on disk; bytes
// in memory, those of the database's cache and of the few that are loaded
// divided by all; bytes of one that is loaded; and the time to make its device.
// Each has sent one event to a user with two devices, and read one.
func BenchmarkGhosts(b *testing.B) {
	for b.Loop() {
		r, phone := benched(b)
		disk := r.size()
		for i := range ghosts {
			user := fmt.Sprintf("@tel_%d:example.org", i)
			if err := r.Ensure(b.Context(), user); err != nil {
				b.Fatal(err)
			}
			r.says(user, alice)
			r.opens(user, phone.Say(room, "m.call.invite", call, user))
		}
		b.ReportMetric(float64(b.Elapsed().Milliseconds())/ghosts, "ms/ghost")
		if _, err := r.Devices.part.Exec(b.Context(), `PRAGMA wal_checkpoint(TRUNCATE)`); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(r.size()-disk)/ghosts, "disk-B/ghost")
		n, all := len(r.cached), heap()
		clear(r.cached)
		unloaded := heap()
		b.ReportMetric(float64(all-unloaded)/float64(n), "heap-B/loaded")
		r.stop()
		r.Devices, r.db = nil, nil
		b.ReportMetric(float64(all-heap())/ghosts, "heap-B/ghost")
		r.start() // for the end of the test
	}
}

// BenchmarkSeal is one event under a key that is shared already.
func BenchmarkSeal(b *testing.B) {
	r, _ := benched(b)
	r.device(ghost)
	for b.Loop() {
		r.says(ghost, alice)
	}
	r.stop()
}

// BenchmarkShare is one event under a new key, for two devices.
func BenchmarkShare(b *testing.B) {
	r, _ := benched(b)
	r.device(ghost)
	for b.Loop() {
		r.Renew(room)
		r.says(ghost, alice)
	}
	r.stop()
}

// BenchmarkOpen is one event under a key that is there.
func BenchmarkOpen(b *testing.B) {
	r, phone := benched(b)
	r.device(ghost)
	var all []*event.Event
	for range 90 { // a key is good for a hundred
		if len(all) == 0 {
			phone.Share(room, ghost)
		}
		all = append(all, phone.Seal(room, "m.call.candidates", call))
	}
	r.opens(ghost, all[0])
	for i := 0; b.Loop(); i++ {
		r.opens(ghost, all[i%len(all)])
	}
	r.stop()
}

// benched is a rig, and a user with two devices.
func benched(b *testing.B) (*rig, *e2eetest.Peer) {
	b.Helper()
	r := setUpAt(b, database.Address(filepath.Join(b.TempDir(), "roomline.db")), Config{})
	phone := r.hs.Peer(alice, "PHONE").CrossSigned()
	r.hs.Peer(alice, "LAPTOP").SignedBy(phone)
	return r, phone
}

func (r *rig) size() (n int64) {
	if info, err := os.Stat(r.at.Reveal()); err == nil {
		n = info.Size()
	}
	return n
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
