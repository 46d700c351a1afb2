package permit

import "time"

const (
	minute  = time.Minute
	maxKeys = 50_000 // remembered at once; whoever comes beyond them has to wait
)

// window counts what happened in the last minute, by key. It forgets what is
// older, and never holds more than maxKeys.
type window struct {
	most  int // for each key; 0: without a limit
	seen  map[string][]time.Time
	swept time.Time
}

func newWindow(most int) window { return window{most: most, seen: map[string][]time.Time{}} }

// take counts one more, unless that were too many.
func (w *window) take(key string, now time.Time) bool {
	if w.most == 0 {
		return true
	}
	w.sweep(now)
	recent := since(w.seen[key], now)
	if len(recent) >= w.most || len(recent) == 0 && len(w.seen) >= maxKeys {
		return false
	}
	w.seen[key] = append(recent, now)
	return true
}

// sweep forgets idle keys, at most once a minute unless room is needed.
func (w *window) sweep(now time.Time) {
	if idle := now.Sub(w.swept); idle < minute && (len(w.seen) < maxKeys || idle < time.Second) {
		return
	}
	w.swept = now
	for key, moments := range w.seen {
		if len(since(moments, now)) == 0 {
			delete(w.seen, key)
		}
	}
}

// since leaves out the moments that are a minute old or more.
func since(moments []time.Time, now time.Time) []time.Time {
	for len(moments) > 0 && now.Sub(moments[0]) >= minute {
		moments = moments[1:]
	}
	return moments
}
