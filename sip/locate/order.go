package locate

import (
	"cmp"
	"slices"
)

// Draw puts the targets in the order to try them: by transport, by priority,
// and within one priority by lot, a server's chance being its weight (RFC 2782).
// Each request of its own draws anew, so that requests are spread; intn gives a
// random number from 0 to n-1.
func (a Answer) Draw(intn func(n int) int) []Target {
	left := slices.Clone(a.servers)
	slices.SortStableFunc(left, func(x, y server) int {
		return cmp.Or(cmp.Compare(x.rank, y.rank), cmp.Compare(x.priority, y.priority))
	})
	var all []Target
	tier := 0
	for len(left) > 0 {
		n := 1
		for n < len(left) && left[n].rank == left[0].rank && left[n].priority == left[0].priority {
			n++
		}
		i := lot(left[:n], intn)
		for _, t := range left[i].targets() {
			if !slices.ContainsFunc(all, t.same) && len(all) < maxTargets {
				t.Tier = tier
				all = append(all, t)
			}
		}
		left = slices.Delete(left, i, i+1)
		if n == 1 { // it was the last of its priority
			tier++
		}
	}
	return all
}

func (t Target) same(o Target) bool { return t.Transport == o.Transport && t.Addr == o.Addr }

// lot draws one of several servers of the same priority. Those of weight 0 stand
// first in the running sum, so that they keep a small chance (RFC 2782, page 4).
func lot(of []server, intn func(int) int) int {
	sum, light := 0, []int{}
	for i, s := range of {
		sum += int(s.weight)
		if s.weight == 0 {
			light = append(light, i)
		}
	}
	if sum == 0 {
		return intn(len(of))
	}
	n := intn(sum + 1)
	if n == 0 && len(light) > 0 {
		return light[intn(len(light))]
	}
	for i, s := range of {
		if n -= int(s.weight); s.weight > 0 && n <= 0 {
			return i
		}
	}
	return 0
}
