package main

import (
	"context"
	"fmt"
	"time"

	"roomline/test/bench/local"
	"roomline/test/interop/rig"
)

const patience = 10 * time.Second // for each step of a call

// stand is one gateway between a homeserver and a trunk of its own.
type stand struct {
	*local.Gateway
	hs    *homeserver
	trunk *rig.Carrier
	rooms int
}

// open starts a gateway; more is what its section matrix has besides.
func open(ctx context.Context, program, dir string, rooms int, more string) (*stand, error) {
	s, sip := &stand{rooms: rooms}, local.Free("udp")
	var err error
	if s.hs, err = newHomeserver(); err != nil {
		return nil, err
	}
	if s.trunk, err = rig.NewCarrier("127.0.0.1:0", sip); err == nil {
		s.Gateway, err = local.NewGateway(ctx, program, dir, s.hs.Homeserver, s.trunk.Addr(), sip, more)
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *stand) close() {
	if s.Gateway != nil {
		s.Stop()
	}
	if s.trunk != nil {
		s.trunk.Close()
	}
	s.hs.Close()
}

// meet gives encrypted rooms somebody who calls from them, and waits until the
// telephone has keys as well.
func (s *stand) meet(ctx context.Context) (err error) {
	if s.hs.caller, err = newCaller(ctx, s.hs.URL); err != nil {
		return err
	}
	s.hs.Keys.SetDeliver(func(user, device string, message map[string]any) {
		if user != callerID {
			s.Deliver(user, device, message)
			return
		}
		_ = s.hs.caller.take(context.Background(), message) // what it cannot read will be missed
	})
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for look := time.NewTicker(50 * time.Millisecond); s.hs.Keys.Devices(telephone) == 0; {
		if err := s.Lookup(ctx, "+493023125606"); err != nil {
			return err
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return fmt.Errorf("the telephone has no keys: %w", ctx.Err())
		}
	}
	return s.join(ctx)
}

// join tells the gateway who has come into the encrypted rooms.
func (s *stand) join(ctx context.Context) error {
	return s.Transaction(ctx, func(txn int) map[string]any {
		var joins []any
		for i := range s.rooms {
			for _, e := range joined(roomOf(i, true)) {
				joins = append(joins, with(e, "event_id", fmt.Sprintf("$%d.%d", txn, len(joins))))
			}
		}
		return map[string]any{"events": joins}
	})
}

// push sends the gateway one event of a room, as its homeserver would.
func (s *stand) push(ctx context.Context, room, kind string, content map[string]any) error {
	sealed, user := isSealed(room)
	if sealed {
		var err error
		if content, err = s.hs.caller.seal(ctx, room, kind, content); err != nil {
			return err
		}
		kind = "m.room.encrypted"
	}
	return s.Transaction(ctx, func(txn int) map[string]any {
		return map[string]any{"events": []any{map[string]any{"type": kind, "event_id": fmt.Sprint("$", txn), "sender": user,
			"room_id": room, "origin_server_ts": time.Now().UnixMilli(), "unsigned": map[string]any{"age": 1}, "content": content}}}
	})
}
