package matrix

// This file holds who is on the telephone.

// busy tells whether a call goes on in a room.
func (c *calls) busy(room string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.occupied(room)
}

// engaged tells whether a member of a room, or with an empty user anybody, has
// a call there. It is called with mu held.
func (c *calls) engaged(room, user string) bool {
	for k, l := range c.live {
		if k.room == room && (user == "" || l.user == "" || l.user == user) {
			return true
		}
	}
	return false
}

// occupied is called with mu held.
func (c *calls) occupied(room string) bool {
	for k := range c.live {
		if k.room == room {
			return true
		}
	}
	return false
}
