package matrix

import (
	"slices"
	"testing"
)

// What is heard again, because a sudden end came before it was written down
// that it was heard, begins no second call; what is new does.
func TestHeardAgain(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	r, _ := ordinaryAt(t, h)
	r.given(chat, dialled)
	first, second := r.calling(chat, "call1"), r.calling(chat, "call2")
	h.tell(first)
	if call, _, _ := r.take(); call.Room != chat || call.To.Number != dialled {
		t.Errorf("called %+v", call)
	}
	now, _ := r.c.hs.access.(*account).login.current()
	r.c.Close()
	if err := r.c.store.setSince(t.Context(), telephone, now.device, "before"); err != nil {
		t.Fatal(err)
	}
	r.begin()
	waitFor(t, "it goes on from where it was", func() bool { return slices.Contains(h.asks(), "before") })
	h.tell(first, second)
	r.take()
	r.idle()
	if n := len(r.board.in); n != 0 {
		t.Errorf("%d calls were placed again", n)
	}
}

// An account is one user: it makes none, nobody reaches it, and it speaks as
// itself whoever it is asked to be.
func TestAccountIsOneUser(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	c := h.transport(t, place(t), Account{Password: password})
	if _, err := whoever(t, c); err != nil {
		t.Fatal(err)
	}
	if !c.ordinary() || c.bot() != telephone || !c.ghosts.ours(telephone) || c.ghosts.ours(ghost) || c.Addr() != "" {
		t.Errorf("the bot is %s, the address %q", c.bot(), c.Addr())
	}
	if c.hs.register(t.Context(), telephone) != nil || c.hs.register(t.Context(), ghost) == nil {
		t.Error("it makes other users than itself")
	}
	if res, err := c.hs.user(ghost).Whoami(t.Context()); err != nil || res.UserID != telephone {
		t.Errorf("it is %+v, %v", res, err)
	}
	c.Close()
	c.Close()
}
