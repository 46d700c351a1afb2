package matrix

import (
	"encoding/json"

	"maunium.net/go/mautrix/event"
)

// renew has the vault take another key for what we say in a room once who may
// read it has changed (Matrix 1.18, "m.room.encryption"; who comes shall not
// read what was said before either). It does not wait. Only intake calls it.
func (c *Client) renew(e *event.Event) {
	if c.vault == nil {
		return
	}
	switch e.Type.Type {
	case event.StateEncryption.Type:
		c.vault.Renew(e.RoomID.String())
	case event.StateMember.Type:
		if c.knownEncrypted(e.RoomID.String()) && movesMember(e) {
			c.vault.Renew(e.RoomID.String())
		}
	}
}

// movesMember tells whether a change of a member is more than another name or
// picture.
func movesMember(e *event.Event) bool {
	now := membershipIn(e.Content.VeryRaw)
	if e.Unsigned.PrevContent != nil && membershipIn(e.Unsigned.PrevContent.VeryRaw) == now {
		return false
	}
	switch now {
	case event.MembershipJoin, event.MembershipLeave, event.MembershipBan:
		return true
	}
	return false
}

func membershipIn(content []byte) event.Membership {
	var m struct {
		Membership text `json:"membership"`
	}
	if json.Unmarshal(content, &m) != nil {
		return ""
	}
	return event.Membership(m.Membership)
}
