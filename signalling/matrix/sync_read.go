package matrix

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
)

// heardSync is one answer of the homeserver in its parts (Matrix 1.18, "GET
// /sync"). What cannot be read is dropped, event by event.
type heardSync struct {
	next    string
	rooms   []syncRoom
	letters []json.RawMessage // messages to our device
	changed []string          // users with other devices than before
	left    *mautrix.OTKCount // one-time keys of our device; nil: not said
	unused  []string          // its fallback keys that nobody has used; nil: not said
	lost    int               // what could not be read
}

// syncRoom is what happened in one room, oldest first.
type syncRoom struct {
	id     string
	state  []happened // before the others
	events []happened
	gap    string // where what is missing before events begins, going backwards; empty: nothing is missing
}

// happened is an event, and its text with the room in it.
type happened struct {
	*event.Event
	text json.RawMessage
}

// What is read of one answer, and no more.
const (
	maxSyncToken = 8192
	maxSyncRooms = 10_000
	maxSyncEvent = 1 << 20 // bytes; an event has 65,536, and what the homeserver adds
)

// errNoSync is an answer that is none.
var errNoSync = errors.New("what it answers to /sync is not what the specification says")

// readSync reads an answer to a user. since makes names for what has none.
func readSync(body []byte, since, self string) (heardSync, error) {
	var raw struct {
		Next     json.RawMessage `json:"next_batch"`
		ToDevice json.RawMessage `json:"to_device"`
		Lists    json.RawMessage `json:"device_lists"`
		Left     json.RawMessage `json:"device_one_time_keys_count"`
		Unused   json.RawMessage `json:"device_unused_fallback_key_types"`
		Rooms    json.RawMessage `json:"rooms"`
	}
	var h heardSync
	if json.Unmarshal(body, &raw) != nil || json.Unmarshal(raw.Next, &h.next) != nil || h.next == "" || len(h.next) > maxSyncToken {
		return h, errNoSync
	}
	h.readDevices(raw.ToDevice, raw.Lists, raw.Left, raw.Unused)
	h.readRooms(raw.Rooms, since, self)
	return h, nil
}

func (h *heardSync) readDevices(letters, lists, left, unused json.RawMessage) {
	var to struct {
		Events []json.RawMessage `json:"events"`
	}
	h.part(letters, &to)
	if len(to.Events) > maxLetters {
		h.lost += len(to.Events) - maxLetters
		to.Events = to.Events[:maxLetters]
	}
	h.letters = to.Events
	d := delivery{}
	d.readChanged(lists)
	h.changed = d.changed
	if left != nil {
		h.left = new(mautrix.OTKCount)
		if json.Unmarshal(left, h.left) != nil {
			h.left, h.lost = nil, h.lost+1
		}
	}
	h.part(unused, &h.unused)
}

// part reads one part, and counts it as lost if that is not possible.
func (h *heardSync) part(text json.RawMessage, into any) {
	if text != nil && json.Unmarshal(text, into) != nil {
		h.lost++
	}
}

type rawRoom struct {
	State    rawEvents `json:"state"`
	Invite   rawEvents `json:"invite_state"`
	Timeline struct {
		rawEvents
		Limited bool   `json:"limited"`
		Prev    string `json:"prev_batch"`
	} `json:"timeline"`
}

type rawEvents struct {
	Events []json.RawMessage `json:"events"`
}

func (h *heardSync) readRooms(text json.RawMessage, since, self string) {
	var rooms struct {
		Join   map[string]json.RawMessage `json:"join"`
		Invite map[string]json.RawMessage `json:"invite"`
		Leave  map[string]json.RawMessage `json:"leave"`
	}
	h.part(text, &rooms)
	read := func(all map[string]json.RawMessage, as func(string, rawRoom) syncRoom) {
		for _, name := range slices.Sorted(maps.Keys(all)) {
			var raw rawRoom
			if !roomID.MatchString(name) || len(h.rooms) >= maxSyncRooms || json.Unmarshal(all[name], &raw) != nil {
				h.lost++
				continue
			}
			h.rooms = append(h.rooms, as(name, raw))
		}
	}
	joined := func(room string, raw rawRoom) syncRoom { return h.joined(room, raw, self) }
	read(rooms.Leave, joined) // what we were told goodbye of may have invited us again
	read(rooms.Invite, func(room string, raw rawRoom) syncRoom { return h.invited(room, raw, since, self) })
	read(rooms.Join, joined)
}

// joined reads a room that we are in, or were. An invitation of ours there is
// an old one: it was among the others.
func (h *heardSync) joined(room string, raw rawRoom, self string) syncRoom {
	r := syncRoom{id: room, state: h.events(room, raw.State.Events), events: h.events(room, raw.Timeline.Events)}
	r.state = slices.DeleteFunc(r.state, func(e happened) bool { return e.StateKey == nil })
	r.events = slices.DeleteFunc(r.events, func(e happened) bool { return invites(e.Event, self) })
	if raw.Timeline.Limited && len(raw.Timeline.Prev) <= maxSyncToken {
		r.gap = raw.Timeline.Prev
	}
	return r
}

func (h *heardSync) events(room string, all []json.RawMessage) []happened {
	list := make([]happened, 0, len(all))
	for _, text := range all {
		if e, ok := readHappened(room, text); ok {
			list = append(list, e)
		} else {
			h.lost++
		}
	}
	return list
}
