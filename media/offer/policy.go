package offer

import (
	"errors"

	"roomline/media"
)

// Policy says whether audio is encrypted by keys in its description (RFC 4568).
type Policy uint8

// The policies. The zero value is RTP/AVP without keys.
const (
	Off      Policy = iota
	Optional        // RTP/AVP with keys in our offers, and whatever the far end offers in kind (RFC 8643)
	Required        // RTP/SAVP with keys, and nothing else
	WebRTC          // UDP/TLS/RTP/SAVPF: keys by DTLS, the way by ICE, and nothing else (RFC 8827)
)

// String is the policy's name in a configuration.
func (p Policy) String() string {
	return [...]string{"off", "optional", "required", "webrtc"}[p&3]
}

// Why a description is refused for what it says of encryption; answer 488.
var (
	ErrSecure  = errors.New("only encrypted audio is offered")
	ErrPlain   = errors.New("only unencrypted audio is offered")
	ErrNoKey   = errors.New("encrypted audio is offered without a key that can be used")
	ErrWeaker  = errors.New("the audio of an encrypted call would be less protected than before")
	ErrOurKey  = errors.New("the far end repeats our own key")
	errNoReply = errors.New("encrypted audio is answered without a key of ours")
)

// usable tells whether the policy lets a stream of this profile be used, and
// else why not.
func (p Policy) usable(how protection, keys []Crypto, web webSide) error {
	secure := how != bare
	switch {
	case p == WebRTC && (how != handshaken || !web.complete()):
		return ErrWeb
	case p == WebRTC:
		return nil
	case how == handshaken && p != Off:
		return ErrNoKey
	case secure && p == Off:
		return ErrSecure
	case secure && len(keys) == 0: // R6
		return ErrNoKey
	case !secure && p == Required:
		return ErrPlain
	}
	return nil
}

// rank is how much a stream that is usable is liked: encryption counts more
// than the far end's order.
func (p Policy) rank(secure bool, keys []Crypto) int {
	switch {
	case p == Off || p == WebRTC:
		return 0
	case secure:
		return 2
	case len(keys) > 0:
		return 1
	}
	return 0
}

// Renew takes new keys for the next offer, of those suites that are no weaker
// than what the call has. A policy of Off has none.
func (l *Local) Renew(suites ...media.Suite) {
	l.Keys = nil
	if l.Policy == Off || l.Policy == WebRTC {
		return
	}
	for _, c := range Fresh(suites...) {
		if c.Suite.AtLeast(l.Agreed.Suite) {
			l.Keys = append(l.Keys, c)
		}
	}
	if len(l.Keys) == 0 {
		l.Keys = Fresh(l.Agreed.Suite)
	}
}

// Keep offers the key that is in use, so that no packet is lost to the change
// (RFC 4568 §7.1.4).
func (l *Local) Keep() {
	l.Keys = nil
	if l.Agreed.On() {
		l.Keys = []Crypto{{Tag: 1, Suite: l.Agreed.Suite, Key: l.Agreed.Send}}
	}
}

// proto is the profile of our offer.
func (l Local) proto() string {
	switch {
	case l.Proto != "":
		return l.Proto
	case l.Policy == Required:
		return "RTP/SAVP"
	case l.Policy == WebRTC:
		return "UDP/TLS/RTP/SAVPF" // RFC 8829 §5.1.2
	}
	return "RTP/AVP" // RFC 8643 §3.1
}

// choose takes a line of an offer: the far end's first, but one with a short
// tag only where it has nothing better, and none that is weaker than before.
func (l Local) choose(keys []Crypto) (Crypto, bool) {
	var short *Crypto
	for i, c := range keys {
		switch {
		case !c.Suite.AtLeast(l.Agreed.Suite):
		case !c.Suite.Short():
			return c, true
		case short == nil:
			short = &keys[i]
		}
	}
	if short != nil {
		return *short, true
	}
	return Crypto{}, false
}

// reply answers the keys of an offer with a line of ours. Our key is a new one,
// unless theirs is still the same. The line has no suite where there is no
// encryption.
func (l Local) reply(remote Audio) (media.Protection, Crypto, error) {
	theirs, ok := l.choose(remote.Keys)
	if l.Policy == Off || !ok {
		return media.Protection{}, Crypto{}, l.unkeyed(remote)
	}
	ours := Fresh(theirs.Suite)[0]
	ours.Tag, ours.Name = theirs.Tag, theirs.Name
	if l.Agreed.Suite == theirs.Suite && l.Agreed.Receive == theirs.Key {
		ours.Key = l.Agreed.Send
	}
	if l.Agreed.On() && theirs.Key == l.Agreed.Send {
		return media.Protection{}, Crypto{}, ErrOurKey
	}
	return media.Protection{Suite: ours.Suite, Send: ours.Key, Receive: theirs.Key, MKI: theirs.MKI}, ours, nil
}

// unkeyed says what is wrong with a stream without encryption, if anything.
func (l Local) unkeyed(remote Audio) error {
	switch {
	case l.Policy == WebRTC:
		return nil // its keys come by another way
	case l.Agreed.On(): // R6: neither a re-INVITE nor an UPDATE takes it away
		return ErrWeaker
	case remote.Secure:
		return ErrNoKey
	case l.Policy == Required:
		return ErrPlain
	}
	return nil
}

// settled is what the keys of our offer and of its answer make.
func (l Local) settled(answer Audio) (media.Protection, error) {
	for _, theirs := range answer.Keys {
		for _, ours := range l.Keys {
			if ours.Tag != theirs.Tag || ours.Suite != theirs.Suite {
				continue
			}
			if ours.Key == theirs.Key { // both directions would share a key stream
				return media.Protection{}, ErrOurKey
			}
			return media.Protection{Suite: ours.Suite, Send: ours.Key, Receive: theirs.Key, MKI: theirs.MKI}, nil
		}
	}
	if len(answer.Keys) > 0 { // none that we offered (RFC 4568 §7.1.3)
		return media.Protection{}, errNoReply
	}
	return media.Protection{}, l.unkeyed(answer)
}
