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
// please, before the exchange routes by them and the room shows them. Callers
// who may not ring are refused here.
type reader struct {
	switchboard
	plan    signalling.Plan
	numbers *number.Plan
	rings   rings
	refused func(signalling.Incoming, signalling.Reason)
}

// rings says who may ring whom; permit.Permit does it.
type rings interface {
	Ring(from signalling.Party, called string) (signalling.Reason, bool)
}

// Accept implements sip.Switchboard.
func (r reader) Accept(in signalling.Incoming) (signalling.Reason, bool) {
	in.From.Number = r.read(in.From.Number)
	target, _, ok := r.plan.Find(in)
	if !ok { // a rule may be for the number as the trunk writes it
		in.To.Number = r.read(in.To.Number)
		target, _, ok = r.plan.Find(in)
	}
	if !ok {
		return r.switchboard.Accept(in)
	}
	for _, one := range append([]signalling.Target{target}, target.Also...) {
		if why, may := r.rings.Ring(in.From, one.To.User+one.Room); !may {
			r.refused(in, why)
			return why, false
		}
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
