package matrix

import (
	"context"
	"strconv"
	"sync"
	"time"
)

// refreshEvery is how often the room is told how long people have talked.
const refreshEvery = time.Minute

// telling is a text on its way to the room.
type telling struct {
	text  string
	left  string // how to end the story if the gateway dies now
	badge string // the user whose client shall count it as unread, or anybody; empty: nobody's
	final bool   // the call is over; nothing follows
	until time.Time
}

// anybody is a badge for whoever is in the room, as each has chosen.
const anybody = "*"

// story is the one notice of a call in its room, edited in place. Only the
// latest text counts: what a slow homeserver has not taken yet is left out.
// It has a queue of its own, so that it can never delay the call's events.
type story struct {
	post    func(ctx context.Context, u *utterance) (eventID string, err error)
	keep    func(eventID string, t telling) // told what a sudden end would leave unfinished
	done    func(error)                     // told when the last text arrived, or was refused or given up
	pace    pace
	life    context.Context // nothing is sent after it
	awaited *sync.WaitGroup
	prime   string // makes transaction ids unique

	mu      sync.Mutex
	next    *telling
	running bool
	closed  bool // the last text was given
	clock   func() telling
	timer   *time.Timer // asks the clock while people talk

	event string // the notice, once there is one; this and what follows is of run alone
	said  string // what it shows; empty: not known
	tried string // the first text that may have become the notice
	kept  string // how the story would be ended
	edits int
}

// say gives the room another text, and returns at once.
func (s *story) say(t telling) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	if s.closed = t.final; s.closed && s.timer != nil {
		s.timer.Stop()
	}
	if t.until.IsZero() {
		t.until = time.Now().Add(finalPatience)
	}
	s.next = &t
	if !s.running {
		s.running = true
		s.awaited.Add(1)
		go s.run() // ends when nothing is left to say; awaited by Client.Close
	}
}

// follow repeats a text that changes with time until the last one is given.
func (s *story) follow(clock func() telling) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock = clock
	if s.timer == nil && !s.closed {
		s.timer = time.AfterFunc(refreshEvery, s.tick) // does nothing once closed
	}
}

func (s *story) tick() {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	clock := s.clock
	s.timer.Reset(refreshEvery)
	s.mu.Unlock()
	s.say(clock())
}

func (s *story) run() {
	defer s.awaited.Done()
	for {
		s.mu.Lock()
		t := s.next
		s.next, s.running = nil, t != nil
		s.mu.Unlock()
		if t == nil {
			return
		}
		s.deliver(*t)
	}
}

// deliver sends one text until the homeserver has it, or refuses it. The last
// one of a missed call, or of a notice that there is, outlives the gateway.
func (s *story) deliver(t telling) {
	if t.final && (s.event != "" || t.badge != "") {
		s.note(t)
	}
	err := s.send(t)
	switch {
	case !t.final && s.event != "":
		s.note(t)
	case t.final && s.life.Err() == nil:
		s.done(err)
	}
}

// note has it written down how the story ends, if that is news.
func (s *story) note(t telling) {
	if s.kept != t.left {
		s.kept = t.left
		s.keep(s.event, t)
	}
}

func (s *story) send(t telling) error {
	if s.event == "" {
		if err := s.begin(t); err != nil {
			return err
		}
	}
	if s.said == t.text {
		return nil
	}
	return s.edit(t)
}

// begin makes the notice. It has one transaction id whatever its text, so that
// there is never a second one; it may then show what came without our knowing.
func (s *story) begin(t telling) error {
	notice, err := s.attempt(t, ".0", t.message())
	switch {
	case err == nil:
		s.event = notice
		if s.tried == "" || s.tried == t.text {
			s.said = t.text
		}
	case s.tried == "":
		s.tried = t.text
	}
	return err
}

// edit replaces the notice's text (Matrix 1.18, "Event replacements").
func (s *story) edit(t telling) error {
	whole := t.message()
	content := whole
	content.Body = "* " + whole.Body // for clients that know no edits
	content.New, content.Relates = &whole, &relation{Type: "m.replace", Event: s.event}
	s.edits++
	_, err := s.attempt(t, "."+strconv.Itoa(s.edits), content)
	if err == nil {
		s.said = t.text
	}
	return err
}

func (s *story) attempt(t telling, txn string, content storyOut) (sent string, err error) {
	ctx, cancel := context.WithDeadline(s.life, t.until)
	defer cancel()
	u := &utterance{eventType: typeNotice, content: content, txn: s.prime + txn}
	err = again(ctx, s.pace, func() (err error) {
		sent, err = s.post(ctx, u)
		return err
	})
	return sent, err
}
