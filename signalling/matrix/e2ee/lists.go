package e2ee

import (
	"context"
	"slices"
	"sync"
	"time"

	"maunium.net/go/mautrix/crypto"
	"maunium.net/go/mautrix/id"
)

// lists is how well we know the devices of other users. It is not written
// down: after a restart every user is asked for anew. Its zero value is ready.
type lists struct {
	mu      sync.Mutex
	known   map[string]known
	changes uint64               // how often anybody's devices have changed
	floor   uint64               // the change at which known was forgotten
	slow    map[string]time.Time // servers that let us wait for nothing, and when
}

type known struct {
	asked   time.Time
	changed uint64 // the last change of theirs that we heard of
	due     bool   // that was after they were asked for
	stale   bool   // it was, or there was no answer
	again   int    // how often it was asked for an unknown device, in againTime
}

const (
	freshTime = 10 * time.Minute // what we know is asked for anew then: what a homeserver could not tell us in time it never tells
	againTime = 20 * time.Second // in which an unknown device is asked for againMax times
	againMax  = 3
	maxKnown  = 20_000 // users
	perQuery  = 200    // users
	slowTime  = time.Minute
	maxSlow   = 1000 // servers

	impatience = 2 * time.Second  // for a homeserver, when what we know already is good enough
	lookTime   = 10 * time.Second // for a homeserver, when it is not
)

// Changed notes that users have other devices than before. It does not wait.
// That our own users have is no news.
func (d *Devices) Changed(users []string) {
	others := slices.DeleteFunc(slices.Clone(users), d.own)
	if len(others) == 0 && len(users) > 0 {
		return
	}
	users = others
	d.lists.mu.Lock()
	defer d.lists.mu.Unlock()
	d.lists.changes++
	for _, user := range users {
		d.lists.change(user, func(k *known) { k.due, k.stale, k.changed = true, true, d.lists.changes })
	}
}

// change is called with the lock held.
func (l *lists) change(user string, f func(*known)) {
	if len(l.known) >= maxKnown || l.known == nil {
		l.known, l.floor = map[string]known{}, l.changes
	}
	k := l.known[user]
	f(&k)
	l.known[user] = k
}

// Doubt lets everybody's devices be asked for anew: we were perhaps not told of
// changes. It does not wait.
func (d *Devices) Doubt() {
	d.lists.mu.Lock()
	defer d.lists.mu.Unlock()
	d.lists.changes++
	d.lists.known, d.lists.floor = nil, d.lists.changes
}

// now is the number of changes that were heard of.
func (l *lists) now() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changes
}

// fresh tells whether the devices of a user are as we know them.
func (l *lists) fresh(user string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	k, ok := l.known[user]
	return ok && !k.stale && time.Since(k.asked) < freshTime
}

// again tells whether to ask for a user of whom a device has turned up that we
// do not know, or who did not answer. Strangers may cause it, so it is limited,
// unless we have heard that something has changed.
func (l *lists) again(user string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	k, ok := l.known[user]
	if !ok || k.due {
		return true
	}
	if time.Since(k.asked) > againTime {
		k.again = 0
	}
	k.again++
	l.known[user] = k
	return k.again <= againMax
}

// dawdles notes that another server let us wait, and then did not name the
// device. All else that is sent to ours waited as well.
func (l *lists) dawdles(server string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.slow) >= maxSlow || l.slow == nil {
		l.slow = map[string]time.Time{}
	}
	l.slow[server] = time.Now()
}

// dawdled tells whether a server did so a moment ago: its users' unknown devices
// are not asked for then, because who owns it makes as many as it likes.
func (l *lists) dawdled(server string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, ok := l.slow[server]
	return ok && time.Since(at) < slowTime
}

// asked notes that a user was asked for after a number of changes, and
// whether there was an answer.
func (l *lists) asked(user string, after uint64, answered bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.change(user, func(k *known) {
		k.asked, k.due = time.Now(), max(k.changed, l.floor) > after
		k.stale = k.due || !answered
	})
}

// refresh asks for the devices of users, those that we know well excepted.
func (d *Devices) refresh(ctx context.Context, dev *device, users []string) error {
	users = slices.DeleteFunc(slices.Clone(users), d.lists.fresh)
	slices.Sort(users) // two that ask for the same users do not wait for each other
	for some := range slices.Chunk(slices.Compact(users), perQuery) {
		if err := d.fetch(ctx, dev, some, d.lists.fresh); err != nil {
			return err
		}
	}
	return nil
}

// fetch asks for the devices of users, unless somebody else has done so
// meanwhile. The users are sorted.
func (d *Devices) fetch(ctx context.Context, dev *device, users []string, unless func(string) bool) error {
	for _, user := range users {
		unlock, err := d.fetching.lock(ctx, user)
		if err != nil {
			return err
		}
		defer unlock()
	}
	var ask []id.UserID
	for _, user := range users {
		if !unless(user) {
			ask = append(ask, id.UserID(user))
		}
	}
	if len(ask) == 0 {
		return nil
	}
	as := d.lists.now()
	answer, err := d.query(ctx, dev, ask)
	for _, user := range ask {
		_, answered := answer[user]
		d.lists.asked(user.String(), as, answered)
	}
	return err
}

// query is POST /keys/query (Matrix 1.18, "Querying keys"); the library checks
// the signatures and writes down what is good. It is done with a machine of its
// own, because what it remembers of our own keys is not safe to share.
func (d *Devices) query(ctx context.Context, dev *device, users []id.UserID) (answer map[id.UserID]map[id.DeviceID]*id.Device, err error) {
	defer survive(&err)
	asker := crypto.NewOlmMachine(dev.mach.Client, d.zlog, dev.store, d.state)
	asker.DisableDeviceChangeKeyRotation = true
	return asker.FetchKeys(ctx, users, true)
}
