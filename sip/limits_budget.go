package sip

import (
	"net/netip"
	"sync"
	"time"
)

// class is a kind of message that a source may send so many of.
type class int

const (
	junk     class = iota // makes no sense, or answers nothing that we asked
	calling               // INVITE that begins a call
	probing               // any other request outside of a dialog
	trailing              // ACK, BYE and the like, of a dialog that is not known
	again                 // repetitions of what is over
	classes
)

// allowance is how many messages of a class one address may send, a second and
// at once. What belongs to a call that is up is not counted: it is never turned
// away for load.
func allowance(c class) (rate, burst float64) {
	switch c {
	case junk:
		return 200, 400
	case probing:
		return 1000, 2000
	}
	return 3000, 6000
}

const (
	maxPurses   = 4096 // addresses, and prefixes, that have a purse of their own
	prefixShare = 4    // a prefix may send so many times what one address may
	purseIdle   = 10 * time.Second
)

// purse holds tokens of each class.
type purse struct {
	tokens [classes]float64
	last   time.Time
}

// take takes a token if there is one.
func (p *purse) take(c class, now time.Time, share float64) bool {
	if past := now.Sub(p.last).Seconds(); past > 0 {
		for i := range p.tokens {
			rate, burst := allowance(class(i))
			p.tokens[i] = min(p.tokens[i]+past*rate*share, burst*share)
		}
		p.last = now
	}
	if p.tokens[c] < 1 {
		return false
	}
	p.tokens[c]--
	return true
}

// budgets bound what each source may send (S7): by its address, whatever it says
// of itself, and by its prefix, for a trunk that is a network.
type budgets struct {
	now func() time.Time

	mu     sync.Mutex
	purses map[netip.Prefix]*purse
	shared purse // of those for whom no purse was left
	swept  time.Time
}

func newBudgets() *budgets { return &budgets{now: time.Now, purses: map[netip.Prefix]*purse{}} }

// allow tells whether a source may send one more.
func (b *budgets) allow(from netip.Addr, c class) bool {
	bits := 24
	if from.Is6() {
		bits = 64
	}
	around, err := from.WithZone("").Prefix(bits)
	if err != nil {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	one := b.purse(netip.PrefixFrom(from.WithZone(""), from.BitLen()), now)
	return one.take(c, now, 1) && b.purse(around, now).take(c, now, prefixShare)
}

// purse finds the purse of a prefix, under the lock. There are at most
// maxPurses; those that were long full again make room.
func (b *budgets) purse(of netip.Prefix, now time.Time) *purse {
	if p := b.purses[of]; p != nil {
		return p
	}
	if len(b.purses) >= maxPurses && now.Sub(b.swept) > time.Second {
		b.swept = now
		for key, p := range b.purses {
			if now.Sub(p.last) > purseIdle {
				delete(b.purses, key)
			}
		}
	}
	if len(b.purses) >= maxPurses {
		return &b.shared
	}
	p := &purse{}
	b.purses[of] = p
	return p
}
