package main

// highest finds the highest rate up to most that is carried, to within a
// twentieth: first by doubling, then by halving what lies between. A rate that
// fails is tried once more, since the machine may have been busy with else.
func highest(most int, carries func(rate int) (bool, error)) (int, error) {
	twice := func(rate int) (bool, error) {
		ok, err := carries(rate)
		if ok || err != nil {
			return ok, err
		}
		return carries(rate)
	}
	good, bad := 0, most+1
	for rate := 50; good < most; rate = next(good, bad, most) {
		ok, err := twice(rate)
		if err != nil {
			return good, err
		}
		if ok {
			good = rate
		} else {
			bad = rate
		}
		if bad-good <= max(bad/20, 1) {
			break
		}
	}
	return good, nil
}

// next is the rate to be tried between one that is good and one that is bad.
func next(good, bad, most int) int {
	if bad > most {
		return min(2*good, most)
	}
	return (good + bad) / 2
}
