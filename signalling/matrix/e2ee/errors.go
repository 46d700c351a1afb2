package e2ee

import "errors"

// Why an event cannot be read, or not be believed. Open returns one of these,
// or an error that wraps it.
var (
	ErrNoKey     = errors.New("its key has not arrived")
	ErrReplayed  = errors.New("it was said before")
	ErrWrongRoom = errors.New("it was said in another room")
	ErrForwarded = errors.New("its key came from somebody else than who says it")
	ErrCorrupt   = errors.New("it is not what a client would have written")
)

// Withheld is the end of an event whose key its sender keeps from us (Matrix
// 1.18, "m.room_key.withheld").
type Withheld struct{ Code string }

// Error implements error.
func (w Withheld) Error() string { return "its key is withheld: " + w.Code }

// Untrusted is the end of an event from a device that the policy refuses.
type Untrusted struct {
	Device string // its id
	Why    string // "the device is not signed by its owner"
	Fix    string // what its owner can do, in one sentence
}

// Error implements error.
func (u Untrusted) Error() string { return u.Why }
