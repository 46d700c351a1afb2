package e2ee

import (
	"context"
	"strings"
	"time"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// inbox is what one of our devices has to do, in order. A goroutine begins with
// the first job and ends when there is none.
type inbox struct {
	letters []letter
	from    map[id.UserID]int // how many of them, by sender
	left    *left             // what the homeserver said last of our one-time keys
	mend    map[id.SenderKey]bool
	running bool
}

// letter is a to-device message.
type letter struct {
	*event.Event
	done func()
}

const (
	maxLetters = 2000 // that wait for one device
	maxFrom    = 200  // of them from one sender
	maxMend    = 100  // Olm sessions of one device that wait to be made anew
)

// ToDevice takes a message to a device of ours, in the order of the calls,
// without waiting. done is called once it need not be kept any more; it is not
// when the keys were closed before.
func (d *Devices) ToDevice(user, device string, e *event.Event, done func()) {
	taken := d.enqueue(user, func(box *inbox, r row) bool {
		if r.device != device || len(box.letters) >= maxLetters || box.from[e.Sender] >= maxFrom {
			return false
		}
		box.letters = append(box.letters, letter{e, done})
		box.from[e.Sender]++
		return true
	})
	if !taken {
		d.log.Debug("encryption: dropped a message to a device", "type", clean(e.Type.Type))
		done()
	}
}

// enqueue gives a device something to do, unless add refuses, or it is no
// device of ours. After Close nothing is done, and nothing is refused.
func (d *Devices) enqueue(user string, add func(*inbox, row) bool) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	r, ok := d.ours[user]
	if d.closed || !ok {
		return d.closed
	}
	box := d.inbox[user]
	if box == nil {
		box = &inbox{from: map[id.UserID]int{}, mend: map[id.SenderKey]bool{}}
	}
	if !add(box, r) {
		return false
	}
	d.inbox[user] = box
	if !box.running {
		box.running = true
		d.work.Go(func() { d.serve(user, box) }) // ends when there is nothing to do, or with quit; awaited by Close
	}
	return true
}

// serve does what is in an inbox.
func (d *Devices) serve(user string, box *inbox) {
	for {
		job := d.next(user, box)
		if job == nil {
			return
		}
		ctx, cancel := context.WithTimeout(d.quit, homeserverTime)
		d.trouble("do what a device has to do", d.do(ctx, user, job))
		cancel()
	}
}

// job is something that a device has to do.
type job func(context.Context, *device) error

func (d *Devices) do(ctx context.Context, user string, job job) (err error) {
	defer survive(&err)
	dev, release, err := d.use(ctx, user)
	if err != nil {
		return err
	}
	defer release()
	err = job(ctx, dev)
	d.lost(ctx, dev, err)
	return err
}

// next is the first thing to do; nil: there is none, and the goroutine ends.
func (d *Devices) next(user string, box *inbox) job {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.closed:
	case len(box.letters) > 0:
		return d.letter(box)
	case box.left != nil:
		said := *box.left
		box.left = nil
		return func(ctx context.Context, dev *device) error { return d.refill(ctx, dev, said) }
	default:
		for key := range box.mend {
			delete(box.mend, key)
			return func(ctx context.Context, dev *device) error { return d.mend(ctx, dev, key) }
		}
	}
	delete(d.inbox, user)
	return nil
}

// letter takes the first message out of an inbox. A message is done when it was
// read, whatever came of it, but not when we were interrupted.
func (d *Devices) letter(box *inbox) job {
	l := box.letters[0]
	box.letters = box.letters[1:]
	if box.from[l.Sender]--; box.from[l.Sender] == 0 {
		delete(box.from, l.Sender)
	}
	return func(ctx context.Context, dev *device) (err error) {
		defer func() {
			if d.quit.Err() == nil {
				l.done()
			}
		}()
		defer survive(&err)
		return d.read(ctx, dev, l.Event)
	}
}

// clean bounds a text from outside.
func clean(text string) string {
	if len(text) > 60 {
		text = strings.ToValidUTF8(text[:60], "")
	}
	return text
}

const mendEvery = time.Hour
