package rig

import (
	"context"
	"encoding/base64"
	"fmt"
	"sync"
	"time"
)

// User is a Matrix user at a browser's page. Its methods may be called from
// several goroutines, for several calls at once.
type User struct {
	Session
	browser          *Browser
	context, session string
	crypto           bool // reads and writes what is encrypted

	mu      sync.Mutex
	console []string
}

// RoomCall is one call as a user's Matrix client sees it.
type RoomCall struct {
	ID       string `json:"id"`
	Room     string `json:"room"`
	From     string `json:"from"` // who rings, of an incoming call
	Incoming bool   `json:"incoming"`
	State    string `json:"state"` // the SDK's: invite_sent, ringing, connecting, connected, ended ...
	States   []struct {
		State string `json:"state"`
		At    int64  `json:"at"` // ms since 1970
	} `json:"states"`
	Reason string `json:"reason"` // why it ended, as the client understood it
	Party  string `json:"party"`  // who ended it: local or remote
	Error  string `json:"error"`

	user *User
}

// At is when the call came into a state first; zero when it never did.
func (c *RoomCall) At(state string) time.Time {
	for _, s := range c.States {
		if s.State == state {
			return time.UnixMilli(s.At)
		}
	}
	return time.Time{}
}

// Lookup asks the homeserver who is at a number, typed in any form, as Element's
// dial pad does.
func (u *User) Lookup(ctx context.Context, number string) (found struct{ UserID, Protocol string }, err error) {
	return found, u.do(ctx, &found, "lookup", number)
}

// Dial does what Element's dial pad does: look up, find or create the direct room,
// wait for the other to join, place a voice call. Tone 0 is the user's own.
func (u *User) Dial(ctx context.Context, number string, tone float64) (*RoomCall, error) {
	return u.call(ctx, "dial", map[string]any{"number": number, "tone": orNil(tone)})
}

// Place calls whoever is in a room.
func (u *User) Place(ctx context.Context, room string, tone float64) (*RoomCall, error) {
	return u.call(ctx, "place", map[string]any{"room": room, "tone": orNil(tone)})
}

// WaitIncoming returns the next ringing call, each once; from may name the caller.
func (u *User) WaitIncoming(ctx context.Context, from string) (*RoomCall, error) {
	return u.call(ctx, "waitIncoming", map[string]any{"ms": left(ctx), "from": from})
}

func (u *User) call(ctx context.Context, f string, arg any) (*RoomCall, error) {
	c := &RoomCall{user: u}
	return c, u.do(ctx, c, f, arg)
}

// Room finds or creates the direct room with a user, and waits for the user in it.
func (u *User) Room(ctx context.Context, user string) (room string, err error) {
	return room, u.do(ctx, &room, "room", user)
}

// Answer takes a ringing call. Tone 0 is the user's own.
func (c *RoomCall) Answer(ctx context.Context, tone float64) error {
	return c.user.do(ctx, nil, "answer", map[string]any{"id": c.ID, "tone": orNil(tone)})
}

// Reject declines a ringing call.
func (c *RoomCall) Reject(ctx context.Context) error { return c.user.do(ctx, nil, "reject", c.ID) }

// Hangup ends the call, ringing or not.
func (c *RoomCall) Hangup(ctx context.Context) error { return c.user.do(ctx, nil, "hangup", c.ID) }

// Hold puts the far end on hold, or takes it back.
func (c *RoomCall) Hold(ctx context.Context, on bool) error {
	return c.user.do(ctx, nil, "hold", map[string]any{"id": c.ID, "on": on})
}

// WaitState returns once the call is, or has been, in a state, and brings c up to
// date. A call that has ended otherwise is an error.
func (c *RoomCall) WaitState(ctx context.Context, state string) error {
	return c.user.do(ctx, c, "waitState", map[string]any{"id": c.ID, "state": state, "ms": left(ctx)})
}

