package signalling_test

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"roomline/media"
	"roomline/signalling"
	"roomline/signalling/legtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ringer is a leg that rings until it is told something.
type ringer struct{ in *signalling.Inbox }

func (r ringer) Offers() []media.Format        { return nil }
func (r ringer) Ring()                         {}
func (r ringer) Progress(media.Format, bool)   {}
func (r ringer) Answer(media.Format)           {}
func (r ringer) Show(signalling.View)          {}
func (r ringer) SendDigit(byte)                {}
func (r ringer) Transferred(signalling.Reason) {}
func (r ringer) Media() media.Endpoint         { return nil }
func (r ringer) Hangup(signalling.Reason)      { r.in.Post(signalling.Event{Kind: signalling.Gone}) }
func (r ringer) Transfer(signalling.Destination) {
	r.in.Post(signalling.Event{Kind: signalling.NotReferred})
}

// ringers are diallers whose far ends do all the same.
type ringers []signalling.Kind

func (d ringers) Dial(_ signalling.Target, _ []media.Format, in *signalling.Inbox) signalling.Leg {
	for _, k := range d {
		in.Post(signalling.Event{Kind: k})
	}
	return ringer{in}
}

// TestHuntIsALeg: a group keeps every promise that a single leg keeps, whether
// its legs ring, answer, fail, or cannot even be dialled.
func TestHuntIsALeg(t *testing.T) {
	for name, d := range map[string]ringers{
		"ringing":  {signalling.Ringing},
		"answered": {signalling.Ringing, signalling.Answered},
		"failed":   {signalling.HungUp, signalling.Gone},
		"nowhere":  nil,
	} {
		find := func(string) (signalling.Dialler, bool) { return d, d != nil }
		legtest.Run(t, signalling.B, func(t *testing.T, in *signalling.Inbox) signalling.Leg {
			t.Log(name)
			return signalling.Hunters(find, time.Second).Dial(signalling.Target{Also: make([]signalling.Target, 2)}, nil, in)
		})
	}
}
