package proof

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/netip"
	"time"
)

// lifetime is how long a nonce may be used.
const lifetime = time.Minute

// maxUsed is how many nonces with proof are remembered at a time, 1,500 a
// second for their lifetime.
const maxUsed = 100_000

const (
	stampLen = 8 + 6 // milliseconds since 1970, and a random part
	nonceLen = stampLen + 16
)

// nonce is a time and a random part with a seal over both and the source, so
// that we need not remember it (RFC 7616 §3.3).
func (g *Gate) nonce(source netip.Addr, now time.Time) string {
	stamp := binary.BigEndian.AppendUint64(nil, uint64(now.UnixMilli()))
	stamp = append(stamp, make([]byte, stampLen-len(stamp))...)
	rand.Read(stamp[8:]) // never fails since Go 1.24
	return base64.RawURLEncoding.EncodeToString(append(stamp, g.seal(stamp, source)...))
}

func (g *Gate) seal(stamp []byte, source netip.Addr) []byte {
	mac := hmac.New(sha256.New, g.key[:])
	mac.Write(stamp)
	from := source.Unmap().As16()
	mac.Write(from[:])
	return mac.Sum(nil)[:nonceLen-stampLen]
}

// fresh tells whether a nonce is ours, went to source and may still be used.
func (g *Gate) fresh(nonce string, source netip.Addr, now time.Time) bool {
	b, err := base64.RawURLEncoding.Strict().DecodeString(nonce)
	if err != nil || len(b) != nonceLen || !hmac.Equal(b[stampLen:], g.seal(b[:stampLen], source)) {
		return false
	}
	age := now.Sub(time.UnixMilli(int64(binary.BigEndian.Uint64(b))))
	return age < lifetime && age > -lifetime // the clock may be set meanwhile
}

// window are the nonce counts that were used, the last 64 of them one by one:
// requests of one user may overtake each other.
type window struct {
	until time.Time
	top   int
	seen  uint64 // bit i: top-i was used
}

// take tells whether a count was not used before, and marks it.
func (w *window) take(n int) bool {
	switch d := n - w.top; {
	case d >= 64:
		w.top, w.seen = n, 1
	case d > 0:
		w.top, w.seen = n, w.seen<<d|1
	case d <= -64 || w.seen&(1<<-d) != 0:
		return false
	default:
		w.seen |= 1 << -d
	}
	return true
}

// first tells whether a nonce was not yet used with this count (RFC 7616 §3.3).
// While there is no room to remember it in, none was.
func (g *Gate) first(nonce string, count int, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	w := g.used[nonce]
	if w == nil {
		if len(g.used) >= maxUsed {
			g.sweep(now)
		}
		if len(g.used) >= maxUsed {
			return false
		}
		w = &window{until: now.Add(2 * lifetime)} // longer than it is fresh, whatever the clock does
		g.used[nonce] = w
	}
	return w.take(count)
}

// sweep drops what is of no use any more, once a second at most. The caller
// holds the lock.
func (g *Gate) sweep(now time.Time) {
	if now.Sub(g.swept) < time.Second {
		return
	}
	g.swept = now
	for nonce, w := range g.used {
		if now.After(w.until) {
			delete(g.used, nonce)
		}
	}
	for who, t := range g.fails {
		if t.over(now) {
			delete(g.fails, who)
		}
	}
}
