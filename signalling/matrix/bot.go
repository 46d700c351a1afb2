package matrix

import "maunium.net/go/mautrix/event"

// spoken is told of every message that people write in rooms of ours. It must
// return at once.
func (c *Client) spoken(*event.Event) {}
