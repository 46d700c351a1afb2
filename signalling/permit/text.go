package permit

import (
	"time"

	"roomline/signalling"
)

// textsPerMinute is how many text messages one user writes, or one telephone
// number has shown to one user.
const textsPerMinute = 30

// Write weighs a text message of a Matrix user to a telephone: who may not call
// a number may not write to it either. None goes to an emergency number, where
// nobody reads it.
func (p *Permit) Write(user, number string) (signalling.Reason, bool) {
	refusal := p.placing(user)
	if refusal == nil && p.rules.numbers.IsEmergency(number) {
		refusal = forbid(ByEmergency, "emergency numbers take no text messages; call them, from another phone if this one cannot")
	}
	if refusal == nil {
		refusal = p.rules.weigh(number)
	}
	if refusal == nil && !p.counted("write "+user) {
		refusal = forbid(ByRate, "you wrote %s within a minute; wait a little", count(textsPerMinute, "message"))
	}
	if refusal != nil {
		return p.refuse(refusal), false
	}
	return signalling.Reason{}, true
}

// Read weighs a text message from a telephone before anybody is shown it.
func (p *Permit) Read(from signalling.Party, to string) (signalling.Reason, bool) {
	if p.block.has(from) {
		return p.refuse(&refusal{ByBlock, signalling.Reason{Cause: signalling.Rejected}}), false
	}
	if !p.counted("read " + from.Number[:min(len(from.Number), maxCaller)] + " " + to) {
		return p.refuse(&refusal{ByRate, signalling.Reason{Cause: signalling.Busy}}), false
	}
	return signalling.Reason{}, true
}

func (p *Permit) counted(key string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.texts.take(key, time.Now())
}
