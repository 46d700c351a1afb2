package e2ee

import (
	"crypto/ecdh"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"slices"
	"strings"
)

// Identity is one device of one user, as the homeserver lists it.
type Identity struct {
	User, Device string
	Key          string // Ed25519 of the device, in unpadded base64
	Master       string // the user's master cross-signing key; empty: there is none
}

// talkStep is how far a verification has come.
type talkStep uint8

const (
	talkAsked    talkStep = iota // we have asked, and wait for ready
	talkReady                    // somebody has to begin
	talkBegun                    // we have begun, and wait for accept
	talkAccepted                 // they have begun, and we wait for their key
	talkKeyed                    // we have shown our key first, and wait for theirs
	talkShown                    // people compare
	talkDone                     // both sides have proved their keys
	talkSteps
)

// talk is one verification: what was said so far, and what is to be said next.
// It knows neither the network nor the time.
type talk struct {
	exchange
	room   string // empty: it goes from device to device
	at     talkStep
	start  []byte // the content of the start event that counts, in canonical JSON
	offer  []byte // our own one
	pledge string // their commitment
	text   Short
	yes    bool // somebody has compared, and said so
	proved bool // their proofs are right
	master bool // and their master key is among them
}

// said is something to be sent to the other side.
type said struct {
	kind    string // m.key.verification.…
	content any
}

// broken ends a verification, for one of the codes of the specification.
type broken struct{ code, why string }

// Error implements error.
func (b broken) Error() string { return b.why }

// talkRow takes one kind of event, at the talkSteps at which it may come.
type talkRow struct {
	at   []talkStep
	take func(*talk, json.RawMessage) ([]said, error)
}

// talkTable are the table of a verification. Everything else is unexpected.
var talkTable = map[string]talkRow{
	verifyReady:  {[]talkStep{talkAsked}, (*talk).readied},
	verifyStart:  {[]talkStep{talkReady, talkBegun}, (*talk).started},
	verifyAccept: {[]talkStep{talkBegun}, (*talk).agreed},
	verifyKey:    {[]talkStep{talkAccepted, talkKeyed}, (*talk).showed},
	verifyMAC:    {[]talkStep{talkShown}, (*talk).claimed},
	verifyDone:   {[]talkStep{talkShown, talkDone}, func(*talk, json.RawMessage) ([]said, error) { return nil, nil }},
}

// hear takes an event of the other side. An error is a broken: what to cancel
// the verification with.
func (t *talk) hear(kind string, content json.RawMessage) ([]said, error) {
	h, known := talkTable[kind]
	if !known || !slices.Contains(h.at, t.at) || kind == verifyMAC && t.proved {
		return nil, broken{codeUnexpected, "an event came out of turn"}
	}
	return h.take(t, content)
}

// read decodes the content of an event.
func read(content json.RawMessage, into any) error {
	if json.Unmarshal(content, into) != nil {
		return broken{codeInvalid, "an event could not be read"}
	}
	return nil
}

// readied: they accept what we have asked for, and we begin.
func (t *talk) readied(content json.RawMessage) ([]said, error) {
	var r requestContent
	if err := read(content, &r); err != nil {
		return nil, err
	}
	switch {
	case r.From != t.them.Device || r.From == "":
		return nil, broken{codeInvalid, "another device answers"}
	case !within(r.Methods, methodSAS):
		return nil, broken{codeMethod, "only emoji and numbers can be compared here"}
	}
	ours := linked(startContent{From: t.us.Device, Method: methodSAS, Agreements: []string{agreement}, Hashes: []string{hashName},
		MACs: []string{macName}, Shown: []string{decimalName, emojiName}}, t.id, t.room != "")
	coded, err := json.Marshal(ours)
	if err != nil {
		return nil, err
	}
	if t.offer, err = canonical(coded, t.id, t.room != ""); err != nil {
		return nil, err
	}
	t.start, t.first, t.at = t.offer, true, talkBegun
	return []said{{verifyStart, ours}}, nil
}

