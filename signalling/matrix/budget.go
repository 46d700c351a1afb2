package matrix

import "sync"

// budgets give everybody a bucket of their own.
type budgets struct {
	rate, size float64 // see newBucket

	mu sync.Mutex
	of map[string]*bucket
}

// maxBudgets is how many people are known by what they spent.
const maxBudgets = 10_000

func newBudgets(rate, size float64) *budgets {
	return &budgets{rate: rate, size: size, of: map[string]*bucket{}}
}

// take tells whether somebody has something left, and spends it.
func (b *budgets) take(who string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	mine := b.of[who]
	if mine == nil {
		if len(b.of) >= maxBudgets {
			clear(b.of)
		}
		mine = newBucket(b.rate, b.size)
		b.of[who] = mine
	}
	return mine.take()
}
