package matrix

import "testing"

// Commands are counted by their verb; what is none is not.
func TestCommandsHaveACounter(t *testing.T) {
	t.Parallel()
	r, _ := attended(t)
	r.push(r.message(office, alice, "!hold"), r.message(office, alice, "hello"), r.message(office, alice, "!calls"))
	r.until("both are counted", func() bool { n := r.c.Commands(); return n["hold"] == 1 && n["calls"] == 1 && len(n) == 2 })
}