// Update brings c up to date.
func (c *RoomCall) Update(ctx context.Context) error { return c.user.do(ctx, c, "info", c.ID) }

// Press sends DTMF digits by RFC 4733, each so long with a pause of 70 ms.
func (c *RoomCall) Press(ctx context.Context, digits string, each time.Duration) error {
	return c.user.do(ctx, nil, "dtmf", map[string]any{"id": c.ID, "digits": digits, "duration": each.Milliseconds()})
}

// Record listens for so long from now on.
func (c *RoomCall) Record(ctx context.Context, d time.Duration) (Sound, error) {
	return c.sound(ctx, map[string]any{"id": c.ID, "seconds": d.Seconds(), "ms": left(ctx)})
}

// Heard is everything the user has heard of the call, from the moment the far
// end's stream appeared; also after the call's end.
func (c *RoomCall) Heard(ctx context.Context) (Sound, error) {
	return c.sound(ctx, map[string]any{"id": c.ID, "ms": left(ctx)})
}

func (c *RoomCall) sound(ctx context.Context, arg any) (Sound, error) {
	var r struct {
		Rate  int
		Began float64 // ms since 1970
		PCM   string
	}
	if err := c.user.do(ctx, &r, "record", arg); err != nil {
		return Sound{}, err
	}
	raw, err := base64.StdEncoding.DecodeString(r.PCM)
	return Sound{Samples: pcm16(raw), Rate: r.Rate, Began: time.UnixMicro(int64(r.Began * 1000))}, err
}

// Stats are the browser's own figures for a call's audio.
type Stats struct {
	Codec     string                         `json:"codec"`      // received
	SentCodec string                         `json:"sent_codec"` // sent
	Received  int                            `json:"received"`   // packets
	Sent      int                            `json:"sent"`
	Lost      int                            `json:"lost"`     // of those sent to us
	FarLost   int                            `json:"far_lost"` // of ours, as the far end reports
	Jitter    float64                        `json:"jitter_ms"`
	RTT       float64                        `json:"rtt_ms"`
	Local     string                         `json:"local"` // the ICE pair's ends: type address:port
	Remote    string                         `json:"remote"`
	SDP       struct{ Local, Remote string } `json:"sdp"`
}

// Stats asks for the figures as they are now.
func (c *RoomCall) Stats(ctx context.Context) (s Stats, err error) {
	return s, c.user.do(ctx, &s, "stats", c.ID)
}

// Calls lists every call the user's client has seen, oldest first.
func (u *User) Calls(ctx context.Context) (list []RoomCall, err error) {
	return list, u.do(ctx, &list, "list", nil)
}

// Leave logs the user out and closes its page.
func (u *User) Leave(ctx context.Context) error {
	err := u.do(ctx, nil, "stop", nil)
	gone := map[string]any{"browserContextId": u.context}
	if e := u.browser.c.call(ctx, "", "Target.disposeBrowserContext", gone, nil); err == nil {
		err = e
	}
	return err
}

// Vanish closes the page without a word, as a closed laptop does. The login stays.
func (u *User) Vanish(ctx context.Context) error {
	return u.browser.c.call(ctx, "", "Target.disposeBrowserContext", map[string]any{"browserContextId": u.context}, nil)
}

// Log is what the page and the SDK wrote to the console last, for a test that fails.
func (u *User) Log() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return append([]string(nil), u.console...)
}

func (u *User) note(line string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.console = append(u.console, fmt.Sprintf("%.400s", line)); len(u.console) > 200 {
		u.console = u.console[100:]
	}
}

// left is how many ms a context still has: 30 s where it has no deadline.
func left(ctx context.Context) int64 {
	if end, ok := ctx.Deadline(); ok {
		return max(1, time.Until(end).Milliseconds()-100)
	}
	return 30000
}

func orNil(tone float64) any {
	if tone == 0 {
		return nil
	}
	return tone
}
