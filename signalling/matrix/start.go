package matrix

import "context"

// This file holds how a client comes to life.

// Start prepares the tables, opens the port that the homeserver reaches if it
// has to, and begins to call the homeserver, which may be down for now: see Ready.
func (c *Client) Start(ctx context.Context) error {
	if err := c.takeStock(ctx); err != nil {
		return err
	}
	if err := c.furnish(ctx); err != nil {
		return err
	}
	if err := c.postKept(ctx); err != nil {
		return err
	}
	if err := c.hs.open(ctx, c); err != nil {
		return err
	}
	c.work.Go(c.intake) // ends with quit
	c.work.Go(c.watch)  // ends with ctx
	c.witness.begin()
	c.mu.Lock()
	c.begun = true
	c.mu.Unlock()
	return nil
}

// takeStock reads what an earlier run has left.
func (c *Client) takeStock(ctx context.Context) (err error) {
	if c.store, err = openStore(ctx, c.db); err != nil {
		return err
	}
	if c.secrecy, err = newSecrecy(ctx, c.store, c.ability, c.log); err != nil {
		return err
	}
	c.eraser = &eraser{erase: c.store.erase, log: c.log}
	if c.left, err = c.store.leftOpen(ctx); err != nil {
		return err
	}
	if c.half, err = c.store.leftStories(ctx); err != nil {
		return err
	}
	return c.takeUpKept(ctx)
}

// furnish makes what the client works with.
func (c *Client) furnish(ctx context.Context) error {
	if err := c.approach(ctx); err != nil {
		return err
	}
	c.secrecy.hs = c.hs
	if err := c.unlock(ctx); err != nil {
		return err
	}
	act, err := newPuppets(c.cfg, c.hs, c.log)
	if err != nil {
		return err
	}
	c.ghosts = newGhosts(c.cfg, c.hs, c.store, c.numbers)
	c.ghosts.vault = c.vault
	c.rooms = &rooms{c.hs, c.store, c.ghosts, c.secrecy, c.may, c.log}
	c.lines = newLines(c.cfg, c.hs, c.store, c.ghosts, c.secrecy, c.calls, act, c.log)
	return nil
}
