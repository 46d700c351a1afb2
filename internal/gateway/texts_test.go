package gateway

import (
	"context"
	"errors"
	"testing"

	"roomline/signalling"
)

// post keeps the text that it was given.
type post struct{ got *signalling.Text }

func (p *post) Text(_ context.Context, t signalling.Text) error {
	p.got = &t
	return nil
}

// everyone may write, but for one.
type everyone struct{ but string }

func (e everyone) Read(from signalling.Party, to string) (signalling.Reason, bool) {
	return signalling.Reason{Cause: signalling.Rejected}, from.Number != e.but && to == "@alice:example.org"
}

func TestTextsOfTrunks(t *testing.T) {
	plan := signalling.Plan{Inbound: []signalling.Inbound{{To: "+493023125701", User: "@alice:example.org"}}}
	for _, c := range []struct {
		from, to, wantFrom, wantTo string
		why                        signalling.Cause
	}{
		{"03012345678", "03023125701", "+493012345678", "+493023125701", 0},
		{"1002", "+493023125709", "1002", "+493023125709", 0}, // the exchange says that it leads nowhere
		{"030666", "03023125701", "", "", signalling.Rejected},
	} {
		p := &post{}
		l := letters{p, reader{plan: plan, numbers: germany(t)}, everyone{but: "+4930666"}}
		err := l.Text(t.Context(), signalling.Text{Via: "pbx", From: signalling.Party{Number: c.from}, To: signalling.Party{Number: c.to}})
		var why signalling.Undelivered
		switch {
		case c.why != 0:
			if !errors.As(err, &why) || why.Cause != c.why || p.got != nil {
				t.Errorf("%s to %s: %v, delivered %+v", c.from, c.to, err, p.got)
			}
		case err != nil || p.got.From.Number != c.wantFrom || p.got.To.Number != c.wantTo:
			t.Errorf("%s to %s: %v, delivered %+v", c.from, c.to, err, p.got)
		}
	}
}
