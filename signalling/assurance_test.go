package signalling

import "testing"

// S13: what a caller merely says is called that, wherever people read it.
func TestRemark(t *testing.T) {
	write := func(n string) string { return "0" + n[3:] }
	for _, c := range []struct {
		party Party
		want  string
	}{
		{Party{}, ""},
		{Party{Number: "+4930"}, ""},
		{Party{Number: "+4930", Assured: Unverified}, " (number not verified)"},
		{Party{Number: "+4930", Assured: Verified}, " (number verified)"},
		{Party{Number: "+4930", Assured: Doubtful, Forwarder: "+4940"}, " (forwarded from 040; the number may be forged)"},
		{Party{Hidden: true, Assured: Unverified}, ""},
		{Party{Hidden: true, Forwarder: "+4940"}, " (forwarded from 040)"},
		{Party{Assured: Unverified}, ""},
	} {
		if got := c.party.Remark(write); got != c.want {
			t.Errorf("%+v: %q, want %q", c.party, got, c.want)
		}
	}
}

func TestVerstatInTheRecord(t *testing.T) {
	in := Incoming{Via: "pbx", From: Party{Number: "+4930", Assured: Doubtful, Forwarder: "+4940"}, Attest: "C", OrigID: "x"}
	r := refusal(in, Reason{}, nil)
	if r.Verstat != "TN-Validation-Failed" || r.Forwarder != "+4940" || r.Attest != "C" || r.OrigID != "x" {
		t.Errorf("%+v", r)
	}
	if r = refusal(Incoming{From: Party{Number: "+4930"}}, Reason{}, nil); r.Verstat != "" {
		t.Errorf("%+v", r)
	}
}
