package matrix

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"

	"maunium.net/go/mautrix/event"
)

// This file holds the messages to our devices, in which the keys of encrypted
// rooms come. The homeserver says each once: those that matter are written down
// before their transaction is acknowledged, until the vault has what is in them.

// letter is a message to one device of ours.
type letter struct {
	id           string // they have none of their own
	user, device string
	event        *event.Event
	text         string
}

// typeToDevice stands for all of them where they are counted.
const typeToDevice = "to_device"

const (
	maxLetter     = 64 << 10 // bytes
	maxKeptLetter = 16 << 10 // bytes; one with a key has three thousand
)

// readLetter reads one message as it stands in a transaction (MSC4203).
func readLetter(text json.RawMessage) (letter, bool) {
	var e *event.Event
	if len(text) > maxLetter || json.Unmarshal(text, &e) != nil || e == nil {
		return letter{}, false
	}
	return letterTo(e.ToUserID.String(), e.ToDeviceID.String(), e, string(text))
}

// letterTo makes a letter of a message to one of our devices.
func letterTo(user, device string, e *event.Event, text string) (letter, bool) {
	if !fits(user) || !fits(device) || !fits(e.Sender.String()) || !fits(e.Type.Type) {
		return letter{}, false
	}
	e.StateKey, e.Type.Class = nil, event.ToDeviceEventType
	e.Mautrix.EventSource, e.Mautrix.ReceivedAt = event.SourceToDevice, time.Now()
	err := e.Content.ParseRaw(e.Type)
	if err != nil && !errors.Is(err, event.ErrUnsupportedContentType) && !errors.Is(err, event.ErrContentAlreadyParsed) {
		return letter{}, false
	}
	sum := sha256.Sum256([]byte(text))
	return letter{id: hex.EncodeToString(sum[:]), user: user, device: device, event: e, text: text}, true
}

// lasting tells whether something would be lost with the message: a key, or
// why there is none (Matrix 1.18, "m.room_key.withheld").
func (l letter) lasting() bool {
	switch l.event.Type.Type {
	case event.ToDeviceEncrypted.Type, event.ToDeviceRoomKeyWithheld.Type, event.ToDeviceOrgMatrixRoomKeyWithheld.Type:
		return len(l.text) <= maxKeptLetter
	}
	return false
}

// screened leaves out what is too much of one sender. Strangers may write, for
// some of them answer when a whole room is rung, but little, and it is not kept.
func (c *Client) screened(all []letter) (taken, kept []letter) {
	for _, l := range all {
		sender := l.event.Sender.String()
		known := c.own(sender) || c.rooms.answered(sender)
		switch {
		case known && !c.mail.known.take(sender), !known && !(c.mail.strangers.take(server(sender)) && c.mail.each.take(sender)):
			c.log.Warn("dropped a message to a device: too many of one sender")
			c.calls.ignore(typeToDevice)
			continue
		case known && l.lasting():
			kept = append(kept, l)
		}
		taken = append(taken, l)
	}
	return taken, kept
}

// mailbudgets are how many messages to devices we take.
type mailbudgets struct{ known, each, strangers *budgets }

func newMailbudgets() mailbudgets {
	return mailbudgets{known: newBudgets(20, 1000), each: newBudgets(1, 20), strangers: newBudgets(5, 100)}
}

// own tells whether a user is one of ours.
func (c *Client) own(user string) bool { return c.ghosts.ours(user) || user == c.bot() }

// deliver hands the vault what a transaction brings, in the order in which it
// is needed: whose devices have changed, then what they send. It does not wait.
func (c *Client) deliver(d *delivery) {
	if c.vault == nil {
		return
	}
	if len(d.changed) > 0 {
		c.vault.Changed(d.changed)
	}
	for _, l := range d.letters {
		c.post(l)
	}
	for _, n := range d.counts {
		c.vault.Counted(n.left, n.fallbacks)
	}
}

// doubt lets everybody's devices be asked for anew: we were perhaps not told of
// changes.
func (c *Client) doubt() {
	if v, ok := c.vault.(interface{ Doubt() }); ok {
		v.Doubt()
	}
}

func (c *Client) post(l letter) {
	done := func() {}
	if l.lasting() {
		done = func() { c.eraser.letter(l.id) }
	}
	c.vault.ToDevice(l.user, l.device, l.event, done)
}

// postKept hands the vault what an earlier run had acknowledged, before
// anything newer comes.
func (c *Client) postKept(ctx context.Context) error {
	if c.vault == nil {
		return nil
	}
	return c.store.keptLetters(ctx, func(text string) {
		if l, ok := readLetter(json.RawMessage(text)); ok && c.own(l.user) {
			c.post(l)
		}
	})
}
