//go:build interop

package interop

import (
	"slices"
	"testing"
	"time"

	"roomline/test/interop/rig"
)

// TestTexts: what alice writes in the encrypted chat with a number reaches
// Asterisk as a MESSAGE, behind its challenge; what Asterisk writes comes back
// into the same chat, said by the number. Of what nobody takes the room is told.
func TestTexts(t *testing.T) {
	s := sealed(t, with{changes: []string{"accept_refer: true", "accept_refer: true\n    messages: true"}}, "")
	room := s.encryptedWith("+493023125640")
	ok(t, s.alice.Say(s.ctx, room, "Hello\nthere: 5 £"))
	s.timeline(room, func(all []rig.Event) bool {
		return slices.ContainsFunc(all, func(e rig.Event) bool {
			return e.Sender != s.alice.ID && e.Content["msgtype"] == "m.text" && e.Content["body"] == "HELLO\nTHERE: 5 £"
		})
	})
	s.readable(s.alice, room, time.Time{})
	nobody := s.encryptedWith("+493023125641")
	s.command(nobody, "Is anybody there?", "Your message was not sent: this is not a number in service")
}
