package matrix

import "sync"

// patron is somebody who gives commands: they are followed one after the
// other, in the order in which they were written, and so are they answered.
type patron struct {
	credit *bucket // of intake alone
	chat   *bucket // likewise, for what is no command

	mu     sync.Mutex // guards what follows
	orders []func()
	busy   bool

	out *outbox // the room of the last answer; of the goroutine that follows alone
	in  string
}

// patronOf knows somebody by what was said before. Only intake calls it.
func (c *Client) patronOf(user string) *patron {
	p := c.patrons[user]
	if p == nil {
		if len(c.patrons) >= maxPatrons {
			clear(c.patrons)
		}
		p = &patron{credit: newBucket(0.5, 10), chat: newBucket(1, 40)} // thirty commands in a minute, ten of them at once
		c.patrons[user] = p
	}
	return p
}

// creditFor is what a command is paid from, or else what people write.
func (p *patron) creditFor(command bool) *bucket {
	if command {
		return p.credit
	}
	return p.chat
}

// order queues a command, unless too much goes on. spawn runs a goroutine.
func (p *patron) order(spawn func(func()) bool, follow func()) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.busy && !spawn(p.serve) { // ends when no order is left; awaited by Close
		return false
	}
	p.busy, p.orders = true, append(p.orders, follow)
	return true
}

func (p *patron) serve() {
	for {
		p.mu.Lock()
		if len(p.orders) == 0 {
			p.busy = false
			p.mu.Unlock()
			return
		}
		next := p.orders[0]
		p.orders = p.orders[1:]
		p.mu.Unlock()
		next()
	}
}
