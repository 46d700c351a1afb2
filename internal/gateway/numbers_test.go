package gateway

import (
	"fmt"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"roomline/signalling"
	"roomline/signalling/number"
	"roomline/signalling/permit"
)

// taken keeps the call it was given.
type taken struct{ in signalling.Incoming }

func (t *taken) Accept(in signalling.Incoming) (signalling.Reason, bool) {
	t.in = in
	return signalling.Reason{}, true
}

// everybody may ring.
type everybody struct{}

func (everybody) Ring(signalling.Party, string) (signalling.Reason, bool) {
	return signalling.Reason{}, true
}

func germany(t *testing.T) *number.Plan {
	t.Helper()
	german, err := number.New("DE")
	if err != nil {
		t.Fatal(err)
	}
	return german
}

func TestTrunksWriteNumbersAsTheyPlease(t *testing.T) {
	plan := signalling.Plan{Inbound: []signalling.Inbound{{To: "+493023125701", User: "@alice:example.org"}, {To: "1001", User: "@bob:example.org"}}}
	german := germany(t)
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
		r := reader{switchboard: got, plan: plan, numbers: german, rings: everybody{}}
		r.Accept(signalling.Incoming{Via: "pbx", To: signalling.Party{Number: c.to}, From: signalling.Party{Number: c.from, Name: "A"}})
		if got.in.To.Number != c.wantTo || got.in.From.Number != c.wantFrom || got.in.From.Name != "A" {
			t.Errorf("%s from %s became %s from %s", c.to, c.from, got.in.To.Number, got.in.From.Number)
		}
	}
}

// T25 in the other direction: who is blocked, or rings too often, reaches no
// switchboard, and is counted.
func TestCallersWhoMayNotRing(t *testing.T) {
	german := germany(t)
	p := permit.New(permit.Options{Config: permit.Defaults(), Dialing: permit.Dialing{Block: []string{"+4930666*"}}, Numbers: german})
	got, refusals := &taken{}, []signalling.Cause{}
	plan := signalling.Plan{Inbound: []signalling.Inbound{{To: "+493023125701", User: "@alice:example.org"}, {To: "+493023125702", User: "@alice:example.org"},
		{To: "+493023125703", Users: []string{"@bob:example.org", "@alice:example.org"}}}}
	r := reader{got, plan, german, p, func(_ signalling.Incoming, why signalling.Reason) { refusals = append(refusals, why.Cause) }}
	ring := func(to, from string) (signalling.Cause, bool) {
		why, ok := r.Accept(signalling.Incoming{Via: "pbx", To: signalling.Party{Number: to}, From: signalling.Party{Number: from}})
		return why.Cause, ok
	}
	if cause, ok := ring("+493023125701", "030 666 123"); ok || cause != signalling.Rejected {
		t.Errorf("a blocked caller: %v, %v", cause, ok)
	}
	for i, to := range []string{"+493023125701", "03023125702", "+493023125701", "03023125702"} {
		if cause, ok := ring(to, "03012345"); ok != (i < 3) || !ok && cause != signalling.Busy {
			t.Errorf("ring %d of one user by one caller: %v, %v", i+1, cause, ok)
		}
	}
	for i, to := range []string{"+493023125703", "+493023125701", "+493023125703", "+493023125703"} { // in a group she is rung as well
		if cause, ok := ring(to, "03012399"); ok != (i < 3) || !ok && cause != signalling.Busy {
			t.Errorf("ring %d of one user, alone or in a group: %v, %v", i+1, cause, ok)
		}
	}
	if _, ok := ring("+493023125709", "03012345"); !ok {
		t.Error("a number that rings nobody is the exchange's to refuse")
	}
	if len(refusals) != 3 {
		t.Errorf("told of %v", refusals)
	}
}

func TestEmergenciesHaveATrunkOfTheirOwn(t *testing.T) {
	cfg := load(t)
	cfg.Dialing.Emergency = "trunk:rescue"
	g := &Gateway{cfg: cfg}
	find := func(via, number string) signalling.Target {
		target, _, _ := g.router(germany(t)).Find(signalling.Incoming{Via: via, To: signalling.Party{Number: number}})
		return target
	}
	for number, via := range map[string]string{"112": "rescue", "110": "rescue", "1101": "pbx", "+493012345": "pbx"} {
		if target := find(signalling.Matrix, number); target.Via != via {
			t.Errorf("%s goes to %q", number, target.Via)
		}
	}
	if target := find("pbx", "112"); target.Via != "" {
		t.Errorf("a trunk's call goes out to %q", target.Via)
	}
	cfg.Dialing.Emergency = permit.Block
	if target := find(signalling.Matrix, "112"); target.Via == "rescue" {
		t.Error("emergencies are blocked, and routed")
	}
	cfg.Routes.Outbound = nil
	if _, why, ok := g.router(germany(t)).Find(signalling.Incoming{Via: signalling.Matrix, To: signalling.Party{Number: "112"}}); ok || why.Detail != permit.NoEmergency {
		t.Errorf("an emergency that no rule routes: %v", why)
	}
}

// Ten thousand users and callers add no series to the metrics (P5 of the threats).
func TestLabelsAreBounded(t *testing.T) {
	m, reg := register()
	p := permit.New(permit.Options{Config: permit.Defaults(), Dialing: permit.Dialing{Emergency: permit.Block}, Numbers: germany(t), Refused: m.forbid})
	before, err := testutil.GatherAndCount(reg)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10_000 {
		p.Admit(fmt.Sprintf("@u%d:evil.org", i), "+493012345")
		p.Ring(signalling.Party{Number: fmt.Sprint("+4930", i)}, "@alice:example.org")
	}
	if after, err := testutil.GatherAndCount(reg); err != nil || after != before {
		t.Errorf("%d series became %d, %v", before, after, err)
	}
}
