package matrix

import (
	"errors"
	"sync"
	"time"

	"maunium.net/go/mautrix/event"

	"roomline/signalling"
	"roomline/signalling/matrix/e2ee"
)

// This file holds what a room is told of encrypted events that were not taken.

// excuse is a sentence for a reason, as docs/verification.md lists them.
type excuse struct {
	why  error
	when string // the reason in words
	text string
}

// excuseOut is a notice that refused devices may read too: it says why they are.
type excuseOut struct{ noticeOut }

// ForAll implements e2ee.ForAll.
func (excuseOut) ForAll() {}

// excuses are what is said of errors that are the same for everybody. What may
// be the work of a hostile homeserver, and nobody in the room can mend, is only
// logged: it has no sentence.
var excuses = []excuse{
	{e2ee.ErrNoKey, "the key did not come within 25 seconds", "the key to what you said here did not arrive, so I could not read it. If it was a call, please place it again; if that does not help, restart your client."},
	{e2ee.ErrForwarded, "the key was passed on by another device", "I take no calls whose key was passed on by somebody else. Please say it again from this device."},
	{e2ee.Withheld{Code: string(event.RoomKeyWithheldUnverified)}, "`m.room_key.withheld`: `m.unverified`", "your device does not give its keys to devices that you have not verified. Verify me, or allow unverified devices in the settings of this room; then call again."},
	{e2ee.Withheld{Code: string(event.RoomKeyWithheldBlacklisted)}, "`m.room_key.withheld`: `m.blacklisted`", "your device has blocked mine, so I cannot read what you say. Take the block back in the list of my devices; then call again."},
	{e2ee.Withheld{Code: string(event.RoomKeyWithheldUnauthorized)}, "`m.room_key.withheld`: `m.unauthorised`", "your device did not give me the key, because I was not in this room yet when you said that. Please call again."},
	{e2ee.Withheld{Code: string(event.RoomKeyWithheldUnavailable)}, "`m.room_key.withheld`: `m.unavailable`", "your device does not have the key to what you said here any more. Please call again."},
	{e2ee.Withheld{Code: string(event.RoomKeyWithheldNoOlmSession)}, "`m.room_key.withheld`: `m.no_olm`", "your device and mine could not agree upon keys. Please call again; if that does not help, restart your client."},
}

const (
	otherwiseWithheld = "your device does not give me its key, so I cannot read what you say here."
	plainExcuse       = "a client sent a call or a command here without encryption, although this room is encrypted. It was ignored, because the homeserver itself could have written it. Please use a client that encrypts calls."
	swappedExcuse     = "the keys of the device in this call have changed. The call goes on as it is, and nothing that comes with the new keys changes it."
)

// sentence is what the room is told of an error; empty for nothing.
func sentence(err error) string {
	for _, x := range excuses {
		if errors.Is(err, x.why) {
			return x.text
		}
	}
	var untrusted e2ee.Untrusted
	var withheld e2ee.Withheld
	switch {
	case errors.As(err, &untrusted):
		return "I take nothing from your device " + clean(untrusted.Device) + ": " + signalling.Visible(untrusted.Why, maxDetail) + ". " + signalling.Visible(untrusted.Fix, maxDetail)
	case errors.As(err, &withheld):
		return otherwiseWithheld
	}
	return ""
}

// explain says in a room why something was not taken, unless that was said a
// moment ago. Strangers are told nothing.
func (c *Client) explain(k laneKey, ghost string, e *event.Event, err error) {
	why := sentence(err)
	if why == "" || ageOf(e) > maxLifetime || !c.rooms.answered(k.sender) {
		return
	}
	var untrusted e2ee.Untrusted
	errors.As(err, &untrusted)
	c.excuse(k, ghost, untrusted.Device+" "+why, why)
}

// excuse says a sentence to somebody in a room, once in a while. what is the
// same for what need not be said twice.
func (c *Client) excuse(k laneKey, ghost, what, text string) {
	if c.said.once(k.room + " " + k.sender + " " + what) {
		c.outboxOf(ghost, k.room).put(outgoing{eventType: typeNotice, final: true, content: excuseOut{noticeOut{"m.notice", clean(k.sender) + ": " + text}}})
	}
}

// tellSwapped says, once in a while, that somebody speaks for the party of the
// call with another device's key. Nothing of the call changes by that.
func (l *leg) tellSwapped() {
	l.log.Warn("ignored an event of the call's party that another device encrypted")
	l.c.excuse(laneKey{room: l.room, sender: l.user}, l.ghost, "swapped "+l.id, swappedExcuse)
}

// sayings remember what was said, so that a flood of what is wrong is none of
// notices.
type sayings struct {
	credit *bucket // of all rooms together

	mu sync.Mutex
	at map[string]time.Time
}

const (
	sayAgain   = 10 * time.Minute
	maxSayings = 10_000
)

func newSayings() *sayings { return &sayings{credit: newBucket(2, 50), at: map[string]time.Time{}} }

// once tells whether something is to be said.
func (s *sayings) once(what string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, ok := s.at[what]; ok && time.Since(at) < sayAgain || !s.credit.take() {
		return false
	}
	if len(s.at) >= maxSayings {
		clear(s.at)
	}
	s.at[what] = time.Now()
	return true
}
