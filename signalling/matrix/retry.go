package matrix

import (
	"context"
	"errors"
	mathrand "math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"maunium.net/go/mautrix"
)

// pace is how long to wait before trying again.
type pace struct{ first, most time.Duration }

// again tries until f succeeds, until trying is useless, or until ctx ends.
func again(ctx context.Context, p pace, f func() error) error {
	for wait := p.first; ; wait = min(2*wait, p.most) {
		err := f()
		if err == nil || permanent(err) || errors.Is(err, errNotOurs) || !pause(ctx, max(jitter(wait), retryAfter(err))) {
			return err
		}
	}
}

// jitter spreads waits by a quarter each way, so that calls do not knock in step.
func jitter(d time.Duration) time.Duration {
	return d*3/4 + mathrand.N(d/2+1)
}

// pause tells whether it slept to the end.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// permanent tells whether trying again is useless: the homeserver understood
// and said no. What a restarting homeserver or its proxy says is not that.
func permanent(err error) bool {
	var sealing unsealed
	switch {
	case errors.Is(err, errNotInClear):
		return true
	case errors.As(err, &sealing): // what is refused may be another's device
		return gone(err)
	}
	var http400 mautrix.HTTPError
	if !errors.As(err, &http400) || http400.Response == nil {
		return false
	}
	switch code := http400.Response.StatusCode; {
	case code == http.StatusTooManyRequests, code == http.StatusRequestTimeout:
		return false
	case code == http.StatusNotFound && http400.RespError == nil:
		return false // a proxy without a homeserver behind it
	default:
		return code >= 400 && code < 500
	}
}

// retryAfter is how long the homeserver asked us to wait, a minute at most.
func retryAfter(err error) time.Duration {
	var refused mautrix.HTTPError
	if !errors.As(err, &refused) || refused.Response == nil || refused.Response.StatusCode != http.StatusTooManyRequests {
		return 0
	}
	wait := time.Duration(0)
	if seconds, err := strconv.Atoi(refused.Response.Header.Get("Retry-After")); err == nil {
		wait = time.Duration(min(seconds, 60)) * time.Second
	} else if refused.RespError != nil {
		ms, _ := refused.RespError.ExtraData["retry_after_ms"].(float64) // deprecated in Matrix 1.10, still sent
		wait = time.Duration(min(ms, 60_000)) * time.Millisecond
	}
	return min(max(wait, 0), time.Minute)
}
