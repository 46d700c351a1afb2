package main

import (
	"context"
	"fmt"
	"time"

	"roomline/test/interop/rig"
)

// What each end plays, in Hz, and for how long each is listened to.
const (
	roomTone  = 450
	phoneTone = 1000
	listen    = 3 * time.Second
)

// story is one call as its two ends and the gateway tell it.
type story struct {
	Outcome
	title         string
	inRoom, phone rig.Sound
	stats         rig.Stats
}

// twoCalls logs Alice in and places the two calls.
func twoCalls(ctx context.Context, bed *rig.Bed, g *rig.Gateway) (r Result, err error) {
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	browser, err := bed.Browser()
	if err != nil {
		return r, err
	}
	defer browser.Close()
	alice, err := browser.Login(ctx, rig.Login{Name: "alice", Tone: roomTone})
	if err != nil {
		return r, err
	}
	for i, place := range []func(context.Context, *rig.Bed, *rig.User) (story, error){roomToPhone, phoneToRoom} {
		s, err := place(ctx, bed, alice)
		if err != nil {
			return r, fmt.Errorf("%s: %w", s.title, err)
		}
		records, err := g.WaitRecords(ctx, i+1)
		if err != nil {
			return r, fmt.Errorf("%s: %w", s.title, err)
		}
		s.SetupMS, s.Codec = records[i].SetupMS, records[i].Codec
		s.tell(records[i])
		if i == 0 {
			r.RoomToPhone = s.Outcome
		} else {
			r.PhoneToRoom = s.Outcome
		}
	}
	return r, alice.Leave(ctx)
}

func roomToPhone(ctx context.Context, bed *rig.Bed, alice *rig.User) (story, error) {
	s := story{title: "Room to phone: @alice types 030 23125-606 into her dial pad"}
	call, err := alice.Dial(ctx, "030 23125-606", 0)
	if err != nil {
		return s, err
	}
	phone, err := bed.WaitCall(ctx, "+493023125606")
	if err != nil {
		return s, err
	}
	return s, s.talk(ctx, call, phone)
}

func phoneToRoom(ctx context.Context, bed *rig.Bed, alice *rig.User) (story, error) {
	s := story{title: "Phone to room: +49 30 23125850 calls +49 30 23125701, which is @alice's number"}
	phone, err := bed.Originate(ctx, rig.Call{To: "+493023125701", From: "+493023125850", Name: "A telephone"})
	if err != nil {
		return s, err
	}
	call, err := alice.WaitIncoming(ctx, "")
	if err != nil {
		return s, err
	}
	if err := call.Answer(ctx, 0); err != nil {
		return s, err
	}
	return s, s.talk(ctx, call, phone)
}

// talk lets both ends play their tones at each other, and the room hang up.
func (s *story) talk(ctx context.Context, call *rig.RoomCall, phone *rig.Phone) (err error) {
	if err := call.WaitState(ctx, "connected"); err != nil {
		return err
	}
	if _, err := phone.WaitAnswered(ctx); err != nil {
		return err
	}
	s.Answered = true
	if _, err = call.Record(ctx, listen); err != nil {
		return err
	}
	if s.inRoom, err = call.Heard(ctx); err != nil {
		return err
	}
	if s.stats, err = call.Stats(ctx); err != nil {
		return err
	}
	if err := call.Hangup(ctx); err != nil {
		return err
	}
	if _, _, err := phone.WaitEnded(ctx); err != nil {
		return err
	}
	if s.phone, err = phone.Heard(ctx); err != nil {
		return err
	}
	s.HeardByRoom, s.HeardByPhone = plain(s.inRoom.Tone(phoneTone)), plain(s.phone.Tone(roomTone))
	return nil
}

// plain says that a tone was there for most of the time, without breaks.
func plain(t rig.Tone) bool { return t.Present >= listen*8/10 && t.Longest <= 200*time.Millisecond }
