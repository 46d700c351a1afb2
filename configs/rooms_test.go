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
	const account = "matrix: {homeserver: \"http://h\", domain: example.org, account: {user: \"@phone:example.org\", password: x}}\n"
	ordinary := account + minimal[strings.Index(minimal, "trunks:"):] + "dialing: {country: DE}\n"
	c, err = parse("x", []byte(ordinary+`rooms: {"*": {story: full}, "!a:b": {number: "030 23125701"}, "!b": {}}`), source{})
	if err != nil {
		t.Fatal(err)
	}
	if n := c.Matrix.Rooms["!a:b"].Number; n != "+493023125701" || c.Matrix.Rooms["!b"].Number != "" {
		t.Errorf("the number is %q", n)
	}
	for text, want := range map[string]string{
		minimal + `rooms: {"!a:b": {number: "+493023125701"}}`:                      "rooms.!a:b.number: expected matrix.account as well",
		ordinary + `rooms: {"*": {number: "+493023125701"}}`:                        "rooms.*.number: expected a number only where a single room is named",
		ordinary + `rooms: {"!a:b": {number: hello}}`:                               `rooms.!a:b.number: expected a telephone number as it is dialled in DE, found "hello"`,
		strings.Replace(ordinary, "account:", "inbound: portal, account:", 1):       "matrix.inbound: expected line, because an ordinary account",
		strings.Replace(ordinary, "account:", "double_puppet: x.yaml, account:", 1): "matrix.double_puppet: expected nothing, because an ordinary account",
	} {
		if all := problemsOf(t, "x", text); len(all) != 1 || !strings.Contains(all[0].String(), want) {
			t.Errorf("%s: got\n%s\nwant\n%s", text, all.Error(), want)
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
