//go:build interop

package interop

import (
	"strings"

	"roomline/test/interop/rig"
)

// notice waits for the one sentence about a call's end, and returns it.
func (s *scene) notice(room string) string {
	s.t.Helper()
	events := s.timeline(room, func(e []rig.Event) bool { return len(s.alice.Told(e)) > 0 })
	all := s.alice.Told(events)
	if len(all) != 1 {
		s.t.Errorf("the room was told %q, want one sentence", all)
	}
	return all[0]
}

// says waits until the last that was written in a room, by others than alice, has a text in it.
func (s *scene) says(room, want string) string {
	s.t.Helper()
	var last []string
	events, err := s.alice.WaitTimeline(s.ctx, room, func(e []rig.Event) bool {
		last = s.alice.Told(e)
		return len(last) > 0 && strings.Contains(last[len(last)-1], want)
	})
	if err != nil {
		s.t.Fatalf("the room was told %q of %d events, want %q: %v", last, len(events), want, err)
	}
	return last[len(last)-1]
}

func (s *scene) timeline(room string, f func([]rig.Event) bool) []rig.Event {
	s.t.Helper()
	events, err := s.alice.WaitTimeline(s.ctx, room, f)
	ok(s.t, err)
	return events
}

// sent lists the call events of a room that came from the gateway (or from
// alice), oldest first, without their common prefix, with reasons in brackets.
func (s *scene) sent(room string, byGateway bool) []string {
	s.t.Helper()
	events, err := s.alice.Timeline(s.ctx, room)
	ok(s.t, err)
	var kinds []string
	for _, e := range events {
		kind, isCall := strings.CutPrefix(e.Type, "m.call.")
		if !isCall || (e.Sender != s.alice.ID) != byGateway {
			continue
		}
		if r := e.Text("reason"); r != "" {
			kind += "(" + r + ")"
		}
		kinds = append(kinds, kind)
	}
	return kinds
}
