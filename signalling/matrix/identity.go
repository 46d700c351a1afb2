package matrix

import (
	"roomline/signalling"
)

// This file holds what a client is told about the other side of its call.

// see takes in what is known of the other side by now.
func (l *leg) see(v signalling.View) {
	l.view = v
	changed := v.Party != (signalling.Party{}) && l.c.named(v.Party) != l.c.named(l.other)
	if changed {
		l.other, l.renamed = v.Party, true
		l.c.renamed(l, v.Party)
	}
	if l.talked.IsZero() {
		return
	}
	if changed {
		l.tell(talking, signalling.Reason{})
	}
	l.update()
}

// update brings the client up to date, as far as it can be.
func (l *leg) update() {
	l.identify()
	l.showHold()
	l.showMuted()
}

// identify tells a client of version 1 who the other side is (MSC3086), where
// the room's own name does not say it: a name, and never an id, because
// Element would open a chat with that user.
func (l *leg) identify() {
	if l.stage.v0 || l.other.Name == "" && !l.renamed {
		return
	}
	name := l.c.named(l.other)
	if name == l.named {
		return
	}
	l.named = name
	l.post(outgoing{eventType: typeIdentity, content: identityOut{l.head(), identity{name}}})
}

// named is a party where only one name is shown.
func (c *Client) named(p signalling.Party) string {
	return appearance(c.numbers, c.cfg.Contacts, p).name
}
