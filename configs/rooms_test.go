package configs

import (
	"strings"
	"testing"

	"roomline/signalling/matrix"
)

func TestRooms(t *testing.T) {
	c, err := parse("x", []byte(minimal+`rooms: {"*": {story: full}, "!a:example.org": {who_can_dial: 50}, "!b": {story: off}}`), source{})
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]matrix.Room{"*": {Story: "full"}, "!a:example.org": {Story: "full", WhoCanDial: 50}, "!b": {Story: "off"}} {
		if c.Rooms[id] != want || c.Matrix.Rooms[id] != want {
			t.Errorf("%s is %+v, and %+v in the client", id, c.Rooms[id], c.Matrix.Rooms[id])
		}
	}
	for text, want := range map[string]string{
		`rooms: {"*": {story: loud}}`:           `rooms.*.story: expected off, short or full, found "loud"`,
		`rooms: {"!a:b": {who_can_dial: 101}}`:  `rooms.!a:b.who_can_dial: expected a power level from 0 to 100, found 101`,
		`rooms: {"#a:example.org": {}}`:         `rooms.#a:example.org: expected a room id like "!abc:example.org", or "*" for all rooms`,
		`rooms: {"!a:b": {stroy: full}}`:        `rooms.!a:b.stroy: unknown key; did you mean "story"?`,
		`rooms: {"!a:b": {who_can_dial: many}}`: `rooms.!a:b.who_can_dial: expected a whole number, found "many"`,
	} {
		if all := problemsOf(t, "x", minimal+text); len(all) != 1 || !strings.Contains(all[0].String(), want) {
			t.Errorf("%s: got\n%s\nwant\n%s", text, all.Error(), want)
		}
	}
}
