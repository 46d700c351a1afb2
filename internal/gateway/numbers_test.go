package gateway

import (
	"testing"

	"roomline/signalling"
	"roomline/signalling/number"
)

// taken keeps the call it was given.
type taken struct{ in signalling.Incoming }

func (t *taken) Accept(in signalling.Incoming) (signalling.Reason, bool) {
	t.in = in
	return signalling.Reason{}, true
}

func TestTrunksWriteNumbersAsTheyPlease(t *testing.T) {
	plan := signalling.Plan{Inbound: []signalling.Inbound{{To: "+493023125701", User: "@alice:example.org"}, {To: "1001", User: "@bob:example.org"}}}
	german, err := number.New("DE")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ to, from, wantTo, wantFrom string }{
		{"+493023125701", "+493012345678", "+493023125701", "+493012345678"},
		{"03023125701", "03012345678", "+493023125701", "+493012345678"},
		{"004930 23125701", "00442079460958", "+493023125701", "+442079460958"},
		{"493023125701", "", "493023125701", ""}, // the plan overlooks a missing "+"
		{"1001", "1002", "1001", "1002"},
		{"03023125709", "Reception", "+493023125709", "Reception"},
		{"sales", "123456789012345678", "sales", "123456789012345678"},
	} {
		got := &taken{}
		r := reader{switchboard: got, plan: plan, numbers: german}
		r.Accept(signalling.Incoming{Via: "pbx", To: signalling.Party{Number: c.to}, From: signalling.Party{Number: c.from, Name: "A"}})
		if got.in.To.Number != c.wantTo || got.in.From.Number != c.wantFrom || got.in.From.Name != "A" {
			t.Errorf("%s from %s became %s from %s", c.to, c.from, got.in.To.Number, got.in.From.Number)
		}
	}
}
