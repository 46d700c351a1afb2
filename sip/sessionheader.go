package sip

import (
	"strconv"
	"strings"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// expiresOf reads Session-Expires, "1800;refresher=uac" (RFC 4028 §4). What
// nobody could mean is as good as none.
func expiresOf(msg sipmsg.Message) (value int, refresher string, ok bool) {
	values := headersOf(msg, "session-expires", "x")
	if len(values) != 1 {
		return 0, "", false
	}
	parts := strings.Split(values[0], ";")
	if value, ok = seconds(parts[0]); !ok || value == 0 {
		return 0, "", false
	}
	for _, p := range parts[1:] {
		k, v, _ := strings.Cut(p, "=")
		if v = strings.ToLower(strings.TrimSpace(v)); strings.EqualFold(strings.TrimSpace(k), "refresher") && (v == "uac" || v == "uas") {
			refresher = v
		}
	}
	return value, refresher, true
}

// leastOf reads Min-SE (RFC 4028 §5).
func leastOf(msg sipmsg.Message) (int, bool) {
	all := msg.GetHeaders("min-se")
	if len(all) != 1 {
		return 0, false
	}
	first, _, _ := strings.Cut(all[0].Value(), ";")
	value, ok := seconds(first)
	return value, ok && value <= int(longestSession/time.Second)
}

// seconds reads delta-seconds (RFC 3261 §25.1).
func seconds(s string) (int, bool) {
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 31)
	return int(n), err == nil
}

// knowsTimer tells whether the sender supports session timers.
func knowsTimer(msg sipmsg.Message) bool { return lists(msg, "timer", "supported", "k", "require") }
