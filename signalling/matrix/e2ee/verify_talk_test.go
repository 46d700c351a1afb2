package e2ee

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

var (
	sasAlice = Identity{"@alice:example.org", "PHONE", strings.Repeat("A", 42) + "E", strings.Repeat("M", 42) + "A"}
	sasBot   = Identity{"@roomline:example.org", "GATEWAY", strings.Repeat("B", 42) + "E", strings.Repeat("N", 42) + "A"}
)

const talkID = "$request"

// couple are both sides of one verification.
type couple struct{ us, them *talk }

// newCouple has us answer a request of theirs, or ask ourselves.
func newCouple(room string, asked bool) couple {
	c := couple{&talk{exchange: exchange{id: talkID, us: sasBot, them: sasAlice}, room: room, at: talkReady},
		&talk{exchange: exchange{id: talkID, us: sasAlice, them: sasBot}, room: room, at: talkAsked}}
	if asked {
		c.us.at, c.them.at = talkAsked, talkReady
	}
	return c
}

// talkWritten is what was said as the other side reads it.
func talkWritten(t *testing.T, of *talk, s said) json.RawMessage {
	t.Helper()
	b, err := json.Marshal(linked(s.content, of.id, of.room != ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// pass takes what one side says to the other, and so on until nobody has
// anything to say. twist may change what is on the way.
func (c couple) pass(t *testing.T, from, to *talk, all []said, twist func(kind string, content map[string]any)) error {
	t.Helper()
	for _, s := range all {
		content := talkWritten(t, from, s)
		if twist != nil {
			var m map[string]any
			if err := json.Unmarshal(content, &m); err != nil {
				t.Fatal(err)
			}
			twist(s.kind, m)
			content, _ = json.Marshal(m)
		}
		reply, err := to.hear(s.kind, content)
		if err != nil {
			return err
		}
		if err := c.pass(t, to, from, reply, twist); err != nil {
			return err
		}
	}
	return nil
}

// readyOf is the answer to a request.
func readyOf(of *talk) []said {
	return []said{{verifyReady, requestOut{From: of.us.Device, Methods: []string{methodSAS}}}}
}

// compare brings both sides to where people compare.
func (c couple) compare(t *testing.T, twist func(string, map[string]any)) error {
	t.Helper()
	if c.us.at == talkAsked {
		return c.pass(t, c.them, c.us, readyOf(c.them), twist)
	}
	return c.pass(t, c.us, c.them, readyOf(c.us), twist)
}

func (c couple) confirm(t *testing.T, twist func(string, map[string]any), order ...*talk) error {
	t.Helper()
	for _, one := range order {
		other := c.us
		if one == c.us {
			other = c.them
		}
		say, err := one.confirm()
		if err != nil {
			return err
		}
		if err := c.pass(t, one, other, say, twist); err != nil {
			return err
		}
	}
	return nil
}

func TestVerificationBothWays(t *testing.T) {
	for _, room := range []string{"", "!room:example.org"} {
		for _, asked := range []bool{false, true} {
			for _, first := range []bool{false, true} {
				c := newCouple(room, asked)
				if err := c.compare(t, nil); err != nil {
					t.Fatal(err)
				}
				if c.us.text != c.them.text || c.us.text.Decimals[0] < 1000 || c.us.text.Emoji[0].Name == "" {
					t.Fatalf("shown are %v and %v", c.us.text, c.them.text)
				}
				order := []*talk{c.us, c.them}
				if first {
					order = []*talk{c.them, c.us}
				}
				if err := c.confirm(t, nil, order...); err != nil {
					t.Fatal(err)
				}
				if c.us.at != talkDone || c.them.at != talkDone || !c.us.master || !c.them.master {
					t.Errorf("room %q, asked %v: ended at %d and %d", room, asked, c.us.at, c.them.at)
				}
			}
		}
	}
}

// If both begin, the smaller name counts, and the emoji are the same.
func TestVerificationBothBegin(t *testing.T) {
	c := newCouple("", false)
	ours, err := talkBegin(c.us)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := talkBegin(c.them)
	if err != nil {
		t.Fatal(err)
	}
	if reply, err := c.them.hear(verifyStart, talkWritten(t, c.us, ours[0])); err != nil || len(reply) != 0 {
		t.Fatalf("the smaller name gave way: %v, %v", reply, err)
	}
	if err := c.pass(t, c.them, c.us, theirs, nil); err != nil {
		t.Fatal(err)
	}
	if c.us.at != talkShown || c.us.text != c.them.text {
		t.Errorf("shown are %v and %v", c.us.text, c.them.text)
	}
}

// talkBegin sends a start event although the other side is to.
func talkBegin(of *talk) ([]said, error) {
	of.at = talkAsked
	b, _ := json.Marshal(requestOut{From: of.them.Device, Methods: []string{methodSAS}})
	return of.hear(verifyReady, b)
}

func TestVerificationCancelled(t *testing.T) {
	set := func(kind, key string, value any) func(string, map[string]any) {
		return func(k string, m map[string]any) {
			if k == kind {
				m[key] = value
			}
		}
	}
	long := make([]string, maxVerifyList+1)
	for i := range long {
		long[i] = methodSAS
	}
	for name, x := range map[string]struct {
		asked bool
		twist func(string, map[string]any)
		code  string
	}{
		"another device answers":    {true, set(verifyReady, "from_device", "OTHER"), codeInvalid},
		"only by pictures":          {true, set(verifyReady, "methods", []string{"m.qr_code.show.v1"}), codeMethod},
		"endless methods":           {true, set(verifyReady, "methods", long), codeMethod},
		"another device begins":     {false, set(verifyStart, "from_device", "OTHER"), codeInvalid},
		"unknown method":            {false, set(verifyStart, "method", "m.reciprocate.v1"), codeMethod},
		"old agreement":             {false, set(verifyStart, "key_agreement_protocols", []string{"curve25519"}), codeMethod},
		"old hash":                  {false, set(verifyStart, "hashes", []string{"md5"}), codeMethod},
		"old proof":                 {false, set(verifyStart, "message_authentication_codes", []string{"hmac-sha256"}), codeMethod},
		"nothing shown":             {false, set(verifyStart, "short_authentication_string", []string{}), codeMethod},
		"start is no start":         {false, set(verifyStart, "hashes", 5), codeInvalid},
		"accept of another kind":    {true, set(verifyAccept, "hash", "md5"), codeMethod},
		"accept with old proof":     {true, set(verifyAccept, "message_authentication_code", "hkdf-hmac-sha256"), codeMethod},
		"promise of nothing":        {true, set(verifyAccept, "commitment", "x"), codeInvalid},
		"broken promise":            {true, set(verifyAccept, "commitment", strings.Repeat("A", 43)), codeCommitment},
		"key is text":               {false, set(verifyKey, "key", "hello"), codeInvalid},
		"key of low order":          {false, set(verifyKey, "key", strings.Repeat("A", 43)), codeInvalid},
		"endless key":               {false, set(verifyKey, "key", strings.Repeat("A", 60_000)), codeInvalid},
		"start changed on the way":  {true, set(verifyStart, "hashes", []string{"sha256", "x"}), codeCommitment},
		"proof of the list is none": {false, set(verifyMAC, "keys", "x"), codeKeys},
		"no proofs":                 {false, set(verifyMAC, "mac", map[string]string{}), codeKeys},
		"proofs are no proofs":      {false, set(verifyMAC, "mac", []int{1}), codeInvalid},
		"wrong proof": {false, func(k string, m map[string]any) {
			if k == verifyMAC {
				for name := range m["mac"].(map[string]any) {
					m["mac"].(map[string]any)[name] = strings.Repeat("A", 43)
				}
			}
		}, codeKeys},
	} {
		c := newCouple("", x.asked)
		err := c.compare(t, x.twist)
		if err == nil {
			err = c.confirm(t, x.twist, c.them, c.us)
		}
		var b broken
		if !errors.As(err, &b) || b.code != x.code {
			t.Errorf("%s: %v (%s), expected %s", name, err, b.code, x.code)
		}
		if c.us.at == talkDone && c.us.proved {
			t.Errorf("%s: it was taken for proved", name)
		}
	}
}

// What a side proves is compared with what the homeserver lists for it.
func TestVerificationOfOtherKeys(t *testing.T) {
	for name, lie := range map[string]func(*Identity){
		"another device key": func(i *Identity) { i.Key = sasBot.Key },
		"another master key": func(i *Identity) { i.Master = i.Key },
	} {
		c := newCouple("", false)
		lie(&c.us.them)
		if name == "another master key" { // named like the true one, so that the proof is looked at
			c.them.us.Master, c.us.them.Master = sasAlice.Master, sasAlice.Master
			c.them.us.Key, c.us.them.Key = sasAlice.Key, sasAlice.Key
			if err := c.compare(t, nil); err != nil {
				t.Fatal(err)
			}
			c.us.them.Master = sasBot.Master
		} else if err := c.compare(t, nil); err != nil {
			t.Fatal(err)
		}
		err := c.confirm(t, nil, c.them, c.us)
		var b broken
		if name == "another device key" && (!errors.As(err, &b) || b.code != codeKeys) {
			t.Errorf("%s: %v", name, err)
		}
		if name == "another master key" && (err != nil || c.us.master) {
			t.Errorf("%s: %v, proved: %v", name, err, c.us.master)
		}
	}
}

// A device whose id is the master key of somebody in between proves nothing
// about that key.
func TestVerificationDeviceNamedLikeAMasterKey(t *testing.T) {
	c := newCouple("", false)
	evil := strings.Repeat("E", 43)
	c.them.us.Device, c.us.them.Device = evil, evil // the homeserver has chosen the device's name
	c.us.them.Master = evil                         // and lists a master key like it
	if err := c.compare(t, nil); err != nil {
		t.Fatal(err)
	}
	err := c.confirm(t, nil, c.them, c.us)
	var b broken
	if !errors.As(err, &b) || b.code != codeKeys || c.us.proved {
		t.Errorf("%v, proved: %v", err, c.us.proved)
	}
}

// TestVerificationTable: every event at every step where it may not come
// cancels, and changes nothing.
func TestVerificationTable(t *testing.T) {
	kinds := []string{verifyRequest, verifyReady, verifyStart, verifyAccept, verifyKey, verifyMAC, verifyDone, "m.key.verification.new"}
	for at := range talkSteps {
		for _, kind := range kinds {
			allowed := false
			for _, one := range talkTable[kind].at {
				allowed = allowed || one == at
			}
			if allowed {
				continue
			}
			c := newCouple("", false)
			c.us.at = at
			reply, err := c.us.hear(kind, json.RawMessage(`{}`))
			var b broken
			if !errors.As(err, &b) || b.code != codeUnexpected || len(reply) != 0 || c.us.at != at {
				t.Errorf("%s at %d: %v, %v, then at %d", kind, at, reply, err, c.us.at)
			}
		}
	}
}

// A second proof is a repetition.
func TestVerificationRepeats(t *testing.T) {
	c := newCouple("", false)
	if err := c.compare(t, nil); err != nil {
		t.Fatal(err)
	}
	say, err := c.them.confirm()
	if err != nil {
		t.Fatal(err)
	}
	proof := talkWritten(t, c.them, say[0])
	if _, err := c.us.hear(verifyMAC, proof); err != nil {
		t.Fatal(err)
	}
	var b broken
	if _, err := c.us.hear(verifyMAC, proof); !errors.As(err, &b) || b.code != codeUnexpected {
		t.Error(err)
	}
	if _, err := c.them.confirm(); !errors.As(err, &b) || b.code != codeUnexpected {
		t.Error(err)
	}
}

// The same bits are emoji by six, and decimalName by thirteen.
func TestShort(t *testing.T) {
	all := shortOf([6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	if all.Numbers() != "9191 9191 9191" || all.Emoji[6] != (Emoji{"📌", "Pin"}) {
		t.Error(all)
	}
	var bits uint64
	for _, i := range []uint64{1, 0, 2, 3, 4, 5, 63, 0} {
		bits = bits<<6 | i
	}
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], bits<<16)
	s := shortOf([6]byte(b[:6]))
	if got := s.String(); got != "Cat, Dog, Lion, Horse, Unicorn, Pig, Pin (1128 1524 3095)" {
		t.Error(got)
	}
	if got := s.Pictures(); !strings.HasPrefix(got, "🐱 Cat, 🐶 Dog, 🦁 Lion") {
		t.Error(got)
	}
}

// FuzzVerification feeds one side with anything, at any step.
func FuzzVerification(f *testing.F) {
	for i, s := range []string{`{"from_device":"PHONE","methods":["m.sas.v1"]}`, `{"from_device":"PHONE","method":"m.sas.v1","hashes":["sha256"],"key_agreement_protocols":["curve25519-hkdf-sha256"],"message_authentication_codes":["hkdf-hmac-sha256.v2"],"short_authentication_string":["emoji"]}`,
		`{"key":"AAAA"}`, `{"mac":{"ed25519:PHONE":"x"},"keys":"y"}`, `{"m.relates_to":[]}`, `{"hashes":{}}`, ``, `[`, `null`} {
		f.Add(uint8(i), uint8(i), []byte(s))
	}
	kinds := []string{verifyReady, verifyStart, verifyAccept, verifyKey, verifyMAC, verifyDone, verifyCancel}
	f.Fuzz(func(t *testing.T, at, kind uint8, content []byte) {
		c := newCouple("!room:example.org", at&128 != 0)
		if at&64 != 0 {
			if err := c.compare(t, nil); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 3 {
			_, err := c.us.hear(kinds[(int(kind)+i)%len(kinds)], content)
			var b broken
			if err != nil && !errors.As(err, &b) {
				t.Fatal(err)
			}
		}
		if c.us.proved || c.us.at == talkDone {
			t.Error("it was taken for proved")
		}
		transactionOf(content, at&1 == 0)
		VerifyEvent("m.room.message", content)
	})
}
