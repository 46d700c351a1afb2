package rig

import "context"

// Facts is what a Matrix client knows of a call, and draws its window from.
type Facts struct {
	Holding      bool     `json:"holding"`      // the user has put the far end on hold
	Held         bool     `json:"held"`         // the far end has put the user on hold
	Muted        bool     `json:"muted"`        // the user's microphone is off
	FarMuted     bool     `json:"far_muted"`    // the far end says that its own is
	Keypad       bool     `json:"keypad"`       // the far end takes DTMF
	Transferable bool     `json:"transferable"` // the far end can be transferred
	Streams      bool     `json:"streams"`      // the far end describes its streams: mute state, video
	Names        []string `json:"names"`        // asserted identities, oldest first
	ICE          string   `json:"ice"`
	Signalling   string   `json:"signalling"`
	Type         string   `json:"type"`      // voice or video
	Ufrag        string   `json:"ufrag"`     // of our ICE, in use now
	FarUfrag     string   `json:"far_ufrag"` // of the far end's
}

// Wanted are facts by their names above, in JSON.
type Wanted map[string]any

// Facts are the facts as they are now.
func (c *RoomCall) Facts(ctx context.Context) (Facts, error) {
	return c.WaitFacts(ctx, Wanted{})
}

// WaitFacts returns once the facts are as wanted: WaitFacts(ctx, Wanted{"held": true}).
func (c *RoomCall) WaitFacts(ctx context.Context, want Wanted) (f Facts, err error) {
	return f, c.user.do(ctx, &f, "facts", map[string]any{"id": c.ID, "want": want, "ms": left(ctx)})
}

// Mute switches the user's microphone off, or on again.
func (c *RoomCall) Mute(ctx context.Context, on bool) error {
	return c.user.do(ctx, nil, "mute", map[string]any{"id": c.ID, "on": on})
}

// Video switches the user's camera on: the client then asks for a video call.
func (c *RoomCall) Video(ctx context.Context, on bool) error {
	return c.user.do(ctx, nil, "video", map[string]any{"id": c.ID, "on": on})
}

// Transfer sends the far end to another user, and ends the call in the client.
func (c *RoomCall) Transfer(ctx context.Context, user string) error {
	return c.user.do(ctx, nil, "transfer", map[string]any{"id": c.ID, "user": user})
}

// TransferTo joins the far ends of two calls, and ends both in the client.
func (c *RoomCall) TransferTo(ctx context.Context, other *RoomCall) error {
	return c.user.do(ctx, nil, "transferTo", map[string]any{"id": c.ID, "other": other.ID})
}

// RestartICE does what the client does when its network has changed.
func (c *RoomCall) RestartICE(ctx context.Context) error { return c.user.do(ctx, nil, "restart", c.ID) }

// PlaceTo calls one user of a room that has several.
func (u *User) PlaceTo(ctx context.Context, room, invitee string) (*RoomCall, error) {
	return u.call(ctx, "place", map[string]any{"room": room, "invitee": invitee})
}
