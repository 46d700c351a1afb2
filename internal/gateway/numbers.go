package gateway

import (
	"roomline/signalling"
	"roomline/signalling/number"
)

// switchboard takes calls in.
type switchboard interface {
	Accept(signalling.Incoming) (signalling.Reason, bool)
}

// reader reads the numbers of calls from trunks, which write them as they
// please, before the exchange routes by them and the room shows them.
type reader struct {
	switchboard
	plan    signalling.Plan
	numbers *number.Plan
}

// Accept implements sip.Switchboard.
func (r reader) Accept(in signalling.Incoming) (signalling.Reason, bool) {
	in.From.Number = r.read(in.From.Number)
	if _, _, ok := r.plan.Find(in); !ok { // a rule may be for the number as the trunk writes it
		in.To.Number = r.read(in.To.Number)
	}
	return r.switchboard.Accept(in)
}

// read leaves alone what is no number: a withheld one is empty, and a PBX may
// send a name.
func (r reader) read(written string) string {
	if n, err := r.numbers.Parse(written); err == nil {
		return n
	}
	return written
}
