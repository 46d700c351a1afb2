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

func TestJoinAndPart(t *testing.T) {
	alice, bob := &party{name: "alice"}, &party{name: "bob"}
	b := Bridge{A: alice, B: bob}
	_ = alice.say("too early")
	b.Join()
	_, _ = alice.say("hello"), bob.say("who is it?")
	b.Part()
	_, _ = alice.say("anyone?"), bob.say("no")
	b.Join()
	_ = alice.say("again")
	hears(t, bob, "hello", "again")
	hears(t, alice, "who is it?")
}

func TestTapHearsBothSidesAndDisturbsNeither(t *testing.T) {
	alice, bob, tap := &party{name: "alice"}, &party{name: "bob"}, &ear{}
	Bridge{A: alice, B: bob, Tap: tap}.Join()
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
		Bridge{A: alice, B: bob, Tap: tap}.Join()
		if err := alice.say("hello"); !errors.Is(err, closed) {
			t.Errorf("tap %v: %v", tap, err)
		}
	}
}