// started: they begin. If both have, the one with the smaller name counts
// (Matrix 1.18, "m.key.verification.start").
func (t *talk) started(content json.RawMessage) ([]said, error) {
	var s startContent
	if err := read(content, &s); err != nil {
		return nil, err
	}
	switch {
	case s.From != t.them.Device:
		return nil, broken{codeInvalid, "another device begins"}
	case !s.agrees():
		return nil, broken{codeMethod, "none of its methods is known here"}
	case t.at == talkBegun && t.precedes():
		return nil, nil // they will see ours
	}
	start, err := canonical(content, t.id, t.room != "")
	if err != nil {
		return nil, broken{codeInvalid, "an event could not be read"}
	}
	if err := t.generate(); err != nil {
		return nil, err
	}
	t.start, t.first, t.at = start, false, talkAccepted
	return []said{{verifyAccept, acceptContent{Method: methodSAS, Agreement: agreement, Hash: hashName, MAC: macName, Shown: common(s.Shown),
		Commitment: promiseOf(t.mine.PublicKey(), start)}}}, nil
}

// precedes tells whether our start event counts when both have sent one.
func (t *talk) precedes() bool {
	if t.us.User != t.them.User {
		return t.us.User < t.them.User
	}
	return t.us.Device < t.them.Device
}

// common are the ways of showing that both know.
func common(theirs []string) (both []string) {
	for _, one := range []string{decimalName, emojiName} {
		if slices.Contains(theirs, one) {
			both = append(both, one)
		}
	}
	return both
}

func (t *talk) generate() (err error) {
	t.mine, err = ecdh.X25519().GenerateKey(rand.Reader)
	return err
}

func (t *talk) ownKey() said {
	return said{verifyKey, keyContent{unpadded.EncodeToString(t.mine.PublicKey().Bytes())}}
}

// agreed: they take up our start event, and bind themselves to a key.
func (t *talk) agreed(content json.RawMessage) ([]said, error) {
	var a acceptContent
	if err := read(content, &a); err != nil {
		return nil, err
	}
	if !a.agrees() {
		return nil, broken{codeMethod, "it chose something that was not offered"}
	}
	if _, ok := ofBase64(a.Commitment, 32); !ok {
		return nil, broken{codeInvalid, "an event could not be read"}
	}
	if err := t.generate(); err != nil {
		return nil, err
	}
	t.pledge, t.at = strings.TrimRight(a.Commitment, "="), talkKeyed
	return []said{t.ownKey()}, nil
}

// showed: their key is there, and people can compare.
func (t *talk) showed(content json.RawMessage) ([]said, error) {
	var k keyContent
	if err := read(content, &k); err != nil {
		return nil, err
	}
	raw, ok := ofBase64(k.Key, 32)
	if !ok {
		return nil, broken{codeInvalid, "an event could not be read"}
	}
	theirs, err := ecdh.X25519().NewPublicKey(raw)
	if err != nil {
		return nil, broken{codeInvalid, "its key is none"}
	}
	if t.at == talkKeyed && subtle.ConstantTimeCompare([]byte(promiseOf(theirs, t.start)), []byte(t.pledge)) != 1 {
		return nil, broken{codeCommitment, "its key is not the one that it had promised"}
	}
	shared, err := t.mine.ECDH(theirs)
	if err != nil {
		return nil, broken{codeInvalid, "its key is none"} // of low order
	}
	t.theirs, t.shared = theirs, shared
	if t.text, err = t.short(); err != nil {
		return nil, err
	}
	var say []said
	if t.at == talkAccepted {
		say = []said{t.ownKey()}
	}
	t.at = talkShown
	return say, nil
}

// claimed: they say that it is the same on their side, and prove their keys.
func (t *talk) claimed(content json.RawMessage) ([]said, error) {
	var m macContent
	if err := read(content, &m); err != nil {
		return nil, err
	}
	if len(m.MAC) > maxVerifyList {
		return nil, broken{codeInvalid, "an event could not be read"}
	}
	master, ok := t.proven(m)
	if !ok {
		return nil, broken{codeKeys, "its keys are not those that the homeserver shows for it"}
	}
	t.proved, t.master = true, master
	return t.finish(), nil
}

// confirm: somebody says that it is the same on our side.
func (t *talk) confirm() ([]said, error) {
	if t.at != talkShown || t.yes {
		return nil, broken{codeUnexpected, "there is nothing to compare"}
	}
	ours, err := t.macs()
	if err != nil {
		return nil, err
	}
	t.yes = true
	return append([]said{{verifyMAC, ours}}, t.finish()...), nil
}

// finish ends it when both sides have said that it is the same.
func (t *talk) finish() []said {
	if !t.yes || !t.proved {
		return nil
	}
	t.at = talkDone
	return []said{{verifyDone, struct{}{}}}
}
