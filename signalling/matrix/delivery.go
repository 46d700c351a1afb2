package matrix

import (
	"encoding/json"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"
)

// delivery is a transaction of the homeserver in its parts. What is for our
// devices never reaches the library, which would hold up the events for it.
type delivery struct {
	events  []byte // {"events":[…]}; or the whole, when it is no transaction
	letters []letter
	counts  []count
	changed []string // users with other devices than before
	lost    int      // messages to devices that cannot be read, or are too many
}

// count is what the homeserver has left of one device's keys.
type count struct {
	left      mautrix.OTKCount
	fallbacks []string // nil: not said
}

// What is for devices has names of its own until it is in the specification
// (MSC2409, now MSC4203; MSC3202). Synapse 1.160 sends the last spelling of the
// counts besides the one before it.
var (
	namesOfLetters   = []string{"to_device", "de.sorunome.msc2409.to_device"}
	namesOfLists     = []string{"device_lists", "org.matrix.msc3202.device_lists"}
	namesOfCounts    = []string{"device_one_time_keys_count", "org.matrix.msc3202.device_one_time_keys_count", "org.matrix.msc3202.device_one_time_key_counts"}
	namesOfFallbacks = []string{"device_unused_fallback_key_types", "org.matrix.msc3202.device_unused_fallback_key_types"}
)

const (
	maxLetters = 1000   // in one transaction; Synapse sends a hundred
	maxCounts  = 1000   // devices in one transaction
	maxChanged = 10_000 // users in one transaction
	maxID      = 255    // bytes of a user or device id
)

type parts map[string]json.RawMessage

// first is the part that goes by one of these names.
func (p parts) first(names []string) json.RawMessage {
	for _, name := range names {
		if part, ok := p[name]; ok {
			return part
		}
	}
	return nil
}

// unpack takes a transaction apart. A part that cannot be read is empty. ours
// tells whether a user is of ours: what is for others is dropped.
func unpack(body []byte, ours func(user string) bool) delivery {
	var p parts
	if json.Unmarshal(body, &p) != nil || p == nil {
		return delivery{events: body}
	}
	d := delivery{events: onlyEvents(p["events"])}
	d.readLetters(p.first(namesOfLetters), ours)
	d.readCounts(p.first(namesOfCounts), p.first(namesOfFallbacks), ours)
	d.readChanged(p.first(namesOfLists))
	return d
}

func onlyEvents(events json.RawMessage) []byte {
	if events == nil {
		return []byte(`{"events":[]}`)
	}
	return append(append([]byte(`{"events":`), events...), '}')
}

func (d *delivery) readLetters(part json.RawMessage, ours func(string) bool) {
	var all []json.RawMessage
	if json.Unmarshal(part, &all) != nil {
		return
	}
	if len(all) > maxLetters {
		d.lost += len(all) - maxLetters
		all = all[:maxLetters]
	}
	for _, text := range all {
		if l, ok := readLetter(text); ok && ours(l.user) {
			d.letters = append(d.letters, l)
		} else {
			d.lost++
		}
	}
}

// readCounts reads objects of the form {user: {device: …}}. A device of which
// only the fallback keys are told is left out: nobody knows what it has left.
func (d *delivery) readCounts(counts, fallbacks json.RawMessage, ours func(string) bool) {
	unused := byDevice(fallbacks)
	for user, devices := range byDevice(counts) {
		for device, text := range devices {
			var c count
			if !ours(user) || len(d.counts) >= maxCounts || !fits(user) || !fits(device) || json.Unmarshal(text, &c.left) != nil {
				continue
			}
			c.left.UserID, c.left.DeviceID = id.UserID(user), id.DeviceID(device)
			if text, ok := unused[user][device]; ok && json.Unmarshal(text, &c.fallbacks) != nil {
				c.fallbacks = nil
			}
			d.counts = append(d.counts, c)
		}
	}
}

func byDevice(part json.RawMessage) map[string]parts {
	var users parts
	if json.Unmarshal(part, &users) != nil {
		return nil
	}
	all := make(map[string]parts, len(users))
	for user, text := range users {
		var devices parts
		if json.Unmarshal(text, &devices) == nil {
			all[user] = devices
		}
	}
	return all
}

func (d *delivery) readChanged(part json.RawMessage) {
	var lists struct {
		Changed []text `json:"changed"`
	}
	if json.Unmarshal(part, &lists) != nil {
		return
	}
	for _, user := range lists.Changed {
		if len(d.changed) < maxChanged && fits(string(user)) {
			d.changed = append(d.changed, string(user))
		}
	}
}

// fits tells whether an identifier may be one.
func fits(name string) bool { return name != "" && len(name) <= maxID }
