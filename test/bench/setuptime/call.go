package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"roomline/test/bench/local"
)

// series is one of the kinds of calls that are compared, with what was measured.
type series struct {
	*stand
	name      string
	sealed    bool            // the calls are made in encrypted rooms
	out, back []time.Duration // so far
}

// call places one call from a room, has the trunk answer it, and hangs up. Its
// times are kept where i is not below nought.
func (s *series) call(ctx context.Context, i int) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	room, id := roomOf((i+s.rooms)%s.rooms, s.sealed), fmt.Sprint("call", s.sealed, i+s.rooms)
	common := map[string]any{"version": "1", "call_id": id, "party_id": "PHONE"}
	answered := s.hs.await(id)
	placed := time.Now()
	if err := s.push(ctx, room, "m.call.invite", with(common, "lifetime", 60000, "invitee", telephone, "offer", map[string]any{"type": "offer", "sdp": local.Offer})); err != nil {
		return err
	}
	line, err := s.trunk.Wait(ctx)
	if err != nil {
		return fmt.Errorf("%w; %s", err, &s.Said)
	}
	taken := time.Now()
	line.Answer()
	select {
	case at := <-answered:
		if i >= 0 {
			s.out, s.back = append(s.out, line.Invite().At.Sub(placed)), append(s.back, at.Sub(taken))
		}
	case <-ctx.Done():
		return fmt.Errorf("no m.call.answer: %w; %s", ctx.Err(), &s.Said)
	}
	if err := s.push(ctx, room, "m.call.hangup", with(common, "reason", "user_hangup")); err != nil {
		return err
	}
	return line.WaitEnded(ctx)
}

// with is a map with more in it.
func with(m map[string]any, pairs ...any) map[string]any {
	all := map[string]any{}
	for k, v := range m {
		all[k] = v
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		all[pairs[i].(string)] = pairs[i+1]
	}
	return all
}

const telephone = "@tel_493023125606:example.org"

// roomOf names the nth room of its kind.
func roomOf(n int, sealed bool) string {
	if sealed {
		return fmt.Sprintf("!s%d:example.org", n)
	}
	return fmt.Sprintf("!%d:example.org", n)
}

// isSealed tells whether a room is encrypted, and who calls from it.
func isSealed(room string) (sealed bool, user string) {
	n, sealed := strings.CutPrefix(strings.TrimPrefix(room, "!"), "s")
	if sealed {
		return true, callerID
	}
	return false, "@user" + n
}
