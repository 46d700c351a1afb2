package media

import (
	"errors"
	"slices"
	"testing"
)

// party is an endpoint whose far end speaks when say is called.
type party struct {
	name  string
	sink  Sink
	heard []string
	err   error
}

func (p *party) WritePacket(q *Packet) error {
	p.heard = append(p.heard, string(q.Payload))
	return p.err
}

func (p *party) say(words string) error {
	if p.sink == nil {
		return nil
	}
	return p.sink.WritePacket(&Packet{Payload: []byte(words)})
}

func (p *party) SendTo(sink Sink) { p.sink = sink }
func (p *party) Format() Format   { return PCMU }
func (p *party) Stats() Stats     { return Stats{} }
func (p *party) Close() error     { return nil }

// ear is a tap that writes down who said what.
type ear []string

func (e *ear) Take(from int, p *Packet) {
	*e = append(*e, string(rune('A'+from))+" "+string(p.Payload))
}

func hears(t *testing.T, p *party, want ...string) {
	t.Helper()
	if !slices.Equal(p.heard, want) {
		t.Errorf("%s heard %q, want %q", p.name, p.heard, want)
	}
}

func TestOneWayAtATime(t *testing.T) {
	alice, bob := &party{name: "alice"}, &party{name: "bob"}
	b := NewBridge(alice, bob, nil)
	_ = alice.say("too early")
	mute, deafen := b.Open(0), b.Open(1)
	_, _ = alice.say("hello"), bob.say("who is it?")
	mute()
	_, _ = alice.say("anyone?"), bob.say("hello?")
	deafen()
	_ = bob.say("no")
	b.Open(0)
	_ = alice.say("again")
	hears(t, bob, "hello", "again")
	hears(t, alice, "who is it?", "hello?")
}

// TestNothingFollowsStop: a reader that has the way in its hand already writes
// nothing more once stop has returned.
func TestNothingFollowsStop(t *testing.T) {
	alice, bob := &party{name: "alice"}, &party{name: "bob"}
	stop := NewBridge(alice, bob, nil).Open(0)
	late := alice.sink
	stop()
	if err := late.WritePacket(&Packet{Payload: []byte("late")}); err != nil {
		t.Error(err)
	}
	stop()
	hears(t, bob)
}

func TestWhatWasKeptGoesFirst(t *testing.T) {
	alice, bob, early := &party{name: "alice"}, &party{name: "bob"}, NewEarly(3)
	bob.SendTo(early)
	_ = bob.say("hello")
	b := NewBridge(alice, bob, nil)
	b.Precede(1, early)
	b.Open(1)
	_ = bob.say("who is it?")
	hears(t, alice, "hello", "who is it?")
}

func TestTapHearsBothSidesAndDisturbsNeither(t *testing.T) {
	alice, bob, tap := &party{name: "alice"}, &party{name: "bob"}, &ear{}
	b := NewBridge(alice, bob, tap)
	b.Open(0)
	b.Open(1)
	_, _ = alice.say("hello"), bob.say("who is it?")
	hears(t, bob, "hello")
	hears(t, alice, "who is it?")
	if !slices.Equal(*tap, []string{"A hello", "B who is it?"}) {
		t.Errorf("the tap heard %q", *tap)
	}
}

func TestASinksErrorReachesItsSource(t *testing.T) {
	closed := errors.New("closed")
	alice, bob := &party{name: "alice"}, &party{name: "bob", err: closed}
	for _, tap := range []Tap{nil, &ear{}} {
		NewBridge(alice, bob, tap).Open(0)
		if err := alice.say("hello"); !errors.Is(err, closed) {
			t.Errorf("tap %v: %v", tap, err)
		}
	}
}
