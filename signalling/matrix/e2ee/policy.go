package e2ee

import "fmt"

// Policy says which devices of other people may take part in calls, and are
// given the keys of what we send.
type Policy string

// The policies, from lax to strict.
const (
	Any         Policy = "any"          // whatever device the homeserver lists
	CrossSigned Policy = "cross-signed" // those their owner has signed, the owner's key being the first we saw
	Verified    Policy = "verified"     // those of owners whose key somebody of ours has confirmed
)

// Validate tells what a policy may be.
func (p Policy) Validate() error {
	switch p {
	case Any, CrossSigned, Verified:
		return nil
	}
	return fmt.Errorf("expected any, cross-signed or verified, found %q", p)
}
