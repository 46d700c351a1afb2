package port

import (
	"time"

	"roomline/media"
	"roomline/media/dtmf"
)

// conversion makes digits of events that are written to a port which does not
// send events.
type conversion struct {
	always   bool
	receiver dtmf.Receiver
	pressed  func(dtmf.Press)
}

// ConvertEvents passes on digits whose events cannot go out, because the far end
// has agreed on no telephone-event, or never shall where always is set. pressed is
// called by whoever writes to the port, and must not block. Call it before Start.
func (p *Port) ConvertEvents(always bool, pressed func(digit byte)) {
	p.out.Lock()
	defer p.out.Unlock()
	p.out.keys = &conversion{always: always, pressed: func(d dtmf.Press) { pressed(d.Digit) }}
}

// converts tells whether events do not go out as they are, with the outgoing
// side locked.
func (p *Port) converts(n *media.Negotiated) bool {
	return !n.Event || p.out.keys != nil && p.out.keys.always
}

// convert takes an event that does not go out, and audio as a sign that time
// passes, with the outgoing side locked.
func (p *Port) convert(packet *media.Packet, n *media.Negotiated) {
	k := p.out.keys
	if k == nil || n == nil || !n.Send || p.out.closed || !p.converts(n) {
		return
	}
	now := time.Now()
	if packet.Event {
		k.receiver.Take(packet, now, k.pressed)
	} else {
		k.receiver.Expire(now, k.pressed)
	}
}
