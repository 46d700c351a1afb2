package matrix

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"maunium.net/go/mautrix/id"
)

// Where more has happened in a room than one answer of the homeserver holds, it
// leaves out the older part. That is fetched, but only what calls can still
// live of, and only so much.
const (
	gapPage  = 100              // events
	gapPages = 4                // of one room
	gapsEach = 10               // rooms of one answer
	gapTime  = 10 * time.Second // for all of them: calls wait
)

// fill fetches what is missing, and puts it before what came.
func (s *syncing) fill(ctx context.Context, h *heardSync) {
	ctx, cancel := context.WithTimeout(ctx, gapTime)
	defer cancel()
	left := gapsEach
	for i := range h.rooms {
		r := &h.rooms[i]
		if r.gap != "" && s.c.vault != nil { // somebody may have left: with lazy members nobody tells who did in a gap
			s.c.vault.Renew(r.id)
		}
		if r.gap == "" || len(r.events) > 0 && tooOld(r.events[0]) {
			continue
		}
		if left--; left < 0 || !s.bridge(ctx, h, r) {
			s.log.Warn("more has happened in a room than we were told: a call there may have been missed", "room", r.id)
		}
	}
}

// bridge fetches what is missing of one room, and tells whether that is all of it.
func (s *syncing) bridge(ctx context.Context, h *heardSync, r *syncRoom) bool {
	from := r.gap
	for range gapPages {
		body, err := s.before(ctx, r.id, from, gapPage)
		var page struct {
			Chunk []json.RawMessage `json:"chunk"`
			End   string            `json:"end"`
		}
		if err != nil || json.Unmarshal(body, &page) != nil {
			return false
		}
		events := h.events(r.id, page.Chunk[:min(len(page.Chunk), gapPage)])
		slices.Reverse(events)
		fresh := slices.DeleteFunc(slices.Clone(events), tooOld)
		r.events = append(r.without(fresh), r.events...)
		if len(events) > len(fresh) || page.End == "" || page.End == from || len(page.End) > maxSyncToken {
			return true
		}
		from = page.End
	}
	return false
}

// tooOld tells whether no call can live of an event any more.
func tooOld(e happened) bool { return ageOf(e.Event) > keepFor }

// without leaves out what is known already: homeservers do not agree where a
// gap begins. States that have changed are told of anyway.
func (r *syncRoom) without(events []happened) []happened {
	known := make(map[id.EventID]bool, len(r.events))
	for _, e := range r.events {
		known[e.ID] = true
	}
	return slices.DeleteFunc(events, func(e happened) bool { return e.StateKey != nil || known[e.ID] })
}
