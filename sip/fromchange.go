package sip

import (
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/signalling"
)

// fromChange is the option tag of those who may change their From within a
// dialog, and take it when the other side does (RFC 4916 §4.1).
const fromChange = "from-change"

// changedFrom is who a request within the dialog says it is from by now, where
// that is another number than before (RFC 4916 §4.4.2). It is no more than the
// far end's own word.
func (l *leg) changedFrom(msg sipmsg.Message) (signalling.Party, bool) {
	req, ok := msg.(request)
	if !ok || l.dialog.remote.tag == "" || !l.fromChange {
		return signalling.Party{}, false
	}
	from := req.From()
	number := l.trunk.read(userOf(from.Address))
	if nobody(from.Address) || withheld(from.Address) || sameLine(number, l.trunk.read(userOf(l.dialog.remote.uri))) {
		return signalling.Party{}, false
	}
	l.dialog.remote.name, l.dialog.remote.uri = from.DisplayName, *from.Address.Clone() // RFC 4916 §4.4.2: To of our next requests
	return signalling.Party{Number: number, Name: displayName(from.DisplayName), Assured: l.trunk.assured(from.Address, from.Params)}, true
}

// changeFrom puts who is at our end by now into the From of our next requests
// (RFC 4916 §4.4.3), where the far end takes that. Who hides stays as it was.
func (l *leg) changeFrom() {
	p := l.view.Party
	number := outward(p.Number, l.trunk.NumberFormat)
	if p.Hidden || number == "" || !l.fromChange {
		return
	}
	l.dialog.local.name, l.dialog.local.uri.User = displayName(p.Name), number
	l.publish()
}

// lists tells whether one of a message's headers, which are lists of option
// tags, has one of them (RFC 3261 §19.2).
func lists(msg sipmsg.Message, tag string, headers ...string) bool {
	for _, name := range headers {
		for _, h := range msg.GetHeaders(name) {
			for _, t := range strings.Split(h.Value(), ",") {
				if strings.EqualFold(strings.TrimSpace(t), tag) {
					return true
				}
			}
		}
	}
	return false
}
