package signalling

import "testing"

// A room hears which trunk's words it is shown; a trunk, and the record, get the bare ones.
func TestTold(t *testing.T) {
	c := &call{}
	c.cause, c.By = HungUp, B
	c.parts[A].via, c.parts[B].via = Matrix, "asterisk"
	said := Reason{Cause: Unallocated, Detail: "404 Not Found"}
	for want, a := range map[string]Action{
		"trunk asterisk: 404 Not Found": {Side: A, Reason: said},
		"404 Not Found":                 {Side: B, Reason: said},
		"":                              {Side: A, Reason: Reason{Cause: Busy}},
	} {
		if got := c.told(a).Detail; got != want {
			t.Errorf("%v is told %q, expected %q", a.Side, got, want)
		}
	}
	c.cause = TimedOut
	if got := c.told(Action{Side: A, Reason: said}).Detail; got != said.Detail {
		t.Errorf("our own words became %q", got)
	}
}
