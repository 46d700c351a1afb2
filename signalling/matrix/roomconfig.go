package matrix

import "fmt"

// EveryRoom is the name under which Rooms says what holds in all rooms.
const EveryRoom = "*"

// The ways in which a room is told of its calls.
const (
	StoryOff   = "off"   // not at all
	StoryShort = "short" // one notice, when the call is over
	StoryFull  = "full"  // one notice, edited from dialling to the end
)

// unset is a level that was not given.
const unset = -1

// Room is how one room is treated.
type Room struct {
	Story      string `yaml:"story"`        // off, short or full
	WhoCanDial int    `yaml:"who_can_dial"` // the power level that a caller needs (Matrix 1.18, "m.room.power_levels")
	Number     string `yaml:"number"`       // whom a call in it calls, where we are an ordinary account; empty: what people give it
}

// Rooms are rooms by their ids, and EveryRoom.
type Rooms map[string]Room

// NewRoom is a room of which nothing is said yet: what EveryRoom says holds.
func NewRoom() Room { return Room{WhoCanDial: unset} }

// Defaults fills what was left out, each room from EveryRoom.
func (r *Rooms) Defaults() {
	if *r == nil {
		*r = Rooms{}
	}
	every, given := (*r)[EveryRoom]
	if !given {
		every = NewRoom()
	}
	(*r)[EveryRoom] = every.filled(Room{Story: StoryShort})
	for id, room := range *r {
		(*r)[id] = room.filled((*r)[EveryRoom])
	}
}

func (r Room) filled(from Room) Room {
	if r.Story == "" {
		r.Story = from.Story
	}
	if r.WhoCanDial == unset {
		r.WhoCanDial = from.WhoCanDial
	}
	return r
}

// of is how a room is treated.
func (r Rooms) of(id string) Room {
	if room, ok := r[id]; ok {
		return room
	}
	if room, ok := r[EveryRoom]; ok {
		return room
	}
	return Room{Story: StoryShort}
}

// ValidRoom tells whether something names a room, or all.
func ValidRoom(id string) bool { return id == EveryRoom || roomID.MatchString(id) }

// Validate says what is wrong with each field, once defaults are filled in.
func (r Room) Validate() error {
	switch {
	case r.Story != StoryOff && r.Story != StoryShort && r.Story != StoryFull:
		return fmt.Errorf("story: expected off, short or full, found %q", r.Story)
	case r.WhoCanDial < 0 || r.WhoCanDial > 100:
		return fmt.Errorf("who_can_dial: expected a power level from 0 to 100, found %d", r.WhoCanDial)
	}
	return nil
}
