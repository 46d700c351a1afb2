package matrix

import (
	"testing"

	"roomline/signalling/matrix/e2ee"
)

// X7: a device that the policy refuses rings nobody. Its call is over at once,
// and the room is told why; a room of several goes on ringing somebody else.
func TestRefusedDeviceIsDeclined(t *testing.T) {
	t.Parallel()
	const bob = "@bob:example.org"
	for name, c := range map[string]struct {
		content map[string]any
		members []string
		said    string
	}{
		"version 1": {nil, []string{alice, ghost}, typeReject},
		"version 0": {map[string]any{"version": 0}, []string{alice, ghost}, typeHangup},
		"for us":    {map[string]any{"invitee": ghost}, []string{alice, bob, ghost}, typeReject},
		"several":   {nil, []string{alice, bob, ghost}, ""},
		"for bob":   {map[string]any{"invitee": bob}, []string{alice, ghost}, ""},
		"short":     {map[string]any{"lifetime": 1}, []string{alice, ghost}, typeReject},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _ := sealedRig(t)
			r.hs.set(func() { r.hs.members[room] = c.members })
			invite := r.inviteV1()
			for k, v := range c.content {
				invite["content"].(map[string]any)[k] = v
			}
			r.push(r.seal(invite, refusedDevice, "S1"))
			said := map[string]bool{}
			for len(said) < 1 || c.said != "" && len(said) < 2 {
				e := r.unlocked(r.expect(typeEncrypted), "")
				if said[e.Type] = true; e.Type == c.said && e.Body["call_id"] != invite["content"].(map[string]any)["call_id"] {
					t.Errorf("ended %v", e.Body)
				}
			}
			if !said[typeNotice] || c.said != "" && !said[c.said] {
				t.Errorf("said %v, want a notice and %q", said, c.said)
			}
			r.quiet()
		})
	}
	var _ e2ee.ForAll = declineOut{} // the device may read it
}
