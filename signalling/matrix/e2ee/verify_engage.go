package e2ee

import (
	"encoding/json"
	"errors"
	"strings"
	"sync"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// This file holds what a policy does not refuse although it does not know
// somebody's identity yet: or nobody could ever make it known. A person whose
// identity is another than before is not among them: whoever has put it there
// would say that it is right.

// engagements are the people who are being verified, and where. The zero value
// is ready.
type engagements struct {
	mu    sync.Mutex
	count map[[2]string]int // by user and room
}

func (e *engagements) set(user, room string, on bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.count == nil {
		e.count = map[[2]string]int{}
	}
	k := [2]string{user, room}
	if on {
		e.count[k]++
	} else if e.count[k]--; e.count[k] <= 0 {
		delete(e.count, k)
	}
}

func (e *engagements) with(user, room string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.count[[2]string{user, room}] > 0
}

// readable tells whether a refused device is given the key of a room because
// its owner is being verified there: it is signed by its owner, but nobody has
// confirmed who that is. When the verification is over the room gets a new key.
func (d *Devices) readable(err error, user id.UserID, room string) bool {
	var why Untrusted
	return errors.As(err, &why) && why.Why == unknownID.Why && d.engaged.with(user.String(), room)
}

// harmless tells whether an event of a refused device is heard all the same:
// it is about a verification, or asks for one.
func harmless(refused error, e *event.Event) bool {
	var why Untrusted
	if !errors.As(refused, &why) || why.Why == changed.Why || why.Why == otherKey.Why {
		return false
	}
	if VerifyEvent(e.Type.Type, e.Content.VeryRaw) {
		return true
	}
	var m struct {
		Body string `json:"body"`
	}
	if e.Type.Type != "m.room.message" || json.Unmarshal(e.Content.VeryRaw, &m) != nil || len(m.Body) > 64 {
		return false
	}
	word, _, _ := strings.Cut(strings.TrimSpace(m.Body), " ")
	return strings.EqualFold(word, "!verify")
}
